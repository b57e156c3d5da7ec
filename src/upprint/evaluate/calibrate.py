"""Fit a card's calibration: probability by Platt scaling, thresholds by false-positive rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from upprint.card import Calibration
from upprint.result import ConfigError, MetricError, require


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


def fit_calibration(
    photos: Mapping[str, ArrayLike],
    generated: ArrayLike,
    *,
    fprs: Sequence[str],
    inconclusive_fpr: float,
    data: str,
) -> Calibration:
    """Calibrate on photos and generated pictures that training never saw.

    Args:
        photos: form ("original bytes", "jpeg(75)", ...) -> logits of the same photos in that form. A
            threshold holds in every form: it is the largest of the forms' own.
        generated: logits of generated pictures, for the probability alone.
        fprs: rates to fit thresholds for, as they are written on the card; the first is the default.
        inconclusive_fpr: from the threshold of this larger rate upwards a picture is inconclusive.
        data: what the pictures were.

    Raises:
        MetricError: too few photos, or logits that do not rank generated above camera-made.
    """
    linear = require("sklearn.linear_model", extra="train", purpose="calibration")
    forms = [np.asarray(logits, float) for logits in photos.values()]
    if not forms or not fprs:
        raise ConfigError("calibration: expected at least one form of photos and one false-positive rate")
    if any(float(text) >= inconclusive_fpr for text in fprs):
        raise ConfigError(f"inconclusive rate {inconclusive_fpr}: expected more than each of {list(fprs)}")
    fake = np.asarray(generated, float)
    logits = np.concatenate([*forms, fake])
    labels = np.concatenate([np.zeros(len(logits) - len(fake)), np.ones(len(fake))])
    platt = linear.LogisticRegression(C=1e6, class_weight="balanced").fit(logits[:, None], labels)
    slope, intercept = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    if slope <= 0:
        raise MetricError("calibration: the logits do not rank generated pictures above camera-made ones")
    return Calibration(
        temperature=1 / slope,
        bias=-intercept / slope,
        thresholds={text: max(threshold_at(form, float(text)) for form in forms) for text in fprs},
        default_fpr=fprs[0],
        inconclusive=max(threshold_at(form, inconclusive_fpr) for form in forms),
        photos=len(forms[0]),
        data=f"{data}; forms: {', '.join(photos)}",
    )
