"""The two-dimensional DFT of real pictures by matrix products in double precision.

What an FFT leaves of a vanishing frequency is rounding that differs between libraries; matrix products of
exact cosines leave some 1e-9 of it, and every runtime has them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor


@lru_cache(maxsize=16)
def _basis(size: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Cosines and sines (size, size), symmetric; angles are reduced before they are scaled."""
    place = np.arange(size)
    angles = 2 * np.pi / size * (place[:, None] * place[None] % size)
    return np.cos(angles), np.sin(angles)


def dft2(x: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of the unscaled DFT, the zero frequency at (0, 0).

    Args:
        x: (..., H, W), real.

    Returns:
        Two of (..., H, W), float64.
    """
    rows, columns = ([torch.from_numpy(part).to(x.device) for part in _basis(size)] for size in x.shape[-2:])
    exact = x.double()
    by_cosine, by_sine = exact @ columns[0], exact @ columns[1]
    real = rows[0] @ by_cosine - rows[1] @ by_sine
    imaginary = -(rows[0] @ by_sine + rows[1] @ by_cosine)
    return real, imaginary
