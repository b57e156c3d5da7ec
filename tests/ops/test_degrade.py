"""The degradations against their definitions: block mean by a loop, who is changed, by how much."""

from __future__ import annotations

import pytest
import torch

from upprint.ops.degrade import STRENGTHS, block_mean, degrade, gray, noise
from upprint.result import ConfigError


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_block_mean_is_the_mean_of_the_sixteen_phases() -> None:
    x = torch.rand(2, 3, 8, 12, dtype=torch.float64, generator=draws())
    phases = [x[:, :, i::4, j::4] for i in range(4) for j in range(4)]
    torch.testing.assert_close(block_mean(x), torch.stack(phases).mean(0))


def test_block_mean_names_the_size() -> None:
    with pytest.raises(ConfigError, match="10 x 8 pixels: expected multiples of 4"):
        block_mean(torch.zeros(1, 3, 8, 10))


def test_gray_takes_the_unweighted_mean_of_a_fraction_of_pixels() -> None:
    x = torch.rand(2, 3, 100, 100, generator=draws())
    changed = gray(x, torch.tensor([0.1, 0.25]), draws(1))
    mean = x.mean(1, keepdim=True).expand_as(x)
    touched = (changed != x).any(1)
    shares = touched.float().mean((1, 2))
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.25]), atol=0.02, rtol=0)
    mask = touched[:, None].expand_as(x)
    assert torch.equal(changed[mask], mean[mask])


def test_noise_has_the_given_deviation() -> None:
    x = torch.full((2, 3, 100, 100), 0.99)
    changed = noise(x, torch.tensor([4 / 255, 10 / 255]), draws())
    deviation = (changed - x).flatten(1).std(1)
    torch.testing.assert_close(deviation, torch.tensor([4 / 255, 10 / 255]), rtol=0.05, atol=0)
    assert changed.max() > 1  # not clipped


@pytest.mark.parametrize("variant", STRENGTHS)
@pytest.mark.parametrize("auxiliary", ["gray", "noise"])
def test_the_stated_share_of_pictures_is_changed(auxiliary: str, variant: str) -> None:
    x = torch.rand(64, 3, 6, 6, generator=draws())
    before = x.clone()
    changed = []
    for seed in range(20):
        out = degrade(x, auxiliary, variant, draws(seed))
        changed.append((out != x).flatten(1).any(1))
    assert torch.equal(x, before)
    hits = torch.stack(changed).float()
    if STRENGTHS[variant].whole_batch:
        per_batch = hits.mean(1)
        assert ((per_batch == 0) | (per_batch > 0.9)).all()
        assert 0.2 < (per_batch > 0).float().mean() < 0.8
    else:
        assert float(hits.mean()) == pytest.approx(STRENGTHS[variant].share, abs=0.06)


def test_draws_follow_from_the_generator() -> None:
    x = torch.rand(8, 3, 4, 4, generator=draws())
    one, two = (degrade(x, "gray+noise", "paper", draws(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, degrade(x, "gray+noise", "paper", draws(6)))
    assert torch.equal(degrade(x, "none", "paper", draws()), x)


@pytest.mark.parametrize("names", [("grey", "paper"), ("gray", "papers")])
def test_unknown_names_list_the_known(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="expected one of none, gray, noise"):
        degrade(torch.zeros(1, 3, 4, 4), *names, draws())
