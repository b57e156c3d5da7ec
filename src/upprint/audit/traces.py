"""Traces of a picture's past that are measured on its pixels: JPEG coding, resampling.

All functions take luma (H, W), float32 in 0..255, and return None where the picture is too small to tell.
They are measures, not verdicts: an up-sampling generator leaves resampling traces and an 8-pixel grid of its
own, and the report says so. What only JPEG leaves is the comb: coefficients that sit on multiples of a step.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]
Pixels = NDArray[np.uint8]

WINDOW = 512
"""Side of the central part that is looked at."""
SMALLEST = 32
COMB_FOUND = 0.2
"""Comb strength from which a JPEG history is taken as found; pictures without one stay below."""

_ZIGZAG = sorted(
    ((v, u) for v in range(8) for u in range(8)),
    key=lambda p: (sum(p), p[0] if sum(p) % 2 else p[1]),
)
_FREQUENCIES = _ZIGZAG[1:36]
_RANGE, _PER_UNIT = 256, 4
_STEPS = np.arange(2, 65)
_FEWEST = 40


class JpegTrace(NamedTuple):
    """`comb`: how sharply the DCT coefficients sit on multiples of a step, 0 none to 1 all. `grid`: how
    much larger differences are at one of the eight phases than at the next, natural logarithm. `offset`:
    column and row at which the grid starts, 0..7. `quality`: IJG quality of the table nearest to the steps,
    None below `COMB_FOUND`."""

    comb: float
    grid: float
    offset: tuple[int, int]
    quality: int | None


class Resampling(NamedTuple):
    """`periodic`: natural logarithm of the strongest periodicity of second derivatives against its
    surroundings. `doubling`: how much differences alternate between even and odd columns. `detail`: second
    derivatives at distance 1 against those at distance 2, natural logarithm; low where the finest detail is
    missing."""

    periodic: float
    doubling: float
    detail: float


def luma(pixels: Pixels) -> Luma:
    """ITU-R BT.601 luma (H, W) of the central `WINDOW`, cut at multiples of 8 from the top left corner.

    Args:
        pixels: uint8 RGB (H, W, 3).
    """
    top, left = (max(0, size - WINDOW) // 2 // 8 * 8 for size in pixels.shape[:2])
    part = pixels[top : top + WINDOW, left : left + WINDOW].astype(np.float32)
    return part @ np.array([0.299, 0.587, 0.114], np.float32)


def jpeg_trace(y: Luma) -> JpegTrace | None:
    """Whether the pixels went through a JPEG, how strong it was, and where its grid starts.

    Blocking: third differences at each of the eight phases (after Fan and de Queiroz, IEEE TIP 2003).
    Comb: for each of 35 low frequencies, the step s in 2..64 with the largest mean of cos(2 pi c / s) over
    coefficients |c| > s / 2; what 63 tries reach by chance is subtracted, frequencies count by their
    coefficients. The grid is tried at the corner and at the phases where blocking is strongest.
    """
    if min(y.shape) < SMALLEST:
        return None
    across, down = (_phases(turned) for turned in (y, y.T))
    grid = (_excess(across) + _excess(down)) / 2
    tried = {(0, 0), *product(_likeliest(across), _likeliest(down))}
    comb, offset, steps = _best(y, tried)
    return JpegTrace(comb, grid, offset, _quality(steps) if comb >= COMB_FOUND else None)


def _best(
    y: Luma, offsets: set[tuple[int, int]]
) -> tuple[float, tuple[int, int], dict[tuple[int, int], tuple[int, int]]]:
    """The offset with the sharpest comb, found on every fourth block, and the comb there on all."""
    every = 1 if min(y.shape) < WINDOW // 2 else 2
    across, down = max(sorted(offsets), key=lambda at: _comb(y[at[1] :, at[0] :], every)[0])
    comb, steps = _comb(y[down:, across:])
    return comb, (across, down), steps


def resampling(y: Luma) -> Resampling | None:
    """Traces of interpolation.

    The mean magnitude of second derivatives along a line of an interpolated picture is periodic with the
    factor (Gallagher, CRV 2005; Mahdian and Saic, IEEE TIFS 2008). Its spectrum is compared with its own
    median; multiples of 1/8, where JPEG's grid falls, are left out. Doubling would fall on 1/2 and is
    measured by third differences at even and odd columns, as medians over phases, which a grid of 8 does not
    move.
    """
    if min(y.shape) < SMALLEST:
        return None
    profiles = [_second(turned, 1) for turned in (y, y.T)]
    if min(float(p.mean()) for p in profiles) < 1e-3:
        return None  # flat
    periodic = float(np.mean([_peak(profile) for profile in profiles]))
    doubling = float(np.mean([_doubling(_phases(turned)) for turned in (y, y.T)]))
    fine = np.mean([p.mean() for p in profiles])
    coarse = np.mean([_second(turned, 2).mean() for turned in (y, y.T)])
    return Resampling(periodic, doubling, float(np.log(fine / max(float(coarse), 1e-3))))


# --- JPEG --------------------------------------------------------------------------------------------------


def _phases(y: Luma) -> NDArray[np.float64]:
    """Mean magnitude of third differences between columns 7 and 8, 0 and 1, ... (8,): by the column, modulo
    8, that would start a block."""
    y = np.ascontiguousarray(y)
    third = np.abs(y[:, 3:] - 3 * y[:, 2:-1] + 3 * y[:, 1:-2] - y[:, :-3]).mean(axis=0)
    return np.roll([float(third[start::8].mean()) for start in range(8)], 2)


def _excess(phases: NDArray[np.float64]) -> float:
    second, first = np.sort(phases)[-2:]
    return float(np.log((first + 1e-3) / (second + 1e-3)))


def _likeliest(phases: NDArray[np.float64]) -> list[int]:
    """The three strongest phases."""
    return [int(phase) for phase in np.argsort(-phases, kind="stable")[:3]]


def _comb(y: Luma, every: int = 1) -> tuple[float, dict[tuple[int, int], tuple[int, int]]]:
    """Comb strength, and (step, coefficients) by frequency (row, column) where there is one.

    `every` takes each so many rows and columns of blocks.
    """
    height, width = (size // 8 for size in y.shape)
    blocks = y[: 8 * height, : 8 * width].reshape(height, 8, width, 8).transpose(0, 2, 1, 3)[::every, ::every]
    basis = dct_matrix(8)
    coefficients = basis @ blocks @ basis.T
    rows, columns = np.array(_FREQUENCIES).T
    values = coefficients[:, :, rows, columns].reshape(-1, len(_FREQUENCIES))
    bins = np.rint(np.abs(values) * _PER_UNIT).astype(np.intp)
    inside = bins < _RANGE * _PER_UNIT
    keys = bins + np.arange(len(_FREQUENCIES)) * (_RANGE * _PER_UNIT)
    histogram = np.bincount(keys[inside], minlength=len(_FREQUENCIES) * _RANGE * _PER_UNIT)
    histogram = histogram.reshape(len(_FREQUENCIES), -1).astype(np.float64)
    waves, masks = _waves()
    counts = histogram @ masks
    scores = np.where(counts >= _FEWEST, (histogram @ waves) / np.maximum(counts, 1), -1.0)
    best = scores.argmax(axis=1)
    number = counts[np.arange(len(best)), best]
    usable = number >= _FEWEST
    chance = np.sqrt(np.log(len(_STEPS)) / np.maximum(number, 1))
    strength = np.clip(scores.max(axis=1) - chance, 0.0, 1.0)
    total = float(number[usable].sum())
    if total == 0:
        return 0.0, {}
    steps = {
        _FREQUENCIES[i]: (int(_STEPS[best[i]]), int(number[i]))
        for i in np.flatnonzero(usable & (strength > COMB_FOUND))
    }
    return float((strength * number)[usable].sum() / total), steps


@cache
def _waves() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(bins, steps): cos(2 pi c / s) where |c| > s / 2 and 0 elsewhere; and that mask."""
    c = np.arange(_RANGE * _PER_UNIT)[:, None] / _PER_UNIT
    masks = (c > _STEPS / 2).astype(np.float64)
    return np.cos(2 * np.pi * c / _STEPS) * masks, masks


def _quality(steps: dict[tuple[int, int], tuple[int, int]]) -> int | None:
    """The IJG quality whose luma table is nearest to the steps, by the median of their ratios to Annex K."""
    if not steps:
        return None
    from upprint.provenance.quantisation import nearest, standard_luma

    base = dict(zip(_ZIGZAG, standard_luma(), strict=True))
    scale = float(np.median([step / base[place] for place, (step, _) in steps.items()]))
    return nearest(tuple(max(1, min(255, round(value * scale))) for value in standard_luma()))


@cache
def dct_matrix(size: int) -> NDArray[np.float32]:
    """The orthonormal DCT-II as a matrix (size, size), rows are frequencies."""
    k, n = np.arange(size)[:, None], np.arange(size)[None]
    matrix = np.sqrt(2 / size) * np.cos(np.pi * (2 * n + 1) * k / (2 * size))
    matrix[0] /= np.sqrt(2)
    single: NDArray[np.float32] = matrix.astype(np.float32)
    return single


# --- resampling --------------------------------------------------------------------------------------------


def _second(y: Luma, distance: int) -> NDArray[np.float64]:
    """Mean magnitude of second derivatives per column."""
    y = np.ascontiguousarray(y)
    found = np.abs(y[:, : -2 * distance] - 2 * y[:, distance:-distance] + y[:, 2 * distance :])
    profile: NDArray[np.float64] = found.mean(axis=0).astype(np.float64)
    return profile


def _peak(profile: NDArray[np.float64]) -> float:
    length = len(profile)
    centred = profile - _smooth(profile)
    spectrum = np.abs(np.fft.rfft(centred * np.hanning(length)))
    frequency = np.arange(len(spectrum)) / length
    width = 2.5 / length
    on_grid = np.abs(frequency * 8 - np.rint(frequency * 8)) / 8 <= width
    used = (frequency > max(0.1, 4 / length)) & ~on_grid
    if not used.any():
        return 0.0
    return float(np.log(spectrum[used].max() / max(float(np.median(spectrum[used])), 1e-9)))


def _smooth(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel = np.ones(9) / 9
    return np.convolve(np.pad(profile, 4, mode="edge"), kernel, mode="valid")


def _doubling(phases: NDArray[np.float64]) -> float:
    even, odd = np.median(phases[0::2]), np.median(phases[1::2])
    return float(abs(np.log((even + 1e-3) / (odd + 1e-3))))
