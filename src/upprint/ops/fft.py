"""Magnitude spectra of pictures (orthonormal two-dimensional FFT)."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-12


def spectrum(images: Tensor) -> Tensor:
    """|FFT| of every channel, orthonormal, the zero frequency moved to (H // 2, W // 2).

    Args:
        images: (..., H, W), real; integers are taken as float32.

    Returns:
        (..., H, W), floating point, not negative.
    """
    x = images if images.is_floating_point() else images.to(torch.float32)
    with torch.autocast(x.device.type, enabled=False):
        transform: Tensor = torch.fft.fft2(x, norm="ortho")
        shifted: Tensor = torch.fft.fftshift(transform, dim=(-2, -1))
    return shifted.abs()


def widened(x: Tensor) -> Tensor:
    """float32 where `x` is narrower: transforms know neither bf16 nor, on processors, half precision."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def log_spectrum(images: Tensor, floor: float = FLOOR) -> Tensor:
    """ln(|FFT| + floor), the shape of `images`; `floor` is in grey levels."""
    return torch.log(spectrum(images) + floor)
