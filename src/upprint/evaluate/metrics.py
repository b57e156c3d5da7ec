"""Metrics of a scored test set, as pure functions of (labels, logits). Label 1 = generated.

A metric that is undefined (no pictures, a class missing, a score that is no number) raises `MetricError`
naming the set; none ever returns NaN. Accuracies of one class are defined wherever that class occurs.

Args, everywhere:
    labels: (n,), 0 camera-made or 1 generated.
    logits: (n,), finite.
    threshold: a logit. A picture is called generated above it; with `inclusive`, from it on, as a
        verdict's shipped threshold means it. The default 0 is the papers' "probability above 0.5".
    name: of the set, for errors.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate import curve as of
from upprint.evaluate.curve import Metric, Sorted, sort
from upprint.result import MetricError

SET = "the set"


def accuracy(
    labels: ArrayLike,
    logits: ArrayLike,
    threshold: float = 0.0,
    *,
    inclusive: bool = False,
    name: str = SET,
) -> float:
    """Share of right decisions over all pictures pooled."""
    return _value(sort(labels, logits, name=name), of.pooled_accuracy(threshold, inclusive=inclusive))


def real_accuracy(
    labels: ArrayLike,
    logits: ArrayLike,
    threshold: float = 0.0,
    *,
    inclusive: bool = False,
    name: str = SET,
) -> float:
    """Share of camera-made pictures not called generated; defined wherever there is one."""
    return 1.0 - fpr(labels, logits, threshold, inclusive=inclusive, name=name)


def generated_accuracy(
    labels: ArrayLike,
    logits: ArrayLike,
    threshold: float = 0.0,
    *,
    inclusive: bool = False,
    name: str = SET,
) -> float:
    """Share of generated pictures called generated; defined wherever there is one."""
    scores = sort(labels, logits, name=name)
    _need(scores, GENERATED, name)
    return _value(scores, of.class_accuracy(GENERATED, threshold, inclusive=inclusive))


def fpr(
    labels: ArrayLike,
    logits: ArrayLike,
    threshold: float = 0.0,
    *,
    inclusive: bool = False,
    name: str = SET,
) -> float:
    """Share of camera-made pictures called generated at `threshold`."""
    scores = sort(labels, logits, name=name)
    _need(scores, REAL, name)
    return _value(scores, of.false_positive_rate(threshold, inclusive=inclusive))


def balanced_accuracy(
    labels: ArrayLike,
    logits: ArrayLike,
    threshold: float = 0.0,
    *,
    inclusive: bool = False,
    name: str = SET,
) -> float:
    """Mean of the two classes' accuracies."""
    return _value(_both(labels, logits, name), of.mean_class_accuracy(threshold, inclusive=inclusive))


def average_precision(labels: ArrayLike, logits: ArrayLike, *, name: str = SET) -> float:
    """AP of the generated class, not interpolated: sum over distinct scores of (R_n - R_(n-1)) P_n."""
    return _value(_both(labels, logits, name), of.area_under_precision)


def auroc(labels: ArrayLike, logits: ArrayLike, *, name: str = SET) -> float:
    """Area under the ROC: P(generated scores above camera-made), ties counting one half."""
    return _value(_both(labels, logits, name), of.area_under_roc)


def eer(labels: ArrayLike, logits: ArrayLike, *, name: str = SET) -> float:
    """Equal error rate: where false-positive and false-negative rate meet on the ROC's straight pieces."""
    return _value(_both(labels, logits, name), of.equal_error_rate)


def tpr_at_fpr(labels: ArrayLike, logits: ArrayLike, limit: float = 0.01, *, name: str = SET) -> float:
    """Share of generated pictures found at the lowest threshold whose false-positive rate is <= `limit`.

    Thresholds lie between distinct scores and nothing is interpolated: pictures of equal score fall on the
    same side. With fewer than 1 / `limit` camera-made pictures no false positive at all is allowed.
    """
    return _value(_both(labels, logits, name), of.true_rate_at(limit))


def _value(scores: Sorted, metric: Metric) -> float:
    return float(metric(scores.curve()))


def _both(labels: ArrayLike, logits: ArrayLike, name: str) -> Sorted:
    scores = sort(labels, logits, name=name)
    _need(scores, REAL, name)
    _need(scores, GENERATED, name)
    return scores


def _need(scores: Sorted, label: int, name: str) -> None:
    present = scores.generated if label == GENERATED else 1.0 - scores.generated
    if not present.any():
        missing = "generated" if label == GENERATED else "camera-made"
        raise MetricError(f"{name}: no {missing} pictures among {len(scores.order)}; this metric needs some")
