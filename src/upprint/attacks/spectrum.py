"""Spectra in NumPy: log magnitude, its azimuthal mean, the DCT, and a filter applied to a picture.

Log magnitudes are 20 ln|F|, as in Durall et al. 2019 and 2020, of the grey picture's orthonormal transform,
so that pictures of different sizes share a scale. Radii are counted from the zero frequency itself (Durall's
code lies half a pixel off it) in steps of 1 / `side` cycles per pixel: integers where the picture is
`side` x `side`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

LUMA = (0.299, 0.587, 0.114)
_TINY = 1e-8


def grey(pixels: Pixels) -> Floats:
    """Rec. 601 luma (H, W) of uint8 RGB (H, W, 3)."""
    luma: Floats = pixels.astype(np.float64) @ np.array(LUMA)
    return luma


def log_magnitude(plane: Floats) -> Floats:
    """20 ln|F| (H, W) of an orthonormal FFT, zero frequency first."""
    logs: Floats = 20 * np.log(np.abs(np.fft.fft2(plane, norm="ortho")) + _TINY)
    return logs


@lru_cache(maxsize=4)
def radii(height: int, width: int, side: int) -> Floats:
    """Distance (H, W) of every coefficient from the zero frequency, in steps of 1 / `side`."""
    rows, columns = (np.rint(np.fft.fftfreq(n) * n) * side / n for n in (height, width))
    distance: Floats = np.hypot(rows[:, None], columns[None])
    return distance


def bins(side: int) -> int:
    """Number of whole radii: 182 for 256."""
    return int(side / 2**0.5) + 1


def radial_mean(spectrum: Floats, side: int) -> Floats:
    """Azimuthal mean (bins(side),) over floor(radius); radii that a small picture lacks are interpolated."""
    count = bins(side)
    index = np.minimum(radii(*spectrum.shape, side).astype(np.intp).ravel(), count - 1)
    total, number = np.bincount(index, spectrum.ravel(), count), np.bincount(index, minlength=count)
    present = np.flatnonzero(number)
    return np.interp(np.arange(count), present, total[present] / number[present])


def radial_gain(profile: Floats, height: int, width: int, side: int) -> Floats:
    """Factors (H, W // 2 + 1) for an rfft2 from log gains per radius (20 ln units); 1 at zero frequency.

    Linear between the middles of the radii's bins.
    """
    half = radii(height, width, side)[:, : width // 2 + 1]
    gain: Floats = np.exp(np.interp(half, np.arange(len(profile)) + 0.5, profile) / 20)
    gain[0, 0] = 1.0
    return gain


def filtered(pixels: Pixels, gain: Floats) -> Pixels:
    """A picture with every channel's spectrum multiplied by `gain` (H, W // 2 + 1), phases kept; rounded."""
    channels = np.moveaxis(pixels, -1, 0).astype(np.float64)
    changed = np.fft.irfft2(np.fft.rfft2(channels) * gain, s=pixels.shape[:2])
    return to_bytes(np.moveaxis(changed, 0, -1))


@lru_cache(maxsize=4)
def dct_matrix(side: int) -> Floats:
    """The orthonormal DCT-II as a matrix (side, side): rows are frequencies."""
    k, n = np.arange(side)[:, None], np.arange(side)[None]
    matrix: Floats = np.sqrt(2 / side) * np.cos(np.pi * (2 * n + 1) * k / (2 * side))
    matrix[0] /= np.sqrt(2)
    return matrix


def dct(channels: Floats) -> Floats:
    """DCT-II, orthonormal, over the last two axes, which are equally long."""
    matrix = dct_matrix(channels.shape[-1])
    return matrix @ channels @ matrix.T


def inverse_dct(coefficients: Floats) -> Floats:
    """The inverse of `dct`."""
    matrix = dct_matrix(coefficients.shape[-1])
    return matrix.T @ coefficients @ matrix


def to_bytes(image: Floats) -> Pixels:
    """Rounded and clipped to 0..255, contiguous."""
    return np.ascontiguousarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))
