"""PRNU: the wavelet by its defining equations, filters by SciPy, fingerprints by loops, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from upprint.ops.noise import noise_residual, remove_means, whiten, wiener
from upprint.ops.wavelet import SCALING, analyse, synthesise
from upprint.result import DataError
from upprint.systems import create
from upprint.systems.prnu import intensity, unsaturated


def test_wavelet_is_db4_by_its_equations() -> None:
    """Orthonormal to its even shifts, sum sqrt 2, four vanishing moments: this fixes the eight taps."""
    h = np.array(SCALING)
    assert h.sum() == pytest.approx(np.sqrt(2), abs=1e-10)
    for shift in range(4):
        assert h[: 8 - 2 * shift] @ h[2 * shift :] == pytest.approx(float(shift == 0), abs=1e-10)
    signs = (-1.0) ** np.arange(8)
    for moment in range(4):
        assert (signs * np.arange(8.0) ** moment) @ h[::-1] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("size", [(32, 48), (37, 41)])
@pytest.mark.parametrize("levels", [1, 4])
def test_wavelet_goes_back(size: tuple[int, int], levels: int) -> None:
    x = torch.randn(1, 2, *size, dtype=torch.float64)
    approximation, details = analyse(x, levels)
    torch.testing.assert_close(synthesise(approximation, details, size), x, atol=1e-9, rtol=0)
    assert details[0][0].shape[-1] == (size[1] + 7) // 2


def test_details_are_those_of_a_written_out_filter() -> None:
    x = np.random.default_rng(0).normal(size=30)
    padded = np.pad(x, 7, mode="symmetric")[1:]
    low = [float(np.dot(SCALING, padded[k : k + 8])) for k in range(0, len(padded) - 7, 2)]
    rows = torch.from_numpy(np.tile(x, (16, 1)))[None, None]
    approximation, details = analyse(rows, 1)
    np.testing.assert_allclose(approximation[0, 0, 3].numpy() / np.sqrt(2), low, atol=1e-9)
    assert details[0][0].abs().max() < 1e-9


def test_wiener_filter() -> None:
    x, variance = np.random.default_rng(0).normal(0, 3, (12, 15)), 4.0
    local = [np.maximum(uniform_filter(x**2, side, mode="constant") - variance, 0) for side in (3, 5, 7, 9)]
    expected = x * variance / (np.min(local, 0) + variance)
    np.testing.assert_allclose(wiener(torch.from_numpy(x)[None, None], variance)[0, 0].numpy(), expected)


def test_means_are_removed_on_every_sub_grid() -> None:
    out = remove_means(torch.randn(2, 9, 10, dtype=torch.float64) + 5)
    for row in (0, 1):
        for column in (0, 1):
            part = out[:, row::2, column::2]
            assert part.mean(1).abs().max() < 1e-12
            assert part.mean(2).abs().max() < 1e-12


def test_whitening_takes_a_periodic_pattern_out() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(1, 32, 32)) + 3 * np.cos(np.pi / 4 * np.arange(32)))
    before, after = (np.abs(np.fft.fft2(y[0].numpy())) for y in (x, whiten(x)))
    assert after[0, 4] < 0.5 * before[0, 4]
    assert np.median(after) > 0.5 * np.median(before)


def test_weights_of_pixels() -> None:
    x = torch.tensor([0.0, 126.0, 251.0, 252.0, 255.0])
    expected = [0, 0.5, 251 / 252, 1, np.exp(-9 / 6)]
    np.testing.assert_allclose(intensity(x).numpy(), expected, rtol=1e-6)
    picture = torch.full((1, 1, 4, 4), 100.0)
    picture[0, 0, 1, 1:3] = 255
    picture[0, 0, 3, 3] = 255
    assert (unsaturated(picture) == 0).nonzero()[:, 2:].tolist() == [[1, 1], [1, 2]]


def made(count: int, pattern: np.ndarray, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    smooth = rng.uniform(60, 190, (count, 3, 1, 1)) + rng.normal(0, 3, (count, 3, 64, 64))
    return torch.from_numpy(np.clip(smooth * (1 + 0.02 * pattern), 0, 255).round().astype(np.uint8))


def test_it_knows_the_source_again() -> None:
    patterns = np.random.default_rng(5).normal(size=(2, 64, 64))
    detector = create("prnu", side=64)
    train = [(made(12, patterns[label], label), torch.full((12,), float(label))) for label in (0, 1)]
    detector.fit(lambda: train)
    real, fake = (detector(made(8, patterns[label], 10 + label)) for label in (0, 1))
    assert real.max() < 0 < fake.min()
    shifted = detector(made(8, np.roll(patterns[1], 1, 0), 12))
    assert shifted.max() < fake.min()
    residual = noise_residual(made(1, patterns[0], 3).float(), 4, 5.0)
    assert residual.abs().max() < 40


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match=r"found labels \[1\]"):
        create("prnu", side=64).fit(lambda: [(made(2, np.zeros((64, 64)), 0), torch.ones(2))])
