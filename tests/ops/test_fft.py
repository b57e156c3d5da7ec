from __future__ import annotations

import numpy as np
import pytest
import torch

from upprint.ops.fft import log_spectrum, spectrum


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 3, 15, 24), (4, 7)])
def test_equals_numpy(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(0, 255, shape)
    wanted = np.abs(np.fft.fftshift(np.fft.fft2(x, norm="ortho"), axes=(-2, -1)))
    np.testing.assert_allclose(spectrum(torch.from_numpy(x)).numpy(), wanted, rtol=0, atol=1e-9)
    logs = log_spectrum(torch.from_numpy(x), 0.25).numpy()
    np.testing.assert_allclose(logs, np.log(wanted + 0.25), rtol=0, atol=1e-9)


def test_a_cosine_has_two_peaks() -> None:
    x = torch.cos(2 * torch.pi * 5 * torch.arange(32) / 32).repeat(32, 1)
    found = spectrum(x)
    assert torch.nonzero(found > 1e-3).tolist() == [[16, 11], [16, 21]]


def test_bytes_under_autocast() -> None:
    x = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        found = spectrum(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, spectrum(x), atol=0, rtol=0)
