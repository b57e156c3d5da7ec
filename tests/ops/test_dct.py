from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from upprint.ops.dct import dct2, dct_basis, log_dct2


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 3, 16, 24), (4, 7), (3, 1, 5)])
def test_equals_scipy(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(0, 255, shape)
    wanted = dctn(x, type=2, norm="ortho", axes=(-2, -1))
    np.testing.assert_allclose(dct2(torch.from_numpy(x)).numpy(), wanted, rtol=0, atol=1e-9)


def test_bytes_become_float32() -> None:
    x = np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64), np.uint8)
    found = dct2(torch.from_numpy(x))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), dctn(x.astype(float), norm="ortho", axes=(-2, -1)), atol=5e-3)


@pytest.mark.parametrize("size", [1, 2, 63, 512])
def test_basis_is_orthonormal(size: int) -> None:
    basis = dct_basis(size, dtype=torch.float64)
    torch.testing.assert_close(basis @ basis.T, torch.eye(size, dtype=torch.float64), atol=1e-12, rtol=0)


def test_autocast_does_not_lower_it() -> None:
    x = torch.rand(1, 3, 32, 32) * 255
    with torch.autocast("cpu", torch.bfloat16):
        found = dct2(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, dct2(x), atol=0, rtol=0)


def test_log_magnitude() -> None:
    x = np.random.default_rng(2).uniform(0, 255, (1, 1, 8, 8))
    wanted = np.log(np.abs(dctn(x, norm="ortho", axes=(-2, -1))) + 0.5)
    np.testing.assert_allclose(log_dct2(torch.from_numpy(x), 0.5).numpy(), wanted, atol=1e-9)
    flat = log_dct2(torch.full((1, 1, 4, 4), 7.0), 0.5)
    assert flat[0, 0, 0, 0].item() == pytest.approx(np.log(28.5), rel=1e-6)
    assert flat[0, 0, 1, 2].item() == pytest.approx(np.log(0.5), abs=1e-4)
