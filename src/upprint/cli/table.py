"""upprint table: a paper's tables, reported, corrected and measured."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console, stderr


class Format(StrEnum):
    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


@app.command()
def table(
    paper: Annotated[str, typer.Argument(help="Paper, e.g. npr.")],
    number: Annotated[int, typer.Argument(help="Table of the paper, e.g. 1.")],
    results: Annotated[
        Path | None, typer.Option(help="Folder of results (*.result.json) for the measured block.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TERMINAL,
    run: Annotated[
        bool, typer.Option("--run", help="Table 7: train and evaluate its variants first; resumable.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="With --run: root of the data; a part trains, another tests.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="With --run: its layout; guessed if left out.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --run: folder for weights and results.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="With --run: training recipe (TOML) instead of the paper's.")
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="With --run: root of the recipe's training data; all of --data tests.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="With --train: split of the test data.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="With --run: how test pictures reach the network.")
    ] = None,
) -> None:
    """Print a paper's table: as printed, corrected where its arithmetic is off, and as measured here."""
    from upprint.evaluate import render, tables
    from upprint.evaluate.results import read_all
    from upprint.result import ConfigError

    if run:
        from upprint.evaluate import ablation

        if data is None or out is None:
            raise ConfigError(
                "--run needs --data (root of a data set) and --out (folder for weights and results)"
            )
        ablation.check(paper, number)
        found = ablation.run(
            data,
            layout,
            out=out,
            config=config,
            train=train,
            split=split,
            protocol=protocol,
            command=" ".join(["upprint", *sys.argv[1:]]),
            note=lambda text: stderr.print(text, markup=False, highlight=False),
        )
        content, blocks = ablation.table(paper, number, found)
    else:
        content, blocks = tables.blocks(paper, number, read_all(results) if results else [])
    if form is Format.TERMINAL:
        console.print(render.terminal(content, blocks, console.width))
        return
    text = {
        Format.MARKDOWN: render.markdown,
        Format.CSV: render.csv_text,
        Format.JSON: render.json_text,
    }[form](content, blocks)
    sys.stdout.write(text)
