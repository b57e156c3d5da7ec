"""Tables as text: for a terminal, Markdown, CSV, JSON. A cell holds the table's metrics as "Acc/AP"."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from upprint.evaluate.paper import Cell, PaperTable
from upprint.evaluate.tables import Block, Line

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

NONE = "–"
_SHORT = {"accuracy": "Acc", "average_precision": "AP"}


def cell_text(cell: Cell) -> str:
    """Percentages with one decimal; a dash where nothing is known."""
    if all(value is None for value in cell):
        return NONE
    return "/".join(NONE if value is None else f"{value:.1f}" for value in cell)


def metrics_text(table: PaperTable) -> str:
    return "/".join(_SHORT.get(metric, metric) for metric in table.metrics)


def markdown(table: PaperTable, blocks: Sequence[Block]) -> str:
    """One Markdown table per block, then numbered notes and the sources of the printed numbers."""
    numbers = _note_numbers(blocks)
    parts = [f"## {_title(table)}", f"Cells: {metrics_text(table)} in %."]
    for block in blocks:
        header = ["System", *(label for _, label in block.headings)]
        rows = [header, ["---"] + ["---:"] * len(block.headings)]
        rows += [
            [_label(line, numbers), *(cell_text(line.cells[key]) for key, _ in block.headings)]
            for line in block.lines
        ]
        lines = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
        parts.append(f"### {block.title.capitalize()}\n\n" + "\n".join(lines))
    return "\n\n".join([*parts, "\n".join(_footnotes(table, numbers))]).rstrip() + "\n"


def csv_text(table: PaperTable, blocks: Sequence[Block]) -> str:
    """Long form: one line per value; unknown values are empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["paper", "table", "block", "system", "column", "metric", "percent"])
    for block in blocks:
        for line in block.lines:
            for key, _ in block.headings:
                for metric, value in zip(table.metrics, line.cells[key], strict=True):
                    text = "" if value is None else format(value, ".6g")
                    writer.writerow([table.paper, table.table, block.title, line.label, key, metric, text])
    return out.getvalue()


def json_text(table: PaperTable, blocks: Sequence[Block]) -> str:
    """Everything, with full precision; unknown values are null."""
    content: dict[str, Any] = {
        "paper": table.paper,
        "table": table.table,
        "title": table.title,
        "metrics": table.metrics,
        "blocks": [
            {
                "title": block.title,
                "columns": [key for key, _ in block.headings],
                "rows": [
                    {"label": line.label, "cells": line.cells, "notes": [table.notes[n] for n in line.notes]}
                    for line in block.lines
                ],
            }
            for block in blocks
        ],
        "sources": table.sources,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def terminal(table: PaperTable, blocks: Sequence[Block], width: int) -> Group:
    """The blocks as rich tables, notes below; a block wider than `width` characters is cut by columns."""
    from rich.console import Group
    from rich.text import Text

    numbers = _note_numbers(blocks)
    head = Text(f"{_title(table)}\nCells: {metrics_text(table)} in %.", style="bold")
    tables = [part for block in blocks for part in _rich_tables(block, numbers, width)]
    return Group(head, *tables, Text("\n".join(_footnotes(table, numbers))))


def _rich_tables(block: Block, numbers: dict[str, int], width: int) -> Iterator[Table]:
    from rich.table import Table
    from rich.text import Text

    labels = [_label(line, numbers) for line in block.lines]
    widths = {
        key: max([len(label), *(len(cell_text(line.cells[key])) for line in block.lines)]) + 3
        for key, label in block.headings
    }
    room = width - max([len("System"), *map(len, labels)]) - 4
    for index, part in enumerate(_columns(block.headings, widths, room)):
        shown = Table(title=block.title + " (continued)" * (index > 0), title_justify="left")
        shown.add_column("System", no_wrap=True)
        for _, label in part:
            shown.add_column(label, justify="right", no_wrap=True)
        for line, label in zip(block.lines, labels, strict=True):
            shown.add_row(Text(label), *(Text(cell_text(line.cells[key])) for key, _ in part))
        yield shown


def _columns(
    headings: Sequence[tuple[str, str]], widths: dict[str, int], room: int
) -> Iterator[list[tuple[str, str]]]:
    """Runs of columns that fit into `room` characters, at least one column each."""
    part: list[tuple[str, str]] = []
    for heading in headings:
        if part and sum(widths[key] for key, _ in [*part, heading]) > room:
            yield part
            part = []
        part.append(heading)
    if part:
        yield part


def _title(table: PaperTable) -> str:
    return f"{table.paper.upper()}, Table {table.table}: {table.title}"


def _note_numbers(blocks: Sequence[Block]) -> dict[str, int]:
    used = dict.fromkeys(note for block in blocks for line in block.lines for note in line.notes)
    return {note: number for number, note in enumerate(used, start=1)}


def _label(line: Line, numbers: dict[str, int]) -> str:
    marks = ",".join(str(numbers[note]) for note in line.notes)
    return f"{line.label} ({marks})" if marks else line.label


def _footnotes(table: PaperTable, numbers: dict[str, int]) -> list[str]:
    notes = [f"({number}) {table.notes[note]}" for note, number in numbers.items()]
    return [*notes, *(f"Printed numbers: {text}." for text in table.sources.values())]
