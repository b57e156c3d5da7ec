"""Two correlated areas under the ROC, tested without resampling.

DeLong, DeLong and Clarke-Pearson (Biometrics 1988), in the form for clustered pictures of Obuchowski
(Biometrics 1997): pictures of one source are not independent. Where every picture has a source of its own,
both are the same. An asymptotic test: it checks the permutation test of `compare.py`, which decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate.curve import Floats
from upprint.result import MetricError


@dataclass(frozen=True)
class DeLong:
    """AUROC of the first minus that of the second, its standard error, and the two-sided p."""

    difference: float
    error: float
    p: float


def delong(
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    sources: Sequence[str] | None = None,
    *,
    name: str = "the set",
) -> DeLong:
    """Test whether two systems' AUROCs on the same pictures differ.

    Args:
        labels: (n,), 0 camera-made or 1 generated.
        first, second: (n,), finite; higher = more likely generated.
        sources: (n,), what is not independent; None takes every picture for itself.
        name: of the set, for errors.

    Raises:
        MetricError: fewer than two sources of a class, lengths that differ, or scores that are not finite.
    """
    truth = np.asarray(labels)
    scores = np.stack([np.asarray(first, float), np.asarray(second, float)])
    if truth.ndim != 1 or scores.shape[1:] != truth.shape or not np.isfinite(scores).all():
        raise MetricError(f"{name}: expected finite scores, one per label; found {scores.shape[1:]}")
    keys = (
        np.arange(len(truth)) if sources is None else np.unique(np.asarray(sources), return_inverse=True)[1]
    )
    positive, negative = truth == GENERATED, truth == REAL
    counts = [len(np.unique(keys[mask])) for mask in (positive, negative)]
    if min(counts) < 2:
        raise MetricError(
            f"{name}: {counts[1]} camera-made and {counts[0]} generated sources; expected 2 each"
        )
    above = np.stack([_shares(row[positive], row[negative]) for row in scores])
    below = np.stack([1 - _shares(row[negative], row[positive]) for row in scores])
    areas = above.mean(axis=1)
    total = int(keys.max()) + 1
    wins = _sums(above - areas[:, None], keys[positive], total)
    losses = _sums(below - areas[:, None], keys[negative], total)
    m, n = int(positive.sum()), int(negative.sum())
    i = len(np.unique(keys))
    cross = i / (i - 1) * wins @ losses.T
    covariance = (
        counts[0] / (counts[0] - 1) * wins @ wins.T / m**2
        + counts[1] / (counts[1] - 1) * losses @ losses.T / n**2
        + (cross + cross.T) / (m * n)
    )
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = math.sqrt(max(variance, 0.0))
    if error < 1e-12:
        return DeLong(difference, 0.0, 1.0 if abs(difference) < 1e-12 else 0.0)
    return DeLong(difference, error, math.erfc(abs(difference) / error / math.sqrt(2)))


def _shares(values: Floats, others: Floats) -> Floats:
    """For each value the share of `others` below it, ties counting one half."""
    ordered = np.sort(others)
    at = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    shares: Floats = at / (2 * len(others))
    return shares


def _sums(values: Floats, keys: NDArray[np.intp], total: int) -> Floats:
    """(2, k) summed over equal keys, (2, total)."""
    return np.stack([np.bincount(keys, row, total) for row in values])
