from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from upprint.checkpoints import load_tensors, save_tensors
from upprint.forge import graft
from upprint.forge.autoencoder import Recipe, enlarge
from upprint.forge.makers import (
    RECIPES,
    SHIPPED,
    UNITS,
    build_network,
    find_recipe,
    list_shipped,
    load_maker,
    open_maker,
    save_maker,
)
from upprint.forge.vq import CodeBook
from upprint.result import ConfigError, WeightsError


def images(seed: int, count: int = 2, height: int = 32, width: int = 48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, height, width, generator=generator)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_builds_runs_and_learns(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name
    model = build_network(recipe)
    x = images(0)
    rebuilt, loss = model(x)
    assert rebuilt.shape == x.shape
    (functional.mse_loss(rebuilt, x) + loss).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert any(p.grad.abs().max() > 0 for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_units_double_height_and_width(unit: str) -> None:
    torch.manual_seed(0)
    x = images(1)[:, :, :6, :8]
    pooled, places = functional.max_pool2d(x, 2, return_indices=True)
    module = UNITS[unit](3, 5)
    assert module(*((pooled, places) if unit == "unpool" else (pooled,))).shape == (2, 5, 6, 8)


def test_bilinear_is_zero_insertion_and_stylegans_filter() -> None:
    x = images(2)[:, :, :8, :8].double()
    inserted = torch.zeros(2, 3, 16, 16, dtype=torch.double)
    inserted[:, :, ::2, ::2] = x
    taps = torch.tensor([1.0, 3, 3, 1], dtype=torch.double) / 4
    kernel = torch.outer(taps, taps)[None, None].repeat(3, 1, 1, 1)
    filtered = functional.conv2d(functional.pad(inserted, (2, 1, 2, 1)), kernel, groups=3)
    inner = (..., slice(2, -2), slice(2, -2))
    assert torch.allclose(enlarge(x, "bilinear")[inner], filtered[inner])


def test_a_twin_keeps_its_photos_local_means() -> None:
    x = images(3, 1, 64, 64)
    rebuilt = build_network(find_recipe("transposed4-2-instance-s6"))(x)[0]
    means = [functional.avg_pool2d(t, 16)[..., 1:-1, 1:-1] for t in (x, rebuilt)]
    assert (means[0] - means[1]).abs().max() < 0.15
    assert (x - rebuilt).abs().max() > 0.2


def test_the_code_book_gives_its_nearest_entry_and_gradients_pass() -> None:
    torch.manual_seed(0)
    book = CodeBook(8, 16)
    latents = torch.randn(2, 8, 3, 5, requires_grad=True)
    quantised, loss = book(latents)
    parts = latents.detach().permute(0, 2, 3, 1).reshape(-1, 2)
    found = quantised.detach().permute(0, 2, 3, 1).reshape(-1, 2)
    for part, entry in zip(parts, found, strict=True):
        nearest = min(book.entries.detach(), key=lambda e: float((e - part).square().sum()))
        assert torch.allclose(entry, nearest, atol=1e-6)
    quantised.sum().backward(retain_graph=True)
    assert torch.allclose(latents.grad, torch.ones_like(latents))
    assert loss > 0


def test_weights_come_back_and_name_their_recipe(tmp_path: Path) -> None:
    recipe = Recipe("nearest", 1, seed=5)
    model = build_network(recipe)
    path = tmp_path / "maker.safetensors"
    digest = save_maker(model, path, {})
    made = load_maker(path)
    assert (made.name, made.stride) == ("nearest-1-s5", 2)
    assert made.parameters["weights"] == digest
    photo = (images(4, 1)[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
    half = {k: v.half().float() for k, v in model.state_dict().items()}
    model.load_state_dict(half)
    with torch.no_grad():
        expected = model(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)[0].clamp(0, 1)
    assert np.abs(made.make([photo])[0] - (expected[0] * 255).round().permute(1, 2, 0).numpy()).max() <= 1


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "maker.safetensors"
    save_tensors({"x": torch.ones(1)}, path, {})
    with pytest.raises(WeightsError, match="not a maker's weights"):
        load_maker(path)
    model = build_network(Recipe("nearest", 1))
    save_maker(model, path, {})
    tensors, metadata, _ = load_tensors(path)
    wrong = {**metadata, "recipe": json.dumps({"unit": "nearest", "stages": 2})}
    save_tensors(tensors, path, wrong)
    with pytest.raises(WeightsError, match="weights do not fit"):
        load_maker(path)


def test_names() -> None:
    with pytest.raises(ConfigError, match="did you mean nearest-3-group-s1"):
        open_maker("nearest-3-group")
    with pytest.raises(ConfigError, match="no up-sampling unit"):
        build_network(Recipe("magic", 1))
    with pytest.raises(ConfigError, match="expected 1 to 4"):
        Recipe("nearest", 5)
    assert replace(find_recipe("nearest-2-s2"), spectral=1.0).name == "nearest-2-r-s2"


def test_shipped_makers_load_and_are_small() -> None:
    assert set(list_shipped()) <= set(RECIPES)
    assert len(list_shipped()) >= 6
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 10_000_000
    photo = (images(5, 1)[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
    for name in list_shipped():
        twin = open_maker(name).make([photo])[0]
        assert twin.shape == photo.shape
        assert not np.array_equal(twin, photo)


def test_grafts_are_what_they_say() -> None:
    y, x = np.mgrid[:64, :64]
    photo = np.stack([128 + 40 * np.sin(x / 9) + 30 * np.cos(y / 7)] * 3, -1)

    def spectrum(pixels: np.ndarray) -> np.ndarray:
        return np.abs(np.fft.fft2(pixels[..., 0]))

    clean = spectrum(photo)
    peaks = spectrum(graft.peaks(np.full((64, 64, 3), 128.0)))
    places = {(0, 32), (32, 0), (0, 16), (0, 48), (16, 0), (48, 0), (0, 8), (0, 56), (8, 0), (56, 0), (0, 0)}
    assert {tuple(map(int, place)) for place in np.argwhere(peaks > 1)} == places
    gained = spectrum(graft.gain(photo))
    assert gained[0, 0] == pytest.approx(clean[0, 0])
    assert gained[0, 32] == pytest.approx(0.7 * clean[0, 32], rel=1e-6)
    constant = graft.zeros(np.full((8, 8, 3), 90.0))
    assert np.allclose(constant[2:-2, 2:-2], 90)
    made = open_maker("graft-peaks")
    assert made.make([photo.astype(np.uint8)])[0].dtype == np.uint8
    with pytest.raises(ConfigError, match="graft-zeros"):
        graft.maker("graft-none")
