"""Fit a calibration: probability by scaling the logit, thresholds by false-positive rate.

Everything here is fitted on validation pictures, never on a test set. NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from upprint.card import Calibration
from upprint.data.sample import GENERATED, REAL
from upprint.evaluate import binomial
from upprint.result import ConfigError, MetricError

Method = Literal["both", "temperature", "bias"]
"""What of (logit - bias) / temperature is fitted: both (Platt scaling), or one, the other left at 0 or 1."""
_WEAK = 1e-6
"""Penalty on the squared slope, in units of a picture's loss; it keeps separable scores finite."""


def threshold_at(photo_logits: ArrayLike, fpr: float) -> float:
    """The smallest logit at which at most a share `fpr` of these photos is called generated.

    Args:
        photo_logits: (N,) logits of camera-made pictures.
        fpr: in (0, 1).

    Raises:
        MetricError: fewer than 1 / fpr photos, so that no photo may be wrong, or not finite.
    """
    logits = np.sort(np.asarray(photo_logits, float))[::-1]
    if not 0 < fpr < 1:
        raise ConfigError(f"false-positive rate {fpr}: expected a number between 0 and 1")
    if not np.isfinite(logits).all():
        raise MetricError("photo logits: expected finite numbers")
    if len(logits) < math.ceil(1 / fpr):
        raise MetricError(
            f"{len(logits)} photos cannot set a threshold for a false-positive rate of {fpr}: "
            f"expected at least {math.ceil(1 / fpr)}"
        )
    allowed = math.floor(fpr * len(logits) + 1e-9)
    return float(np.nextafter(logits[allowed], np.inf))


@dataclass(frozen=True)
class Bounded:
    """A threshold with what it promises.

    Args:
        threshold: the smallest logit that is called generated.
        photos: how many it was set on.
        errors: how many of those reach it at most.
        bound: the share of photos like these that reaches it is at most this,
        confidence: with this confidence, if the photos are independent of each other.
    """

    threshold: float
    photos: int
    errors: int
    bound: float
    confidence: float


def bounded_threshold(
    photo_logits: ArrayLike, fpr: float, *, confidence: float = binomial.CONFIDENCE
) -> Bounded:
    """The smallest threshold whose false-positive rate is at most `fpr` with this confidence.

    `threshold_at` keeps the rate on these photos; this keeps it on other photos like them, which costs
    photos: 299 instead of 100 for 1 % at 95 %.

    Args:
        photo_logits: (N,) logits of camera-made pictures, independent of each other.
        fpr: in (0, 1).
        confidence: in (0, 1), one-sided.

    Raises:
        MetricError: too few photos (says how many are needed, and what these can promise), or not finite.
    """
    logits = np.sort(np.asarray(photo_logits, float))[::-1]
    if not np.isfinite(logits).all():
        raise MetricError("photo logits: expected finite numbers")
    needed = binomial.photos_needed(fpr, confidence)
    allowed = binomial.errors_allowed(len(logits), fpr, confidence)
    if allowed is None:
        least = f"; these can promise {_least_rate(len(logits), confidence)}" if len(logits) else ""
        raise MetricError(
            f"{len(logits)} photos are too few for a false-positive rate of at most {fpr:g} with "
            f"{100 * confidence:g} % confidence: expected at least {needed}, "
            f"{needed - len(logits)} more{least}"
        )
    bound = binomial.upper_limit(allowed, len(logits), confidence)
    threshold = float(np.nextafter(logits[allowed], np.inf))
    return Bounded(threshold, len(logits), allowed, bound, confidence)


def _least_rate(photos: int, confidence: float) -> str:
    """The smallest rate that so many photos can bound, rounded up to two digits."""
    limit = binomial.upper_limit(0, photos, confidence)
    step = 10.0 ** (math.floor(math.log10(limit)) - 1)
    return f"{math.ceil(limit / step) * step:.2g}"


@dataclass(frozen=True)
class Coverage:
    """What an inconclusive band leaves decided: `generated` above it, `no trace found` below.

    Args:
        pictures: of this class, or of both.
        decided: how many get one of the two verdicts.
        right: how many of those get the right one.
        decided_share, accuracy: the shares, accuracy among the decided; None where none is decided.
        decided_interval, accuracy_interval: exact 95 % intervals.
    """

    pictures: int
    decided: int
    right: int
    decided_share: float
    decided_interval: tuple[float, float]
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None


def coverage(labels: ArrayLike, logits: ArrayLike, inconclusive: float, threshold: float) -> Coverage:
    """Count decisions outside the band from `inconclusive` up to `threshold`.

    Args:
        labels: (n,), 0 camera-made or 1 generated; one class alone will do.
        logits: (n,), finite.
        inconclusive: the band's lower end; a threshold below it leaves no band.
        threshold: its upper end, from which a picture is called generated.

    Raises:
        MetricError: no pictures, or lengths that differ.
    """
    truth, values = np.asarray(labels), np.asarray(logits, float)
    if truth.shape != values.shape or truth.ndim != 1 or not len(truth):
        raise MetricError(f"labels {truth.shape} and logits {values.shape}: expected two equal (n,), n >= 1")
    called = values >= threshold
    decided = called | (values < inconclusive)
    right = int(np.count_nonzero(decided & (called == (truth == GENERATED))))
    n, k = len(truth), int(np.count_nonzero(decided))
    return Coverage(
        n,
        k,
        right,
        k / n,
        binomial.interval(k, n),
        right / k if k else None,
        binomial.interval(right, k) if k else None,
    )


def fit_scale(labels: ArrayLike, logits: ArrayLike, method: Method = "both") -> tuple[float, float]:
    """Fit probability = sigmoid((logit - bias) / temperature) by likelihood, both classes weighing alike.

    Args:
        labels: (n,), both classes.
        logits: (n,), finite.
        method: "both" (Platt 1999), "temperature" (Guo et al. 2017; bias 0), or "bias" (temperature 1).

    Returns:
        Temperature and bias.

    Raises:
        ConfigError: another method.
        MetricError: a class is missing, or the logits do not rank generated above camera-made.
    """
    if method not in get_args(Method):
        raise ConfigError(f"calibration method {method!r}: expected one of {', '.join(get_args(Method))}")
    truth, values = np.asarray(labels), np.asarray(logits, float)
    counts = np.array([np.count_nonzero(truth == label) for label in (REAL, GENERATED)])
    if not counts.all() or counts.sum() != len(values) or not np.isfinite(values).all():
        raise MetricError(
            f"calibration: expected finite logits of both classes, found {counts[0]} camera-made and "
            f"{counts[1]} generated for {len(values)} logits"
        )
    weights = len(values) / (2 * counts[truth])
    slope, intercept = _logistic(values, truth.astype(float), weights, method)
    if slope <= 0:
        raise MetricError("calibration: the logits do not rank generated pictures above camera-made ones")
    return 1 / slope, -intercept / slope


def _logistic(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64], method: Method
) -> tuple[float, float]:
    """Slope and intercept of a weighted logistic regression, by Newton steps that never raise the loss."""
    free = {"both": [0, 1], "temperature": [0], "bias": [1]}[method]
    features = np.stack([x, np.ones_like(x)])
    parameters = np.array([1.0 if method == "bias" else 0.0, 0.0])

    def loss(at: NDArray[np.float64]) -> float:
        z = at @ features
        return float(weights @ (np.logaddexp(0, z) - y * z) + _WEAK * at[0] ** 2 / 2)

    current = loss(parameters)
    for _ in range(200):
        p = (1 + np.tanh(parameters @ features / 2)) / 2
        gradient = features @ (weights * (p - y)) + [_WEAK * parameters[0], 0]
        hessian = (features * (weights * p * (1 - p))) @ features.T + np.diag([_WEAK, 1e-12])
        step = np.zeros(2)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        size = 1.0
        while (after := loss(parameters - size * step)) > current and size > 1e-9:
            size /= 2
        if after >= current - 1e-12 * (1 + abs(current)):
            break
        parameters, current = parameters - size * step, after
    return float(parameters[0]), float(parameters[1])


def left_out_probabilities(
    labels: ArrayLike, logits: ArrayLike, method: Method = "both", *, folds: int = 5, seed: int = 0
) -> NDArray[np.float64]:
    """Each picture's probability by a scale fitted without its fold: what `fit_scale` is worth on others.

    Args:
        labels, logits, method: as for `fit_scale`.
        folds: drawn within each class.
        seed: of the folds.

    Raises:
        MetricError: a class has fewer pictures than folds.
    """
    truth, values = np.asarray(labels), np.asarray(logits, float)
    rng = np.random.default_rng(seed)
    fold = np.empty(len(truth), int)
    for label in (REAL, GENERATED):
        members = np.flatnonzero(truth == label)
        if len(members) < folds:
            raise MetricError(f"{len(members)} pictures of label {label}: expected at least {folds}")
        fold[rng.permutation(members)] = np.arange(len(members)) % folds
    probabilities = np.empty(len(truth))
    for index in range(folds):
        temperature, bias = fit_scale(truth[fold != index], values[fold != index], method)
        z = (values[fold == index] - bias) / temperature
        probabilities[fold == index] = (1 + np.tanh(z / 2)) / 2
    return probabilities


def fit_calibration(
    photos: Mapping[str, ArrayLike],
    generated: ArrayLike,
    *,
    fprs: Sequence[str],
    inconclusive_fpr: float,
    data: str,
    method: Method = "both",
) -> Calibration:
    """Calibrate on photos and generated pictures that training never saw.

    Args:
        photos: form ("original bytes", "jpeg(75)", ...) -> logits of the same photos in that form. A
            threshold holds in every form: it is the largest of the forms' own.
        generated: logits of generated pictures, for the probability alone.
        fprs: rates to fit thresholds for, as they are written on the card; the first is the default.
        inconclusive_fpr: from the threshold of this larger rate upwards a picture is inconclusive.
        data: what the pictures were.
        method: what of the probability's scale is fitted; see `fit_scale`.

    Raises:
        MetricError: too few photos, or logits that do not rank generated above camera-made.
    """
    forms = [np.asarray(logits, float) for logits in photos.values()]
    if not forms or not fprs:
        raise ConfigError("calibration: expected at least one form of photos and one false-positive rate")
    if any(float(text) >= inconclusive_fpr for text in fprs):
        raise ConfigError(f"inconclusive rate {inconclusive_fpr}: expected more than each of {list(fprs)}")
    fake = np.asarray(generated, float)
    logits = np.concatenate([*forms, fake])
    labels = np.repeat([REAL, GENERATED], [len(logits) - len(fake), len(fake)])
    temperature, bias = fit_scale(labels, logits, method)
    return Calibration(
        temperature=temperature,
        bias=bias,
        thresholds={text: max(threshold_at(form, float(text)) for form in forms) for text in fprs},
        default_fpr=fprs[0],
        inconclusive=max(threshold_at(form, inconclusive_fpr) for form in forms),
        photos=len(forms[0]),
        data=f"{data}; forms: {', '.join(photos)}",
    )
