"""Cumulative counts down a set's sorted scores, and every metric as a function of them.

A bootstrap draw and the point value of a metric run through the same lines. Equal scores always enter
together. Label 1 = generated; thresholds are logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from upprint.data.sample import GENERATED, REAL
from upprint.result import MetricError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Counts of pictures called generated as the threshold falls past each distinct score.

    Column 0 is "nothing called generated"; column i > 0 includes every score down to `scores[i - 1]`.
    The leading axes of the counts are bootstrap draws, if any.

    Args:
        true: generated pictures called generated, (..., m + 1).
        false: camera-made pictures called generated, (..., m + 1).
        scores: the m distinct logits, falling.
    """

    true: Floats
    false: Floats
    scores: Floats

    @property
    def generated(self) -> Floats:
        total: Floats = self.true[..., -1]
        return total

    @property
    def real(self) -> Floats:
        total: Floats = self.false[..., -1]
        return total

    def column(self, threshold: float, *, inclusive: bool) -> int:
        """The column whose pictures lie above `threshold` (from it on, where `inclusive`)."""
        above = self.scores >= threshold if inclusive else self.scores > threshold
        return int(np.count_nonzero(above))


@dataclass(frozen=True)
class Sorted:
    """Scores sorted once, from which the curve of any weighting follows by cumulative sums."""

    order: NDArray[np.intp]
    generated: Floats
    ends: NDArray[np.intp]
    scores: Floats

    def curve(self, weights: Floats | None = None) -> Curve:
        """The curve with picture i counted `weights[..., i]` times (once by default)."""
        ones = np.ones(len(self.order)) if weights is None else weights[..., self.order]
        return Curve(
            true=_cumulative(ones * self.generated, self.ends),
            false=_cumulative(ones * (1.0 - self.generated), self.ends),
            scores=self.scores,
        )


def sort(labels: ArrayLike, logits: ArrayLike, *, name: str = "the set") -> Sorted:
    """Check and sort a set's scores.

    Args:
        labels: (n,), 0 or 1.
        logits: (n,), finite.
        name: of the set, for errors.

    Raises:
        MetricError: empty, lengths differ, a label that is neither 0 nor 1, a score that is not finite.
    """
    truth, values = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape:
        raise MetricError(f"{name}: labels {truth.shape} and logits {values.shape}; expected two (n,) arrays")
    if not len(truth):
        raise MetricError(f"{name}: no scored pictures; a metric needs at least one")
    if not np.isin(truth, (REAL, GENERATED)).all():
        raise MetricError(f"{name}: labels {np.unique(truth).tolist()}; expected 0 and 1 (generated)")
    if not np.isfinite(values).all():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise MetricError(f"{name}: {bad} of {len(values)} scores are not finite; leave failed pictures out")
    order = np.argsort(-values, kind="stable")
    falling = values[order]
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    return Sorted(order, (truth[order] == GENERATED).astype(np.float64), ends, falling[ends])


Metric = Callable[[Curve], Floats]
"""Counts (..., m + 1) to values (...)."""


def pooled_accuracy(threshold: float = 0.0, *, inclusive: bool = False) -> Metric:
    def metric(curve: Curve) -> Floats:
        column = curve.column(threshold, inclusive=inclusive)
        right: Floats = curve.true[..., column] + curve.real - curve.false[..., column]
        return right / (curve.real + curve.generated)

    return metric


def false_positive_rate(threshold: float = 0.0, *, inclusive: bool = False) -> Metric:
    def metric(curve: Curve) -> Floats:
        called: Floats = curve.false[..., curve.column(threshold, inclusive=inclusive)]
        return called / curve.real

    return metric


def class_accuracy(label: int, threshold: float = 0.0, *, inclusive: bool = False) -> Metric:
    false_rate = false_positive_rate(threshold, inclusive=inclusive)

    def metric(curve: Curve) -> Floats:
        if label == REAL:
            return 1.0 - false_rate(curve)
        called: Floats = curve.true[..., curve.column(threshold, inclusive=inclusive)]
        return called / curve.generated

    return metric


def mean_class_accuracy(threshold: float = 0.0, *, inclusive: bool = False) -> Metric:
    real = class_accuracy(REAL, threshold, inclusive=inclusive)
    generated = class_accuracy(GENERATED, threshold, inclusive=inclusive)
    return lambda curve: (real(curve) + generated(curve)) / 2


def area_under_precision(curve: Curve) -> Floats:
    called = curve.true + curve.false
    precision = np.divide(curve.true, called, out=np.zeros_like(called), where=called > 0)
    area: Floats = (np.diff(curve.true, axis=-1) * precision[..., 1:]).sum(axis=-1)
    return area / curve.generated


def area_under_roc(curve: Curve) -> Floats:
    heights = curve.true[..., 1:] + curve.true[..., :-1]
    area: Floats = (np.diff(curve.false, axis=-1) * heights).sum(axis=-1) / 2
    return area / (curve.real * curve.generated)


def equal_error_rate(curve: Curve) -> Floats:
    false_rate = curve.false / curve.real[..., None]
    excess = false_rate - (1.0 - curve.true / curve.generated[..., None])  # rises from -1 to 1
    after = np.argmax(excess >= 0, axis=-1)[..., None]
    low, high = (np.take_along_axis(excess, after + step, -1)[..., 0] for step in (-1, 0))
    start, end = (np.take_along_axis(false_rate, after + step, -1)[..., 0] for step in (-1, 0))
    crossing: Floats = start + (end - start) * (-low / (high - low))
    return crossing


def true_rate_at(limit: float) -> Metric:
    def metric(curve: Curve) -> Floats:
        allowed = np.floor(limit * curve.real + 1e-9)  # 0.29 * 100 is 28.999...
        column = np.count_nonzero(curve.false <= allowed[..., None], axis=-1) - 1
        found: Floats = np.take_along_axis(curve.true, column[..., None], -1)[..., 0]
        return found / curve.generated

    return metric


@dataclass(frozen=True)
class Kind:
    """A metric as tables use it.

    Args:
        metric: of a curve.
        classes: labels that must be present for it to be defined.
        higher_is_better: which way is worse, for the worst row.
        title: its column heading.
    """

    metric: Metric
    classes: frozenset[int]
    higher_is_better: bool
    title: str


_BOTH = frozenset((REAL, GENERATED))

STANDARD: Mapping[str, Kind] = MappingProxyType(
    {
        "accuracy": Kind(pooled_accuracy(), frozenset(), True, "Acc"),
        "average_precision": Kind(area_under_precision, _BOTH, True, "AP"),
        "auroc": Kind(area_under_roc, _BOTH, True, "AUROC"),
        "eer": Kind(equal_error_rate, _BOTH, False, "EER"),
        "real_accuracy": Kind(class_accuracy(REAL), frozenset((REAL,)), True, "Real acc"),
        "generated_accuracy": Kind(class_accuracy(GENERATED), frozenset((GENERATED,)), True, "Gen. acc"),
        "balanced_accuracy": Kind(mean_class_accuracy(), _BOTH, True, "Bal. acc"),
        "tpr_at_1_fpr": Kind(true_rate_at(0.01), _BOTH, True, "TPR@1%FPR"),
    }
)
"""What `upprint evaluate` reports; thresholds are logits, 0 is the papers' probability 0.5."""


def kinds(shipped_threshold: float | None = None) -> dict[str, Kind]:
    """The standard metrics, and those at a system's shipped threshold where it has one."""
    chosen = dict(STANDARD)
    if shipped_threshold is not None:
        at_shipped = pooled_accuracy(shipped_threshold, inclusive=True)
        rate = false_positive_rate(shipped_threshold, inclusive=True)
        found = class_accuracy(GENERATED, shipped_threshold, inclusive=True)
        balanced = mean_class_accuracy(shipped_threshold, inclusive=True)
        chosen["accuracy_shipped"] = Kind(at_shipped, frozenset(), True, "Acc@shipped")
        chosen["balanced_accuracy_shipped"] = Kind(balanced, _BOTH, True, "Bal. acc@shipped")
        chosen["generated_shipped"] = Kind(found, frozenset((GENERATED,)), True, "TPR@shipped")
        chosen["fpr_shipped"] = Kind(rate, frozenset((REAL,)), False, "FPR@shipped")
    return chosen


def _cumulative(counts: Floats, ends: NDArray[np.intp]) -> Floats:
    sums = np.cumsum(counts, axis=-1)[..., ends]
    zero = np.zeros((*sums.shape[:-1], 1))
    joined: Floats = np.concatenate([zero, sums], axis=-1)
    return joined
