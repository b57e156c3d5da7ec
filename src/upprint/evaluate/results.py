"""Results from a predictions file: one JSON per system, weights, sub-set, protocol and perturbation."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate import bootstrap
from upprint.evaluate.bootstrap import Estimate, Scores
from upprint.evaluate.curve import Kind, kinds
from upprint.evaluate.predictions import Predictions, Row
from upprint.record import build
from upprint.result import DataError

SUFFIX = ".result.json"
_VERSIONED = ("numpy", "pillow", "onnxruntime", "torch")


@dataclass(frozen=True)
class Interval:
    """How the intervals were made: bootstrap over sources, percentile."""

    draws: int
    level: float
    seed: int


@dataclass(frozen=True)
class Reported:
    """What a paper prints for the same system, sub-set and protocol, as fractions."""

    metrics: dict[str, float]
    corrected: dict[str, float]
    source: str


@dataclass(frozen=True)
class Result:
    """One measured cell of a table. `metrics` are fractions in [0, 1]; keys are those of `curve.kinds`.

    `errors` counts pictures that could not be read; no metric covers them.
    """

    system: str
    weights: str
    weights_sha256: str
    data: str
    subset: str
    protocol: str
    perturbation: str
    real: int
    generated: int
    sources: int
    errors: int
    metrics: dict[str, Estimate]
    interval: Interval
    options: dict[str, Any] = field(default_factory=dict)
    trained_on: str = ""
    threshold: float | None = None
    threshold_fpr: str | None = None
    reported: Reported | None = None
    predictions_sha256: str = ""
    date: str = ""
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    schema: int = 1

    def __post_init__(self) -> None:
        if self.schema != 1:
            raise DataError(f"result of schema {self.schema}; this version reads schema 1")


@dataclass(frozen=True)
class Worst:
    """The worst sub-set by one metric."""

    subset: str
    estimate: Estimate


@dataclass(frozen=True)
class Evaluation:
    """All sub-sets of a predictions file, the mean over them, and the worst of them by each metric."""

    results: tuple[Result, ...]
    mean: dict[str, Estimate]
    worst: dict[str, Worst]
    kinds: Mapping[str, Kind]


def measure(
    predictions: Predictions,
    *,
    draws: int = bootstrap.DRAWS,
    level: float = bootstrap.LEVEL,
    seed: int = 0,
    predictions_sha256: str = "",
    command: str = "",
) -> Evaluation:
    """All metrics of a predictions file, per sub-set, with intervals.

    A sub-set in which no picture could be read keeps its result, with every metric undefined.
    """
    header, rows = predictions.header, predictions.rows
    names = list(dict.fromkeys(row.subset for row in rows))
    scored = {name: [r for r in rows if r.subset == name and r.logit is not None] for name in names}
    chosen = kinds(header.threshold)
    usable = {name: _scores(found) for name, found in scored.items() if found}
    estimates = bootstrap.estimate(usable, chosen, draws=draws, level=level, seed=seed)
    nothing = {metric: Estimate(None, undefined="no picture could be read") for metric in chosen}
    results = [
        Result(
            system=header.system,
            weights=header.weights,
            weights_sha256=header.weights_sha256,
            data=header.data,
            subset=name,
            protocol=header.protocol,
            perturbation=header.perturbation,
            real=sum(r.label == REAL for r in found),
            generated=sum(r.label == GENERATED for r in found),
            sources=len({r.source for r in found}),
            errors=sum(r.subset == name and r.error is not None for r in rows),
            metrics=estimates.subsets.get(name, nothing),
            interval=Interval(draws, level, seed),
            options=header.options,
            trained_on=header.trained_on,
            threshold=header.threshold,
            threshold_fpr=header.threshold_fpr,
            predictions_sha256=predictions_sha256,
            date=header.date,
            command=command or header.command,
            versions=versions(header.version),
        )
        for name, found in scored.items()
    ]
    worst = {metric: w for metric, kind in chosen.items() if (w := _worst(results, metric, kind)) is not None}
    return Evaluation(tuple(results), estimates.mean, worst, chosen)


def write(result: Result, folder: Path) -> Path:
    """Write a result below `folder`, replacing an older one of the same sub-set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file_name(result.subset) + SUFFIX)
    temporary = path.with_name(path.name + ".tmp")
    text = json.dumps(asdict(result), indent=2, ensure_ascii=True, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def read(path: Path) -> Result:
    """Read one result strictly: unknown, missing or mistyped keys raise `DataError`."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a result ({error})") from error
    return build(Result, raw, str(path), DataError)


def read_all(folder: Path) -> list[Result]:
    """Every result below `folder`, in path order.

    Raises:
        DataError: `folder` is missing, or a result in it is malformed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of results (*{SUFFIX})")
    return [read(path) for path in sorted(folder.rglob(f"*{SUFFIX}"))]


def file_name(subset: str) -> str:
    """A sub-set's name as part of a file name; changed names get a hash, so that two never collide."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", subset) or "_"
    if safe == subset:
        return safe
    return f"{safe}-{hashlib.sha256(subset.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def versions(upprint: str) -> dict[str, str]:
    """Versions that a result may depend on."""
    found = {"upprint": upprint, "python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _scores(rows: Sequence[Row]) -> Scores:
    logits = [r.logit for r in rows if r.logit is not None]
    return Scores([r.label for r in rows], logits, [r.source for r in rows])


def _worst(results: Sequence[Result], metric: str, kind: Kind) -> Worst | None:
    defined = [(r.metrics[metric].value, r) for r in results if r.metrics[metric].value is not None]
    if not defined:
        return None
    sign = 1.0 if kind.higher_is_better else -1.0
    _, result = min(defined, key=lambda pair: sign * (pair[0] or 0.0))
    return Worst(result.subset, result.metrics[metric])
