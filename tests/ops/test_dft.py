"""The DFT by matrices against NumPy's FFT, and its zeros."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upprint.ops.dft import dft2


@pytest.mark.parametrize("size", [(8, 8), (7, 12), (64, 30)])
def test_equals_numpy(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, *size)).astype(np.uint8)
    real, imaginary = dft2(torch.from_numpy(x))
    expected = np.fft.fft2(x)
    np.testing.assert_allclose(real.numpy() + 1j * imaginary.numpy(), expected, atol=1e-7)


def test_vanishing_frequencies_vanish() -> None:
    x = np.random.default_rng(0).integers(0, 256, (32, 32)).repeat(2, 0).repeat(2, 1)
    real, imaginary = dft2(torch.from_numpy(x))
    assert max(real[32].abs().max(), imaginary[32].abs().max()) < 1e-7
