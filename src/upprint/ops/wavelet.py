"""The orthogonal Daubechies wavelet with four vanishing moments ("db4", eight taps) in two dimensions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALING = (
    0.23037781330885523,
    0.7148465705525415,
    0.6308807679295904,
    -0.02798376941698385,
    -0.18703481171888114,
    0.030841381835986965,
    0.032883011666982945,
    -0.010597401784997278,
)
"""The synthesis low-pass filter; its squares add up to 1. Analysis runs it backwards."""
TAPS = len(SCALING)

Details = tuple[Tensor, Tensor, Tensor]


def filters(like: Tensor) -> tuple[Tensor, Tensor]:
    """Synthesis low-pass and high-pass (8,)."""
    low = torch.tensor(SCALING, dtype=like.dtype, device=like.device)
    signs = torch.tensor([1.0, -1.0] * (TAPS // 2), dtype=like.dtype, device=like.device)
    return low, low.flip(0) * signs


def analyse(x: Tensor, levels: int) -> tuple[Tensor, list[Details]]:
    """Split maps into an approximation and details, each level half the size (and seven entries more).

    Borders are mirrored with the edge repeated.

    Args:
        x: (N, C, H, W), floating point.
        levels: at least 1.

    Returns:
        The last approximation, and (horizontal, vertical, diagonal) details per level, the finest first.
    """
    details: list[Details] = []
    for _ in range(levels):
        low, high = _split(x, -1)
        x, horizontal = _split(low, -2)
        vertical, diagonal = _split(high, -2)
        details.append((horizontal, vertical, diagonal))
    return x, details


def synthesise(approximation: Tensor, details: list[Details], size: tuple[int, int]) -> Tensor:
    """The inverse of `analyse`, cut to `size` (H, W)."""
    x = approximation
    for horizontal, vertical, diagonal in reversed(details):
        x = x[..., : horizontal.shape[-2], : horizontal.shape[-1]]
        x = _join(_join(x, horizontal, -2), _join(vertical, diagonal, -2), -1)
    return x[..., : size[0], : size[1]]


def _split(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Low-pass and high-pass at every second place along `dim`."""
    rows = x.movedim(dim, -1)
    head = rows[..., : TAPS - 1].flip(-1)
    tail = rows[..., -(TAPS - 1) :].flip(-1)
    extended = torch.cat((head, rows, tail), -1)[..., 1:]
    kernels = torch.stack(filters(x))[:, None]
    flat = extended.reshape(-1, 1, extended.shape[-1])
    both = functional.conv1d(flat, kernels, stride=2)
    low, high = (part.reshape(*rows.shape[:-1], part.shape[-1]).movedim(-1, dim) for part in both.unbind(1))
    return low, high


def _join(low: Tensor, high: Tensor, dim: int) -> Tensor:
    rows = torch.stack((low.movedim(dim, -1), high.movedim(dim, -1)), -2)
    kernels = torch.stack(filters(low))[:, None]
    flat = rows.reshape(-1, 2, rows.shape[-1])
    joined = functional.conv_transpose1d(flat, kernels, stride=2)[:, 0, TAPS - 2 : -(TAPS - 2)]
    return joined.reshape(*rows.shape[:-2], joined.shape[-1]).movedim(-1, dim)
