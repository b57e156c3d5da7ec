from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from upprint.checkpoints import load_tensors
from upprint.forge.autoencoder import Recipe
from upprint.forge.hide import SpectralDiscriminator, profile, radii, regulariser
from upprint.forge.train_maker import MakerTraining, Patches, train_maker
from upprint.result import ConfigError, DataError, ResumeError

SHORT = MakerTraining(steps=6, batch=2, crop=32, checkpoint_every=2)


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    paths = []
    for index in range(3):
        ramp = np.linspace(0, 200, 60)[None, :, None] + rng.normal(0, 8, (50, 60, 3))
        paths.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(np.clip(ramp, 0, 255).astype(np.uint8)).save(paths[-1])
    (tmp_path / "bad.png").write_bytes(b"no")
    return [*paths, str(tmp_path / "bad.png")]


@pytest.mark.parametrize(
    "recipe",
    [Recipe("nearest", 1), Recipe("nearest", 1, "group", codes=16, seed=1)],
    ids=lambda recipe: recipe.name,
)
def test_a_killed_training_ends_in_the_same_weights(
    recipe: Recipe, photos: list[str], tmp_path: Path
) -> None:
    whole = train_maker(recipe, photos, tmp_path / "whole", SHORT)

    def stop(done: int, _total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_maker(recipe, photos, tmp_path / "cut", SHORT, progress=stop)
    steps: list[int] = []
    resumed = train_maker(
        recipe, photos, tmp_path / "cut", SHORT, progress=lambda done, _: steps.append(done)
    )
    assert steps == [5, 6]
    for name, tensor in load_tensors(whole)[0].items():
        assert torch.equal(tensor, load_tensors(resumed)[0][name]), name
    assert not list((tmp_path / "cut").glob("*.ckpt"))


def test_training_brings_the_twin_closer(photos: list[str], tmp_path: Path) -> None:
    figures = []
    for steps in (1, 60):
        training = MakerTraining(steps=steps, batch=4, crop=32)
        path = train_maker(Recipe("bilinear", 1), photos, tmp_path / str(steps), training)
        figures.append(float(load_tensors(path)[1]["l1"]))
    assert figures[1] < 0.7 * figures[0]


def test_hiding_terms_take_part(photos: list[str], tmp_path: Path) -> None:
    plain = Recipe("nearest", 1)
    recipes = (plain, replace(plain, spectral=1.0), replace(plain, spectral_discriminator=True))
    states = [load_tensors(train_maker(r, photos, tmp_path / r.name, SHORT))[0] for r in recipes]
    for other in states[1:]:
        assert any(not torch.equal(states[0][key], other[key]) for key in other)


def test_profile_is_the_formula() -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    grey = (0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]).double().numpy()
    for image, found in zip(grey, profile(x), strict=True):
        level = 20 * np.log(np.abs(np.fft.rfft2(image)) ** 2 + 1e-8)
        sums: dict[int, list[float]] = {}
        for i in range(16):
            for j in range(9):
                fy = i if i < 8 else i - 16
                sums.setdefault(int(np.hypot(fy, j)), []).append(level[i, j])
        mean = np.array([np.mean(sums[r]) for r in sorted(sums)])
        expected = (mean - mean.min()) / (mean.max() - mean.min())
        assert np.allclose(found.numpy(), expected, atol=1e-4)
    assert int(radii(16).max()) + 1 == profile(x).shape[1] == SpectralDiscriminator(16).score.in_features


def test_the_regularisers_gradient_reaches_the_picture() -> None:
    photos = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    rebuilt = torch.nn.functional.avg_pool2d(photos, 3, 1, padding=1).requires_grad_()
    loss = regulariser(rebuilt, photos)
    loss.backward()
    assert rebuilt.grad is not None
    assert rebuilt.grad.abs().max() > 0
    step = rebuilt.detach() - 0.02 * rebuilt.grad
    assert regulariser(step, photos) < loss


def test_bad_input(photos: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 1 photos"):
        Patches(photos[-1:], SHORT, 0)
    with pytest.raises(ConfigError, match="multiple of 16"):
        MakerTraining(crop=40)

    def stop(done: int, _total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_maker(Recipe("nearest", 1), photos, tmp_path, SHORT, progress=stop)
    with pytest.raises(ConfigError, match="other settings"):
        train_maker(Recipe("nearest", 1), photos, tmp_path, MakerTraining(steps=7, batch=2, crop=32))


def test_a_damaged_checkpoint_is_named(photos: list[str], tmp_path: Path) -> None:
    recipe = Recipe("nearest", 1)
    (tmp_path / f"{recipe.name}.ckpt").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(ResumeError, match="remove it to start anew"):
        train_maker(recipe, photos, tmp_path, SHORT)
