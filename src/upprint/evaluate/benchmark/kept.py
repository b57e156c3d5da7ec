"""What a benchmark leaves behind: the samples of its tests, and every system's logits on them.

One folder: `samples.json`, and one file per system. A system without figures has a file that says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from upprint.data.sample import REAL, Sample
from upprint.evaluate.benchmark.testsets import SHARED, TestSet
from upprint.evaluate.compare import Paired
from upprint.evaluate.curve import Kind, kinds
from upprint.record import build
from upprint.result import DataError

SAMPLES = "samples.json"
ROUNDED = 5
"""Decimals of a kept logit."""


@dataclass(frozen=True)
class Test:
    """The samples of one test: sub-set, label and source of each, and in words what they are."""

    title: str
    data: str
    rows: tuple[tuple[str, int, str], ...]

    @property
    def real_only(self) -> bool:
        """Photos alone: nothing but false positives can be counted."""
        return all(label == REAL for _, label, _ in self.rows)

    @property
    def subsets(self) -> tuple[str, ...]:
        """In the order of the columns; photos that all share are in each of them."""
        named = dict.fromkeys(subset for subset, _, _ in self.rows if subset != SHARED)
        return tuple(named) or (SHARED,)

    def paired(self, logits: Mapping[str, Sequence[float]]) -> Paired:
        """Scores of several systems, sub-set by sub-set."""
        chosen = [
            (name, index)
            for name in self.subsets
            for index, (subset, _, _) in enumerate(self.rows)
            if subset in (name, SHARED)
        ]
        index = np.array([i for _, i in chosen])
        return Paired(
            np.array([self.rows[i][1] for i in index]),
            tuple(self.rows[i][2] for i in index),
            tuple(name for name, _ in chosen),
            {name: np.asarray(values, float)[index] for name, values in logits.items()},
        )

    def photos(self, logits: Mapping[str, Sequence[float]]) -> Paired:
        """Scores of the photos alone, each once."""
        kept = list({source: i for i, (_, label, source) in enumerate(self.rows) if label == REAL}.values())
        return Paired(
            np.zeros(len(kept), int),
            tuple(self.rows[i][2] for i in kept),
            ("",) * len(kept),
            {name: np.asarray(values, float)[kept] for name, values in logits.items()},
        )


@dataclass(frozen=True)
class System:
    """A system's file.

    Args:
        name: of the row.
        system, weights, weights_sha256, trained_on, parameters, options: what was measured.
        threshold, threshold_fpr: of its own card; None where it has none.
        note: what a reader of the row must know.
        missing: why there are no figures.
        steps, train_seconds: how it was trained here; None where it was not, no steps where it was fitted.
        speed: pictures per second in every round.
        relative_speed: the same as a multiple of the reference's, round by round.
        side: of the pictures that speed was measured on.
        logits: test -> one for each of its samples.
    """

    name: str
    system: str = ""
    weights: str = ""
    weights_sha256: str = ""
    trained_on: str = ""
    parameters: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    threshold: float | None = None
    threshold_fpr: str | None = None
    note: str = ""
    missing: str = ""
    steps: int | None = None
    train_seconds: float | None = None
    speed: tuple[float, ...] = ()
    relative_speed: tuple[float, ...] = ()
    side: int = 0
    date: str = ""
    command: str = ""
    logits: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def kinds(self) -> dict[str, Kind]:
        """The metrics, some of them at this system's own threshold."""
        return dict(kinds(self.threshold))


@dataclass(frozen=True)
class Kept:
    """A benchmark's folder; its systems come in the order of its config."""

    title: str
    introduction: str
    reference: str
    tests: dict[str, Test]
    systems: tuple[System, ...]

    def system(self, name: str) -> System:
        return next(system for system in self.systems if system.name == name)


@dataclass(frozen=True)
class _Head:
    title: str
    introduction: str
    reference: str
    order: tuple[str, ...]
    tests: dict[str, Test]


def describe(test: TestSet) -> Test:
    """A test as it is kept."""
    return Test(test.title, test.data, tuple(_row(sample) for sample in test.samples))


def _row(sample: Sample) -> tuple[str, int, str]:
    return sample.subset, sample.label, sample.source


def write_samples(
    folder: Path,
    tests: Mapping[str, Test],
    *,
    title: str,
    introduction: str,
    reference: str,
    order: Sequence[str],
) -> None:
    """Write what all systems share.

    Raises:
        DataError: systems there were scored on other samples.
    """
    path = folder / SAMPLES
    if path.exists():
        before = _head(path).tests
        if changed := [n for n, test in tests.items() if n in before and before[n].rows != test.rows]:
            raise DataError(
                f"{path}: other samples in {', '.join(changed)} than these; score all systems again, "
                "in another folder or with this one's files removed"
            )
    folder.mkdir(parents=True, exist_ok=True)
    head = _Head(title, introduction, reference, tuple(order), dict(tests))
    _write(path, json.dumps(asdict(head), indent=0, ensure_ascii=False) + "\n")


def write_system(folder: Path, system: System) -> None:
    """Write a system's file so that a half-written one is never found."""
    _write(folder / f"{system.name}.json", json.dumps(asdict(system), ensure_ascii=False) + "\n")


def read_system(path: Path) -> System:
    """Read one system's file.

    Raises:
        DataError: damaged.
    """
    return build(System, _json(path), str(path), DataError)


def read(folder: Path) -> Kept:
    """Read a benchmark's folder; systems come in the order of its config.

    Raises:
        DataError: damaged, or a system lacks logits of a test.
    """
    head = _head(folder / SAMPLES)
    paths = {path.stem: path for path in folder.glob("*.json") if path.name != SAMPLES}
    systems = []
    for name in [*(n for n in head.order if n in paths), *sorted(paths.keys() - set(head.order))]:
        system = read_system(paths[name])
        wanted = {test: len(one.rows) for test, one in head.tests.items()}
        if not system.missing and wanted != {test: len(row) for test, row in system.logits.items()}:
            raise DataError(f"{paths[name]}: logits do not fit the samples beside it; score it again")
        systems.append(system)
    if head.reference not in [system.name for system in systems]:
        raise DataError(f"{folder}: no file of the reference {head.reference!r}; score it first")
    return Kept(head.title, head.introduction, head.reference, head.tests, tuple(systems))


def _head(path: Path) -> _Head:
    return build(_Head, _json(path), str(path), DataError)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
