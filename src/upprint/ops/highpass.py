"""High-frequency parts of maps by cutting a block out of their spectrum (Tan et al., FreqNet, AAAI 2024)."""

from __future__ import annotations

import torch
from torch import Tensor

from upprint.ops.fft import widened


def cut_space(x: Tensor) -> Tensor:
    """Zero the middle half (each way) of the shifted two-dimensional spectrum, go back, real part.

    Args:
        x: (N, C, H, W).

    Returns:
        The same shape; may be negative, float32 at least.
    """
    spectrum = torch.fft.fft2(widened(x), norm="ortho")
    keep = ~(_middle(x.shape[-2], x)[:, None] & _middle(x.shape[-1], x)[None])
    high: Tensor = torch.fft.ifft2(spectrum * keep, norm="ortho").real
    return high


def cut_channels(x: Tensor) -> Tensor:
    """The same along the channel axis alone."""
    spectrum = torch.fft.fft(widened(x), dim=1, norm="ortho")
    kept = spectrum * ~_middle(x.shape[1], x)[:, None, None]
    high: Tensor = torch.fft.ifft(kept, dim=1, norm="ortho").real
    return high


def _middle(size: int, x: Tensor) -> Tensor:
    """True at the entries of an unshifted spectrum that lie in [size//2 - size//4, size//2 + size//4)
    shifted."""
    shifted = torch.arange(size, device=x.device)
    inside = (shifted >= size // 2 - size // 4) & (shifted < size // 2 + size // 4)
    unshifted: Tensor = torch.fft.ifftshift(inside)
    return unshifted
