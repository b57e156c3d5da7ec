"""What a system is, as data: paper, input rule, licence, weights, calibration, numbers.

A card is frozen and torch-free. It travels as JSON beside the exported ONNX graph, so that
evaluation, scan, page and cluster read one truth. Scores are logits; label 1 means generated.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from upprint.record import build
from upprint.result import CardError

Pooling = Literal["mean", "max", "median"]


@dataclass(frozen=True)
class InputRule:
    """How a picture reaches the network. The graph itself takes uint8 RGB (N, H, W, 3)."""

    tile: int = 256
    """Side of the square tiles that cover a picture, in pixels. Never a resize target."""
    grid: int = 8
    """Tile origins are multiples of this, so that the up-sampling and JPEG grids keep their phase."""
    exact: bool = False
    """The network takes pictures of exactly `tile` pixels, because it has weights for every position."""
    budget: int = 9
    """Tiles per picture by default; `--tiles all` lifts it."""
    batch: int = 8
    """Tiles that are scored together at most. Memory grows with it (about 15 MB a tile in NPR), speed hardly;
    a graph whose tensors are large is faster one by one."""
    pooling: Pooling = "mean"
    """How the tile logits become the picture's logit."""

    def __post_init__(self) -> None:
        for name in ("tile", "grid", "budget", "batch"):
            if getattr(self, name) < 1:
                raise CardError(f"input rule: {name} is {getattr(self, name)}, expected at least 1")


@dataclass(frozen=True)
class Calibration:
    """Maps a logit to a probability and a verdict.

    probability = sigmoid((logit - bias) / temperature). `thresholds` maps a false-positive rate, as
    text ("0.01"), to the smallest logit that is called `generated` at that rate; a logit from
    `inconclusive` up to that threshold is called `inconclusive`.
    """

    temperature: float
    bias: float
    thresholds: dict[str, float]
    default_fpr: str
    inconclusive: float
    photos: int
    """How many camera-made pictures the thresholds were fitted on."""
    data: str
    """What they were, and in which forms (original bytes, re-saved, reduced)."""
    confidence: float | None = None
    """With which the rates are kept on other photos like these; None: they were kept on these alone."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise CardError(f"calibration: temperature {self.temperature}, expected a number above 0")
        if self.default_fpr not in self.thresholds:
            raise CardError(
                f"calibration: the default false-positive rate {self.default_fpr!r} has no threshold; "
                f"thresholds: {sorted(self.thresholds)}"
            )


@dataclass(frozen=True)
class Weights:
    """Shipped weights: the ONNX graph that scan runs, and the safetensors it was exported from."""

    onnx: str
    onnx_sha256: str
    safetensors: str
    safetensors_sha256: str
    trained_on: str
    command: str
    licence: str


@dataclass(frozen=True)
class Number:
    """One measured or published figure, with what is needed to judge it."""

    metric: str
    value: float
    data: str
    protocol: str
    source: Literal["paper", "measured"]
    low: float | None = None
    high: float | None = None
    date: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class MapTest:
    """Whether a map shows where, on composites whose generated region is known (`upprint where`).

    `auroc` is the mean over composites of the area under their pixels' ROC, `low` to `high` its interval,
    `centre` that of a guess at the centre, `null` that of the map where the photo itself was pasted in, `iou`
    the overlap at the shipped threshold. `weights_sha256` is of the graph that drew the maps.
    """

    map: str
    beats_chance: bool
    auroc: float
    low: float
    high: float
    centre: float
    null: float
    iou: float | None
    data: str
    weights_sha256: str
    date: str
    command: str


@dataclass(frozen=True)
class SystemCard:
    """Everything a user must know before believing a score."""

    name: str
    title: str
    paper: str
    year: int
    faithful: bool
    """True: reproduces a paper and nothing is tuned beyond it. False: ours."""
    idea: str
    parameters: int
    """Trainable parameters of the network at its published size; for a fitted system, what is fitted."""
    trained_by: Literal["gradient", "fit"] = "gradient"
    """Steps on a loss, or one fit to the representations of all training pictures."""
    needs: str = ""
    """What the user must bring beside training pictures, e.g. the weights of a foundation model."""
    input: InputRule = field(default_factory=InputRule)
    narrow: bool = True
    """Its graph may be computed in bf16 by engines that do so; False where it counts or takes spectra,
    which needs float32."""
    exportable: bool = True
    export_note: str = ""
    code_licence: str = "Apache-2.0"
    departures: tuple[str, ...] = ()
    """Where the implementation differs from the authors' code, and why."""
    limits: tuple[str, ...] = ()
    """What the system cannot see."""
    options: dict[str, Any] = field(default_factory=dict)
    """Builder options of this instance, e.g. {"block": 2, "anchor": 1}."""
    weights: Weights | None = None
    calibration: Calibration | None = None
    numbers: tuple[Number, ...] = ()
    maps: tuple[MapTest, ...] = ()
    """Which of the system's maps were tested, and how they did."""

    def to_json(self) -> str:
        """The card as JSON text; `CardError` where a value has no JSON form (NaN, an object)."""
        try:
            return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise CardError(f"card {self.name!r} cannot be written as JSON ({error})") from error

    @classmethod
    def from_json(cls, text: str, *, origin: str = "<text>") -> SystemCard:
        """Read a card strictly; unknown, repeated or missing keys and other types raise `CardError`."""
        try:
            raw = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise CardError(f"{origin}: not a card in JSON ({error})") from error
        try:
            return build(cls, raw, origin, CardError)
        except (CardError, OverflowError) as error:
            if str(error).startswith(origin):
                raise
            raise CardError(f"{origin}: {error}") from error

    @classmethod
    def read(cls, path: Path) -> SystemCard:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CardError(f"{path}: the system's card cannot be read as UTF-8 text ({error})") from error
        return cls.from_json(text, origin=str(path))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON knows")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs as a dict; a repeated key would otherwise win silently."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"repeated keys {sorted({name for name in names if names.count(name) > 1})}")
    return found
