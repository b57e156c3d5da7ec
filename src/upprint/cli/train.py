"""upprint train: any trainable system from a TOML config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console, stderr


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="TOML file, e.g. configs/npr_paper.toml.")],
    data: Annotated[Path | None, typer.Option(help="Data root, instead of the config's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder, instead of the config's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")] = False,
) -> None:
    """Train a system; writes weights, checkpoint, learning curves and a picture of them."""
    from dataclasses import replace

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from upprint.result import require

    require("torch", extra="train", purpose="training")
    require("lightning_fabric", extra="train", purpose="training")
    from upprint.train import fit, read_run

    settings = read_run(config)
    if data is not None:
        settings = replace(settings, data=replace(settings.data, root=str(data)))
    if out is not None:
        settings = replace(settings, out=str(out))
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr) as bar:
        task = bar.add_task("training", total=None)
        weights = fit(
            settings,
            resume=resume,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(f"weights: {weights}", markup=False)
