"""A calibration on a user's own photos: from scan rows to the file that `scan` takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from upprint import __version__
from upprint.data.sample import GENERATED, REAL
from upprint.evaluate import binomial
from upprint.evaluate.calibrate import (
    Coverage,
    Method,
    bounded_threshold,
    coverage,
    fit_scale,
    left_out_probabilities,
    threshold_at,
)
from upprint.evaluate.reliability import Reliability, reliability
from upprint.result import ConfigError, MetricError, ScanResult
from upprint.runtime.calibration_file import CalibrationFile, Scale, Tiles
from upprint.runtime.settings import Settings

INCONCLUSIVE = 0.10
"""Share of the photos above which a score is inconclusive, by default."""
FOLDS = 5


@dataclass(frozen=True)
class Pictures:
    """Rows of one class, every picture once: equal files (by SHA-256) after the first are duplicates."""

    rows: tuple[ScanResult, ...]
    duplicates: tuple[str, ...]
    failed: tuple[ScanResult, ...]

    @property
    def logits(self) -> NDArray[np.float64]:
        return np.array([row.logit for row in self.rows], dtype=float)


@dataclass(frozen=True)
class Outcome:
    """The calibration, and what it is worth.

    Args:
        file: what `scan` takes.
        photos: decisions about the photos. They chose the band, so this flatters it.
        generated: decisions about the generated pictures; None without any.
        reliability: of probabilities that were fitted without the picture's fold; None without generated.
        card_errors: photos at or above the card's own threshold for its default rate; None if uncalibrated.
    """

    file: CalibrationFile
    photos: Coverage
    generated: Coverage | None
    reliability: Reliability | None
    card_errors: int | None


def distinct(rows: Iterable[ScanResult]) -> Pictures:
    """Sort rows into pictures, repeated files, and files that could not be scored."""
    kept: dict[str | None, ScanResult] = {}
    duplicates, failed = [], []
    for row in rows:
        if row.error is not None:
            failed.append(row)
        elif row.sha256 in kept:
            duplicates.append(row.path)
        else:
            kept[row.sha256] = row
    return Pictures(tuple(kept.values()), tuple(duplicates), tuple(failed))


def calibrate(
    settings: Settings,
    reals: Pictures,
    generated: Pictures | None = None,
    *,
    fpr: str = "0.01",
    confidence: float = binomial.CONFIDENCE,
    inconclusive_fpr: float = INCONCLUSIVE,
    method: Method = "both",
    data: str = "",
    seed: int = 0,
) -> Outcome:
    """Set a threshold that keeps `fpr` on photos like `reals`, and an inconclusive band below it.

    Args:
        settings: with which the rows were made.
        reals: camera-made pictures, independent of each other.
        generated: for the probability; without them the card's scale is kept.
        fpr: the rate, as text.
        confidence: one-sided.
        inconclusive_fpr: share of the photos that may reach the inconclusive band.
        method: what of the scale is fitted; see `calibrate.fit_scale`.
        data: names the pictures.
        seed: of the folds and the bootstrap of the reliability.

    Raises:
        ConfigError: rates that are no rates, or an uncalibrated system without generated pictures.
        MetricError: too few photos; the message says how many are needed.
    """
    rate = parse_rate(fpr)
    if not rate < inconclusive_fpr < 1:
        raise ConfigError(f"inconclusive rate {inconclusive_fpr:g}: expected more than {fpr}, below 1")
    scale = settings.card.calibration
    if scale is None and generated is None:
        raise ConfigError(
            f"system {settings.card.name!r} is uncalibrated: give --generated pictures to fit a probability"
        )
    found = bounded_threshold(reals.logits, rate, confidence=confidence)
    band = threshold_at(reals.logits, inconclusive_fpr)
    kept: Scale = "card"
    if generated is not None:
        labels, logits = _joined(reals.logits, generated.logits)
        if len(generated.rows) < FOLDS:
            raise MetricError(
                f"{len(generated.rows)} generated pictures for a probability: expected at least {FOLDS}"
            )
        temperature, bias = fit_scale(labels, logits, method)
        held = left_out_probabilities(labels, logits, method, folds=FOLDS, seed=seed)
        checked = reliability(labels, held, seed=seed)
        kept = method
    elif scale is not None:
        temperature, bias, checked = scale.temperature, scale.bias, None
    weights, rule = settings.card.weights, settings.card.input
    file = CalibrationFile(
        system=settings.card.name,
        weights_sha256="none" if weights is None else weights.onnx_sha256,
        tiles=Tiles(rule.tile, rule.grid, settings.budget, rule.pooling),
        engine=settings.engine,
        fpr=fpr,
        confidence=confidence,
        bound=found.bound,
        photos=found.photos,
        errors=found.errors,
        threshold=found.threshold,
        inconclusive=band,
        inconclusive_fpr=inconclusive_fpr,
        temperature=temperature,
        bias=bias,
        scale=kept,
        generated=0 if generated is None else len(generated.rows),
        data=data,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    return Outcome(
        file,
        _decisions(REAL, reals.logits, file),
        None if generated is None else _decisions(GENERATED, generated.logits, file),
        checked,
        None if scale is None else int((reals.logits >= scale.thresholds[scale.default_fpr]).sum()),
    )


def parse_rate(text: str) -> float:
    """A false-positive rate as a number; `ConfigError` unless it lies between 0 and 1."""
    try:
        rate = float(text)
    except ValueError:
        raise ConfigError(f"false-positive rate {text!r}: expected a number such as 0.01") from None
    if not 0 < rate < 1:
        raise ConfigError(f"false-positive rate {text}: expected a number between 0 and 1")
    return rate


def _joined(
    reals: NDArray[np.float64], generated: NDArray[np.float64]
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    return np.repeat([REAL, GENERATED], [len(reals), len(generated)]), np.concatenate([reals, generated])


def _decisions(label: int, logits: Sequence[float] | NDArray[np.float64], file: CalibrationFile) -> Coverage:
    return coverage(np.full(len(logits), label), logits, file.inconclusive, file.threshold)
