"""From a logit to a probability and a verdict, by the card's calibration."""

from __future__ import annotations

import math

from upprint.card import Calibration, SystemCard
from upprint.result import CardError, ConfigError, Verdict

UNCALIBRATED = "uncalibrated: no verdict"
"""The note on a row whose system has no calibration: the logit stands alone."""


def probability(logit: float, calibration: Calibration) -> float:
    """sigmoid((logit - bias) / temperature), in [0, 1]; Platt scaling (Platt 1999)."""
    z = (logit - calibration.bias) / calibration.temperature
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    growth = math.exp(z)  # never overflows: z < 0
    return growth / (1 + growth)


def verdict(logit: float, calibration: Calibration, fpr: str | float | None = None) -> Verdict:
    """`generated` from the threshold of `fpr` upwards, `inconclusive` from `calibration.inconclusive`.

    Args:
        logit: the picture's pooled score.
        calibration: the card's.
        fpr: false-positive rate to stand by, as text or number; None takes the card's default.

    Raises:
        ConfigError: the card has no threshold for `fpr`.
    """
    if logit >= calibration.thresholds[threshold_key(calibration, fpr)]:
        return Verdict.GENERATED
    return Verdict.INCONCLUSIVE if logit >= calibration.inconclusive else Verdict.NO_TRACE


def threshold_key(calibration: Calibration, fpr: str | float | None = None) -> str:
    """The key of `thresholds` that equals `fpr` as a number, so 0.01, "0.010" and "1e-2" are one.

    Raises:
        ConfigError: `fpr` is not a number, or the card has no threshold for it.
    """
    if fpr is None:
        return calibration.default_fpr
    try:
        wanted = float(fpr)
    except ValueError as error:
        raise ConfigError(f"false-positive rate {fpr!r}: expected a number such as 0.01") from error
    for key in calibration.thresholds:
        if float(key) == wanted:
            return key
    known = ", ".join(sorted(calibration.thresholds, key=float))
    raise ConfigError(f"no threshold for a false-positive rate of {fpr}; the system's card has: {known}")


def resolve_fpr(card: SystemCard, fpr: str | float | None) -> str | None:
    """The false-positive rate, as the card writes it; None for an uncalibrated system.

    Raises:
        CardError: the calibration contradicts itself.
        ConfigError: no threshold for `fpr`, or the system is uncalibrated and one was asked for.
    """
    if card.calibration is None:
        if fpr is not None:
            raise ConfigError(
                f"system {card.name!r} is uncalibrated: it has no threshold for {fpr}; leave it out"
            )
        return None
    check(card.calibration, card.name)
    return threshold_key(card.calibration, fpr)


def check(calibration: Calibration, name: str) -> None:
    """Raise `CardError` unless rates lie between 0 and 1 and every logit is finite."""
    try:
        rates = [float(key) for key in calibration.thresholds]
        logits = [calibration.bias, calibration.inconclusive, *map(float, calibration.thresholds.values())]
    except (TypeError, ValueError) as error:
        raise CardError(f"card {name!r}: thresholds must map rates to logits ({error})") from error
    if not all(map(math.isfinite, logits)):
        raise CardError(f"card {name!r}: expected finite logits in the calibration, found {logits}")
    if not all(0 < rate < 1 for rate in rates):
        raise CardError(f"card {name!r}: expected false-positive rates between 0 and 1, found {rates}")
