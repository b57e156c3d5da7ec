"""Thresholds for false-positive rates that a set of photos is too small to count."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from upprint.result import ConfigError, MetricError

UPPER = 0.1
"""The share of highest logits that the tail is fitted on."""
FEWEST = 10
"""At least so many of them."""


def exponential_threshold(photo_logits: ArrayLike, fpr: float) -> float:
    """The logit that a share `fpr` of such photos would exceed if the upper tail falls exponentially.

    Peaks over threshold with a generalised Pareto tail of shape 0: above the 90 % quantile u, exceedances
    have mean b, and P(logit > t) = 0.1 exp(-(t - u) / b). An extrapolation, to be named so wherever it is
    used; a heavier tail flags more photos than promised.

    Args:
        photo_logits: (N,) logits of camera-made pictures.
        fpr: above 0, below 0.1.

    Raises:
        ConfigError: fpr outside that range.
        MetricError: fewer than 100 photos, logits that are not finite, or a tail without spread.
    """
    logits = np.sort(np.asarray(photo_logits, float))
    if not 0 < fpr < UPPER:
        raise ConfigError(f"false-positive rate {fpr}: expected above 0 and below {UPPER}")
    if not np.isfinite(logits).all():
        raise MetricError("photo logits: expected finite numbers")
    kept = int(len(logits) * UPPER)
    if kept < FEWEST:
        raise MetricError(f"{len(logits)} photos: expected at least {FEWEST / UPPER:.0f} to fit a tail on")
    start = logits[-kept - 1]
    spread = float((logits[-kept:] - start).mean())
    if spread <= 0:
        raise MetricError("photo logits: the highest tenth are all equal, there is no tail to fit")
    return float(start + spread * np.log(kept / len(logits) / fpr))
