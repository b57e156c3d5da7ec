"""Removal of frequency peaks, after the "peak" attack of Wesselkamp et al. 2022, on the FFT.

Up-sampling leaves peaks at fixed frequencies. A peak is where generated pictures' mean log magnitude exceeds
the photos' by more than it does all around it: by six robust standard deviations of that excess. It is
lowered by its excess; all other coefficients stay as they are. What counts as a peak is our choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from upprint.attacks import spectrum
from upprint.attacks.spectrum import Floats, Pixels
from upprint.result import DataError

AROUND = 3
"""The neighbourhood reaches this many coefficients each way."""
DEVIATIONS = 6.0
SKIP = 4
"""Coefficients nearer than this to the zero frequency show the subject and are no peaks."""

Arrays = dict[str, NDArray[Any]]


def fit(photos: Sequence[Pixels], generated: Sequence[Pixels], side: int) -> Arrays:
    """Rows, columns (of the half-plane of an rfft2) and excess (20 ln units) of the peaks, (n,) each.

    Raises:
        DataError: no peak stands out.
    """
    difference = mean_log_magnitude(generated) - mean_log_magnitude(photos)
    excess = difference - local_median(difference)
    spread = 1.4826 * float(np.median(np.abs(excess - np.median(excess))))
    high = (excess > DEVIATIONS * spread) & (spectrum.radii(side, side, side) >= SKIP)
    rows, columns = np.nonzero(high[:, : side // 2 + 1])
    if not len(rows):
        raise DataError(
            f"no frequency peak in {len(generated)} generated pictures against {len(photos)} photos "
            f"stands out by {DEVIATIONS:g} robust deviations; there is nothing to remove"
        )
    return {
        "rows": rows.astype(np.float64),
        "columns": columns.astype(np.float64),
        "excess": excess[rows, columns],
    }


def apply(pixels: Pixels, arrays: Arrays, side: int, strength: float) -> Pixels:
    """Lower every peak by `strength` times its excess."""
    gain = np.ones((side, side // 2 + 1))
    rows, columns = arrays["rows"].astype(np.intp), arrays["columns"].astype(np.intp)
    gain[rows, columns] = np.exp(-strength * arrays["excess"] / 20)
    return spectrum.filtered(pixels, gain)


def mean_log_magnitude(pictures: Sequence[Pixels]) -> Floats:
    """Mean 20 ln|F| (side, side) of the grey pictures."""
    total: Floats = sum(
        (spectrum.log_magnitude(spectrum.grey(p)) for p in pictures), start=np.zeros(pictures[0].shape[:2])
    )
    return total / len(pictures)


def local_median(plane: Floats) -> Floats:
    """Median over each coefficient's neighbourhood; frequencies wrap round."""
    windows = sliding_window_view(np.pad(plane, AROUND, mode="wrap"), (2 * AROUND + 1, 2 * AROUND + 1))
    return np.median(windows.reshape(*plane.shape, -1), axis=-1)
