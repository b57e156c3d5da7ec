"""Azimuthal average: a centred two-dimensional spectrum as a function of its radius.

Source: Durall, Keuper, Keuper, CVPR 2020 (the one-dimensional power spectrum as a feature).
"""

from __future__ import annotations

import torch
from torch import Tensor


def radii(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Distance of every entry to (H // 2, W // 2), rounded down to whole frequencies; (H, W) int64."""
    y = torch.arange(height, dtype=torch.float64, device=device) - height // 2
    x = torch.arange(width, dtype=torch.float64, device=device) - width // 2
    return (y[:, None] ** 2 + x[None] ** 2).sqrt().floor().to(torch.int64)


def azimuthal_average(values: Tensor) -> Tensor:
    """The mean over each ring of radius r, r + 1 around the centre.

    Args:
        values: (..., H, W), the zero frequency at (H // 2, W // 2), as `spectrum` returns it.

    Returns:
        (..., R), R the number of rings up to and including the corner's; the dtype given.
    """
    height, width = values.shape[-2:]
    ring = radii(height, width, device=values.device).reshape(-1)
    rings = int(ring.max()) + 1
    sums = values.new_zeros(*values.shape[:-2], rings)
    sums = sums.index_add(-1, ring, values.reshape(*values.shape[:-2], -1))
    return sums / torch.bincount(ring, minlength=rings).to(values.dtype)
