"""Maps tile by tile against maps of the whole picture."""

from __future__ import annotations

import pytest
import torch

from upprint.result import ConfigError
from upprint.resynthesis.tiles import reach, residual_map
from upprint.systems import create


@pytest.mark.parametrize(("branch", "stage"), [("pixel", 0), (1, 1), (4, 4), (5, 5)])
@pytest.mark.parametrize("size", [(150, 99), (5, 130)])
def test_tiles_equal_the_whole(branch: object, stage: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    f = create("resynthesis", branch=branch, light=True, rdn=[4, 4, 1, 1], perceptual="small").representation
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    with torch.no_grad():
        whole = f(image[None])[0]
    tiled = residual_map(f, image, tile=32)
    assert tiled.shape == whole.shape
    torch.testing.assert_close(tiled, whole, atol=2e-6, rtol=1e-4)
    assert reach(f, stage) == 7 * 4 + 4 + (0, 1, 4, 10, 22, 46)[stage]


def test_a_narrow_margin_changes_the_seams_alone() -> None:
    torch.manual_seed(0)
    f = create("resynthesis", light=True, rdn=[8, 8, 1, 4]).representation
    image = torch.randint(0, 256, (3, 64, 128), dtype=torch.uint8)
    whole, cut = residual_map(f, image, tile=64), residual_map(f, image, tile=64, margin=0)
    differs = (whole != cut).any(0).any(0).nonzero().flatten()
    assert len(differs) > 0
    assert int(differs.min()) >= 64 - reach(f, 0)
    assert int(differs.max()) < 64 + reach(f, 0)


def test_branches_of_an_average() -> None:
    torch.manual_seed(0)
    f = create(
        "resynthesis", branch="avg", light=True, rdn=[4, 4, 1, 1], perceptual="small", own_phi=True
    ).representation
    image = torch.randint(0, 256, (3, 64, 48), dtype=torch.uint8)
    with torch.no_grad():
        maps = f(image[None])
    for index, found in enumerate(maps):
        torch.testing.assert_close(
            residual_map(f, image, branch=index, tile=32), found[0], atol=2e-6, rtol=1e-4
        )


@pytest.mark.parametrize("wrong", [{"tile": 20}, {"tile": 0}, {"margin": -1}])
def test_wrong_tiles_are_refused(wrong: dict[str, int]) -> None:
    f = create("resynthesis", light=True, rdn=[4, 4, 1, 1]).representation
    with pytest.raises(ConfigError, match="expected"):
        residual_map(f, torch.zeros(3, 32, 32, dtype=torch.uint8), **wrong)
