"""A user's own calibration: a small JSON file that `upprint calibrate` writes and `scan` takes.

It belongs to one system, one set of weights, one way of cutting tiles and one engine; with any other, scores
mean something else, and the file is refused.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from upprint.card import Calibration, Pooling, SystemCard
from upprint.record import build
from upprint.result import ConfigError

KEY, VERSION = "upprint_calibration", 1

Scale = Literal["card", "both", "temperature", "bias"]


@dataclass(frozen=True)
class Tiles:
    """How pictures were cut and pooled; `budget` None stands for all tiles."""

    tile: int
    grid: int
    budget: int | None
    pooling: Pooling


@dataclass(frozen=True)
class CalibrationFile:
    """What was found on the user's photos.

    Args:
        system: name of the system that scored them.
        weights_sha256: of its exported graph.
        tiles: the tile rule in use.
        engine: what ran the network.
        fpr: the false-positive rate that was asked for, as text.
        confidence: with which it is kept, one-sided.
        bound: the share of photos like these that the threshold calls generated is at most this.
        photos: how many different photos the threshold was set on.
        errors: how many of them may reach it.
        threshold: the smallest logit that is called generated.
        inconclusive: the smallest logit that is called inconclusive.
        inconclusive_fpr: the share of these photos that reaches it.
        temperature, bias: probability = sigmoid((logit - bias) / temperature).
        scale: where those come from: the system's card, or what was fitted on `generated` pictures.
        generated: how many generated pictures helped to fit the probability.
        data: the folders, by name.
        date: when, ISO 8601.
        version: of upprint.
    """

    system: str
    weights_sha256: str
    tiles: Tiles
    engine: str
    fpr: str
    confidence: float
    bound: float
    photos: int
    errors: int
    threshold: float
    inconclusive: float
    inconclusive_fpr: float
    temperature: float
    bias: float
    scale: Scale
    generated: int
    data: str
    date: str
    version: str

    def __post_init__(self) -> None:
        try:
            rate = float(self.fpr)
        except ValueError:
            rate = math.nan
        inside = {
            "fpr": rate,
            "confidence": self.confidence,
            "bound": self.bound,
            "inconclusive_fpr": self.inconclusive_fpr,
        }
        for name, value in inside.items():
            if not 0 < value <= 1:
                raise ConfigError(f"{name} is {value}, expected a number above 0 and at most 1")
        if not all(map(math.isfinite, (self.threshold, self.inconclusive, self.bias))):
            raise ConfigError("threshold, inconclusive and bias must be finite")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ConfigError(f"temperature is {self.temperature}, expected a number above 0")
        if self.bound > rate * (1 + 1e-9):
            raise ConfigError(
                f"bound {self.bound} is above the rate {self.fpr}: the threshold does not keep it"
            )
        if not 0 <= self.errors < self.photos:
            raise ConfigError(
                f"{self.errors} errors in {self.photos} photos: expected fewer errors than photos"
            )

    def promise(self) -> str:
        """The threshold in one sentence."""
        return (
            f"at most {100 * float(self.fpr):g} % of photos like these {self.photos:,} are called generated, "
            f"with {100 * self.confidence:g} % confidence (bound {100 * self.bound:.2f} %)"
        )

    def to_json(self) -> str:
        return json.dumps({KEY: VERSION, **asdict(self)}, indent=2, allow_nan=False) + "\n"

    def apply(self, card: SystemCard, budget: int | None, engine: str) -> SystemCard:
        """The card with this calibration in place of its own, less its numbers at its own threshold.

        Args:
            card: of the system that is going to score.
            budget: tiles per picture in use; None for all.
            engine: that is going to run.

        Raises:
            ConfigError: made with another system, other weights, another tile rule or engine.
        """
        weights = "none" if card.weights is None else card.weights.onnx_sha256
        rule = card.input
        checks = (
            ("the system", self.system, card.name, "name that system with --system"),
            ("weights of SHA-256", self.weights_sha256, weights, "the system was updated"),
            ("tiles of", _tiles(self.tiles), _tiles(Tiles(rule.tile, rule.grid, budget, rule.pooling)),
             "give the same --tiles"),
            ("the engine", self.engine, engine, "give the same --engine"),
        )  # fmt: skip
        for what, made, here, remedy in checks:
            if made != here:
                raise ConfigError(
                    f"the calibration was made with {what} {made}, this scores with {here}: its threshold "
                    f"would promise nothing; {remedy}, or run upprint calibrate again"
                )
        return replace(
            card,
            numbers=tuple(n for n in card.numbers if not n.metric.endswith("_shipped")),
            calibration=Calibration(
                temperature=self.temperature,
                bias=self.bias,
                thresholds={self.fpr: self.threshold},
                default_fpr=self.fpr,
                inconclusive=self.inconclusive,
                photos=self.photos,
                data=f"the user's own photos ({self.data}), {self.date[:10]}",
                confidence=self.confidence,
            ),
        )


Source = str | os.PathLike[str] | Mapping[str, Any] | CalibrationFile
"""A calibration, its file, or what `as_values` gave."""


def as_values(calibration: CalibrationFile) -> dict[str, Any]:
    """The calibration as JSON values; `open_calibration` takes them."""
    return asdict(calibration)


def open_calibration(source: Source) -> CalibrationFile:
    """Read a calibration strictly.

    Raises:
        ConfigError: not a calibration of this version; unknown, missing or mistyped keys are named.
    """
    if isinstance(source, CalibrationFile):
        return source
    if isinstance(source, Mapping):
        return _build(dict(source), "calibration")
    path = Path(source)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{str(path)!r}: cannot be read as a calibration ({error}); make one with: upprint calibrate"
        ) from error
    if not isinstance(raw, dict) or raw.pop(KEY, None) != VERSION:
        raise ConfigError(
            f"{str(path)!r}: not a calibration of this version; expected the key {KEY!r} = {VERSION}; "
            "make one with: upprint calibrate"
        )
    return _build(raw, str(path))


def write(calibration: CalibrationFile, path: Path) -> None:
    """Write the file, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(calibration.to_json(), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{str(path)!r}: cannot be written ({error}); choose another --out") from error


def _build(raw: dict[str, Any], where: str) -> CalibrationFile:
    try:
        return build(CalibrationFile, raw, where, ConfigError)
    except ConfigError as error:
        if str(error).startswith(where):
            raise
        raise ConfigError(f"{where}: {error}") from error


def _tiles(rule: Tiles) -> str:
    budget = "all" if rule.budget is None else str(rule.budget)
    return f"{rule.tile} pixels at multiples of {rule.grid}, {budget} per picture, their {rule.pooling}"
