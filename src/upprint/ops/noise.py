"""Noise residuals as camera forensics takes them: wavelet Wiener filter, mean removal, whitening."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from upprint.ops.wavelet import Details, analyse, synthesise

WINDOWS = (3, 5, 7, 9)


def wiener(x: Tensor, variance: Tensor | float) -> Tensor:
    """x s² / (v + s²): what of x looks like noise of variance s²; see `wiener_gain`.

    Args:
        x: (N, C, H, W).
        variance: s², a number or broadcastable to x.
    """
    return x * wiener_gain(x, variance)


def wiener_gain(x: Tensor, variance: Tensor | float) -> Tensor:
    """s² / (v + s²), v the smallest over windows of 3, 5, 7, 9 of max(0, mean of x² - s²); outside is 0."""
    squares = x * x
    local = [
        (functional.avg_pool2d(squares, side, 1, side // 2, count_include_pad=True) - variance).clamp(min=0)
        for side in WINDOWS
    ]
    smallest = torch.stack(local).amin(0)
    return variance / (smallest + variance)


def noise_residual(x: Tensor, levels: int, sigma: float) -> Tensor:
    """The picture's details that look like noise of standard deviation `sigma`; same shape (N, C, H, W)."""
    approximation, details = analyse(x, levels)
    kept: list[Details] = [
        (wiener(a, sigma**2), wiener(b, sigma**2), wiener(c, sigma**2)) for a, b, c in details
    ]
    return synthesise(torch.zeros_like(approximation), kept, (x.shape[-2], x.shape[-1]))


def remove_means(x: Tensor) -> Tensor:
    """Subtract row and column means on each of the four sub-grids of even and odd places; (N, H, W)."""
    out = torch.empty_like(x)
    for row in (0, 1):
        for column in (0, 1):
            part = x[:, row::2, column::2]
            centred = part - part.mean((1, 2), keepdim=True)
            out[:, row::2, column::2] = (
                centred - centred.mean(2, keepdim=True) - centred.mean(1, keepdim=True)
            )
    return out


def whiten(x: Tensor) -> Tensor:
    """Damp peaks of the DFT magnitude by the same Wiener filter, s the map's own deviation; (N, H, W)."""
    height, width = x.shape[-2:]
    variance = x.var((1, 2), keepdim=True).clamp(min=1e-30)
    spectrum = torch.fft.fft2(x.double())
    magnitude = (spectrum.abs() / math.sqrt(height * width)).to(x.dtype)
    # The filter without its input: x s² / (v + s²) over x.
    gain = wiener_gain(magnitude[:, None], variance[:, None])[:, 0]
    out: Tensor = torch.fft.ifft2(spectrum * gain).real.to(x.dtype)
    return out
