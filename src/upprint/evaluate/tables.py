"""A paper's table as three blocks: as printed, corrected where its arithmetic is off, measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from upprint.data.protocol import named, protocol_for
from upprint.evaluate.paper import MEAN, Cell, PaperRow, PaperTable, corrected, load, mean_of, numbers, papers
from upprint.evaluate.results import Reported, Result


@dataclass(frozen=True)
class Line:
    """A row of a block: what it is called, its cells by column key, its notes."""

    label: str
    cells: dict[str, Cell]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """Rows of one provenance. `headings` are (key, label) of its columns."""

    title: str
    headings: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]


def blocks(paper: str, number: int, results: Sequence[Result] = ()) -> tuple[PaperTable, list[Block]]:
    """The table as three blocks: reported, corrected (only rows that need it), measured."""
    table = load(paper, number)
    headings = tuple((c.key, c.label) for c in table.columns) + (((MEAN, "Mean"),) if table.mean else ())
    reported = [Line(row.label, row.printed, row.notes) for row in table.rows]
    wrong = [Line(row.label, corrected(table, row), row.notes) for row in table.rows if row.corrected]
    out = [Block("reported (as printed)", headings, tuple(reported))]
    if wrong:
        out.append(Block("corrected", headings, tuple(wrong)))
    if table.parts:
        measured = Block("measured here", headings, tuple(_summary(table, results)))
    else:
        measured = measured_block(table, [r for r in results if _belongs(r, table)])
    return table, [*out, measured]


def measured_block(table: PaperTable, results: Sequence[Result], *, own_columns: bool = False) -> Block:
    """Measured rows, one per system, options and weights; a row of the paper without results shows dashes.

    Args:
        own_columns: take the columns from the results, for another data set than the paper's.
    """
    columns = [(c.key, c.label) for c in table.columns]
    if own_columns:
        columns = [(key, key) for key in dict.fromkeys(r.subset for r in results)]
    headings = tuple(columns) + (((MEAN, "Mean"),) if table.mean else ())
    lines = []
    for row in table.rows:
        mine = [r for r in results if _fits(r, row)]
        lines += [
            _measured_line(table, row.label, headings, [r for r in mine if r.weights_sha256 == weights])
            for weights in dict.fromkeys(r.weights_sha256 for r in mine)
        ]
        if not mine:
            lines.append(Line(row.label, {key: (None,) * len(table.metrics) for key, _ in headings}))
    rest = [r for r in results if not any(r.system == row.system for row in table.rows)]
    for system, weights in dict.fromkeys((r.system, r.weights_sha256) for r in rest):
        group = [r for r in rest if (r.system, r.weights_sha256) == (system, weights)]
        lines.append(_measured_line(table, system, headings, group))
    return Block("measured here", headings, tuple(lines))


def _measured_line(
    table: PaperTable, label: str, headings: Sequence[tuple[str, str]], results: Sequence[Result]
) -> Line:
    cells: dict[str, Cell] = {key: (None,) * len(table.metrics) for key, _ in headings}
    for result in results:
        if result.subset in cells:
            cells[result.subset] = tuple(_percent(result, metric) for metric in table.metrics)
    if table.mean:
        keys = [key for key, _ in headings if key != MEAN]
        cells[MEAN] = tuple(mean_of([cells[key][i] for key in keys]) for i in range(len(table.metrics)))
    return Line(f"{label} [{results[0].weights_sha256[:8] or results[0].weights}]", cells)


def _summary(table: PaperTable, results: Sequence[Result]) -> Iterable[Line]:
    """Rows of a table over other tables: a mean only where every sub-set has been measured."""
    parts = [load(table.paper, number) for number in table.parts]
    wanted = [(part, column.key) for part in parts for column in part.columns]
    key = table.columns[0].key
    for row in table.rows:
        mine = [r for r in results if _fits(r, row)]
        lines = []
        for weights in dict.fromkeys(r.weights_sha256 for r in mine):
            group = [r for r in mine if r.weights_sha256 == weights]
            values = [_first(group, part, subset) for part, subset in wanted]
            if known := sum(value is not None for value in values):
                label = f"{row.label} [{weights[:8]}], {known} of {len(values)} sub-sets"
                lines.append(Line(label, {key: (mean_of(values),)}))
        yield from lines or [Line(row.label, {key: (None,)})]


def _first(results: Sequence[Result], table: PaperTable, subset: str) -> float | None:
    found = (_percent(r, "accuracy") for r in results if r.subset == subset and _belongs(r, table))
    return next(found, None)


def _belongs(result: Result, table: PaperTable) -> bool:
    """Whether a result can stand in the table: its data, its protocol (or its system's own), unperturbed."""
    if not table.protocol:
        return False
    protocol = protocol_for(result.system, named(table.protocol)).name
    return result.data == table.dataset and result.protocol == protocol and not result.perturbation


def _fits(result: Result, row: PaperRow) -> bool:
    """Whether a result is of the row's system and has the options that the row names."""
    return result.system == row.system and row.options.items() <= result.options.items()


def _fractions(table: PaperTable, cell: Cell) -> dict[str, float]:
    return {m: round(v / 100, 6) for m, v in zip(table.metrics, cell, strict=True) if v is not None}


def _percent(result: Result, metric: str) -> float | None:
    value = result.metrics[metric].value if metric in result.metrics else None
    return None if value is None else 100 * value


def with_reported(result: Result) -> Result:
    """The result with what a paper prints for the same system, options, sub-set and protocol, if any does."""
    for paper in sorted(papers()):
        for number in numbers(paper):
            table = load(paper, number)
            row = next((row for row in table.rows if _fits(result, row)), None)
            if row is None or not _belongs(result, table) or result.subset not in row.printed:
                continue
            printed, right = (
                _fractions(table, c[result.subset]) for c in (row.printed, corrected(table, row))
            )
            if printed or right:
                source = f"{paper}, Table {number}; {table.sources.get(row.source or '', '')}"
                return replace(result, reported=Reported(printed, right, source))
    return result
