"""upprint laboratory: which up-samplers' traces find which others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import app, command_line, console, stderr

if TYPE_CHECKING:
    from upprint.evaluate.laboratory.report import Report


@app.command()
def laboratory(
    twins: Annotated[
        list[Path], typer.Argument(help="Folders of aligned twins (upprint forge); each maker is a row.")
    ],
    config: Annotated[Path | None, typer.Option(help="TOML file instead of configs/laboratory.toml.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run, instead of the config's.")] = None,
    data: Annotated[
        str, typer.Option(help="What the twins are, in plain words, for the report.")
    ] = "not stated",
    partial: Annotated[
        bool, typer.Option("--partial", help="Train nothing; report the cells that are there.")
    ] = False,
) -> None:
    """Train a detector on each maker's twins, test it on all makers: matrix, intervals, figures.

    A run that was killed goes on where it stopped, with the same command.
    """
    from dataclasses import replace

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from upprint.result import require

    require("torch", extra="train", purpose="training")
    require("lightning_fabric", extra="train", purpose="training")
    from upprint.evaluate.laboratory.config import default_config, read_config
    from upprint.evaluate.laboratory.figure import draw
    from upprint.evaluate.laboratory.page import page
    from upprint.evaluate.laboratory.report import NAME, report, write
    from upprint.evaluate.laboratory.run import run

    settings = read_config(config or default_config())
    if out is not None:
        settings = replace(settings, out=str(out))
    folder = Path(settings.out)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr) as bar:
        reading = bar.add_task("reading pairs", total=None, visible=False)
        training = bar.add_task("networks", total=None)
        found, scored = run(
            twins,
            settings,
            partial=partial,
            reading=lambda done, total: bar.update(reading, completed=done, total=total, visible=True),
            progress=lambda done, total: bar.update(training, completed=done, total=total),
        )
    made = report(
        found,
        scored,
        settings,
        data=data,
        command=command_line(),
        note=lambda text: stderr.print(f"intervals: {text}", markup=False, highlight=False),
    )
    write(made, folder / NAME)
    draw(made, folder)
    (folder / "laboratory.md").write_text(page(made), encoding="utf-8")
    _print(made)
    console.print(f"report: {folder / 'laboratory.md'}", markup=False)


def _print(made: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    for test in made.config["tests"]:
        claims = [claim for claim in made.claims if claim.test == test]
        table = Table(title=test, title_justify="left", show_lines=True)
        for column in ("question", "answer", "numbers"):
            table.add_column(column)
        for claim in claims:
            table.add_row(Text(claim.question), Text(claim.verdict), Text(claim.sentence))
        if claims:
            console.print(table)
    if made.done < made.wanted:
        console.print(f"unfinished: {made.done} of {made.wanted} networks are trained")
    for variant, (train, test_seconds) in made.seconds.items():
        console.print(
            f"{variant}: {train} s to train and {test_seconds} s to test each network", markup=False
        )
