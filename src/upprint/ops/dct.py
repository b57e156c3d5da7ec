"""Discrete cosine transform (type II, orthonormal) of pictures, as GAN-spectrum detectors use it.

Sources: Frank et al., ICML 2020 (log-scaled DCT coefficients as the input of a classifier).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FLOOR = 1e-12
"""Added to a magnitude before its logarithm: Frank et al.'s value."""


def dct_basis(size: int, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
    """The orthonormal DCT-II matrix (size, size): row k is the cosine of frequency k; B @ B.T = 1."""
    # Angles in float64: in float32 the argument of the last row's cosine loses its phase.
    frequency = torch.arange(size, dtype=torch.float64, device=device)[:, None]
    place = torch.arange(size, dtype=torch.float64, device=device)[None] + 0.5
    basis = torch.cos(math.pi / size * frequency * place) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis.to(dtype)


def dct2(images: Tensor) -> Tensor:
    """The two-dimensional orthonormal DCT-II of every channel.

    Args:
        images: (..., H, W), real; integers are taken as float32.

    Returns:
        (..., H, W), floating point; entry (0, 0) is sqrt(H W) times the mean. Runs in the dtype given, also
        where autocast would lower it.
    """
    x = images if images.is_floating_point() else images.to(torch.float32)
    rows = dct_basis(x.shape[-2], dtype=x.dtype, device=x.device)
    columns = dct_basis(x.shape[-1], dtype=x.dtype, device=x.device)
    with torch.autocast(x.device.type, enabled=False):
        return rows @ x @ columns.T


def log_dct2(images: Tensor, floor: float = FLOOR) -> Tensor:
    """ln(|DCT-II| + floor), the shape of `images`; `floor` is in grey levels."""
    return torch.log(dct2(images).abs() + floor)
