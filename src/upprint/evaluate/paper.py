"""Papers' printed tables as data (`results/<paper>/table<n>.json`), and the check of their arithmetic.

A cell without a public source is null. "Corrected" is not a second copy: it is the printed cells with the
row's stated corrections, and the mean computed from them. Values are percentages, as papers print them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upprint.record import build
from upprint.result import ConfigError, DataError

MEAN = "mean"
Cell = tuple[float | None, ...]
"""One value per metric of the table, e.g. (Acc, AP); None where it is not known."""


@dataclass(frozen=True)
class Column:
    key: str
    label: str


@dataclass(frozen=True)
class PaperRow:
    """One printed row. `corrected` overrides cells of `printed`; `notes` are keys of the table's notes."""

    system: str
    label: str
    printed: dict[str, Cell]
    source: str | None
    corrected: dict[str, Cell] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper. One with `parts` summarises those tables: the mean over all their sub-sets."""

    paper: str
    table: int
    title: str
    dataset: str
    protocol: str
    metrics: tuple[str, ...]
    columns: tuple[Column, ...]
    mean: bool
    rows: tuple[PaperRow, ...]
    notes: dict[str, str]
    sources: dict[str, str]
    parts: tuple[int, ...] = ()

    def keys(self) -> list[str]:
        return [c.key for c in self.columns] + ([MEAN] if self.mean else [])


@dataclass(frozen=True)
class Deviation:
    """A printed mean that its row's printed cells do not give."""

    row: str
    metric: str
    printed: float
    computed: float


def papers() -> dict[str, Path]:
    """Papers with tables, and their folders: in the installed package, else in the source tree."""
    here = Path(__file__).resolve()
    places = (here.parents[1] / "results", here.parents[3] / "results")
    found = [p for place in places if place.is_dir() for p in sorted(place.iterdir())]
    return {p.name: p for p in reversed(found) if any(p.glob("table*.json"))}


def numbers(paper: str) -> list[int]:
    """The tables of a paper.

    Raises:
        ConfigError: no tables of that paper.
    """
    known = papers()
    if paper not in known:
        raise ConfigError(f"no tables of paper {paper!r}; known: {', '.join(sorted(known)) or 'none'}")
    return sorted(int(p.stem.removeprefix("table")) for p in known[paper].glob("table*.json"))


def load(paper: str, number: int) -> PaperTable:
    """Read a table strictly.

    Raises:
        ConfigError: the paper has no such table.
        DataError: the file is malformed, or a row lacks or has surplus cells.
    """
    if number not in (known := numbers(paper)):
        raise ConfigError(f"paper {paper!r} has no table {number} here; known: {known}")
    path = papers()[paper] / f"table{number}.json"
    table = build(PaperTable, json.loads(path.read_text(encoding="utf-8")), str(path), DataError)
    for row in table.rows:
        if list(row.printed) != table.keys() or not set(row.corrected) <= set(table.keys()):
            raise DataError(
                f"{path}: row {row.label!r} has columns {list(row.printed)}; expected {table.keys()}"
            )
        if any(len(cell) != len(table.metrics) for cell in (*row.printed.values(), *row.corrected.values())):
            raise DataError(f"{path}: row {row.label!r}: expected {len(table.metrics)} values per cell")
        if unknown := sorted(set(row.notes) - set(table.notes)):
            raise DataError(f"{path}: row {row.label!r} names unknown notes {unknown}")
    return table


def deviations(table: PaperTable) -> list[Deviation]:
    """Every printed mean further than its own rounding (0.05) from the mean of the row's printed cells."""
    found = []
    for row in table.rows:
        for index, metric in enumerate(table.metrics):
            printed, computed = row.printed.get(MEAN, ())[index : index + 1], _mean(table, row.printed, index)
            if (
                printed
                and printed[0] is not None
                and computed is not None
                and abs(computed - printed[0]) > 0.05 + 1e-9
            ):
                found.append(Deviation(row.label, metric, printed[0], computed))
    return found


def corrected(table: PaperTable, row: PaperRow) -> dict[str, Cell]:
    """The row with its corrections; a stated correction of the mean gives way to the computed one."""
    cells = {**row.printed, **row.corrected}
    if table.mean and row.corrected:
        given = cells[MEAN]
        means = (_mean(table, cells, i) for i in range(len(table.metrics)))
        cells[MEAN] = tuple(g if m is None else round(m, 1) for g, m in zip(given, means, strict=True))
    return cells


def _mean(table: PaperTable, cells: dict[str, Cell], index: int) -> float | None:
    return mean_of([cells[c.key][index] for c in table.columns])


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean, or None unless every value is known."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
