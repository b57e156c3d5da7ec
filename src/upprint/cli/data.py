"""upprint data: what a reader finds in a data set, and what a number on it may be worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upprint.cli._app import EXIT_FILES_FAILED, app, console, stderr

if TYPE_CHECKING:
    from upprint.data.report import Report


@app.command()
def data(
    root: Annotated[Path, typer.Argument(help="Folder of a data set, or a CSV or Parquet manifest.")],
    layout: Annotated[str | None, typer.Option(help="How it is laid out; guessed if left out.")] = None,
    subset: Annotated[list[str] | None, typer.Option(help="Only this subset; may be repeated.")] = None,
    split: Annotated[str | None, typer.Option(help="train, val or test, where there are several.")] = None,
    classes: Annotated[str | None, typer.Option(help="ForenSynths: class folders, e.g. car,cat.")] = None,
    extras: Annotated[bool, typer.Option("--extras", help="Also sets outside the paper's tables.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Print files, formats and sizes per subset and class, and warn of what separates the classes."""
    from rich.progress import Progress

    from upprint.data import layouts
    from upprint.data.report import describe

    if layout is None:
        guess = layouts.detect(root)
        layout = guess.layout
        stderr.print(f"layout {layout}: {guess.reason}", markup=False, highlight=False)
    options: dict[str, Any] = {"split": split, "classes": classes.split(",") if classes else None}
    options = {name: value for name, value in options.items() if value is not None}
    if extras:
        options["extras"] = True
    dataset = layouts.read(root, layout, subsets=subset, **options)
    with Progress(console=stderr, transient=True) as bar:
        task = bar.add_task("reading headers", total=len(dataset.samples))
        report = describe(dataset, lambda done, _total: bar.update(task, completed=done))
    if as_json:
        typer.echo(report.to_json(), nl=False)
    else:
        _show(report)
    if report.unreadable:
        raise typer.Exit(EXIT_FILES_FAILED)


def _show(report: Report) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from upprint.data.report import COLUMNS, row
    from upprint.result import printable

    table = Table(
        box=SIMPLE_HEAD, title=Text(f"{report.name} (protocol {report.protocol})"), title_justify="left"
    )
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in ("files", "MB", "median") else "left")
    for group in report.groups:
        table.add_row(*(Text(printable(cell).replace(", ", "\n")) for cell in row(group)))
    console.print(table)
    for title, style, lines in (
        ("warning", "bold yellow", report.warnings),
        ("unreadable", "bold red", report.unreadable),
        ("not read", "dim", report.skipped),
    ):
        for line in lines:
            console.print(f"[{style}]{title}:[/] ", end="")
            console.print(printable(line), markup=False, highlight=False)
