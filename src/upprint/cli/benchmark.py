"""upprint benchmark: many systems trained alike, tested on the same pictures, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, command_line, console, stderr


@app.command()
def benchmark(
    config: Annotated[Path, typer.Argument(help="TOML file: tests, systems, what they share.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run, instead of the config's.")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the kept logits, instead of OUT/results.")
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="Only this system; may be repeated, also in other processes.")
    ] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Train and score nothing: time what is scored, in turns.")
    ] = False,
    table: Annotated[
        bool, typer.Option("--table", help="Train and score nothing: write the page from what is kept.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Decoding threads.", min=1)] = 2,
) -> None:
    """Train systems by their recipes on the same data, test all on the same pictures, write one page.

    A run that was killed goes on where it stopped, with the same command.
    """
    from dataclasses import replace

    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from upprint.evaluate.benchmark import kept, run
    from upprint.evaluate.benchmark.config import read_config
    from upprint.evaluate.benchmark.page import page
    from upprint.result import Progress

    settings = read_config(config)
    if out is not None:
        settings = replace(settings, out=str(out))
    folder = results or Path(settings.out) / "results"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=stderr) as bars:

        def bar(title: str) -> Progress:
            task = bars.add_task(title, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        if speed:
            from upprint.evaluate.benchmark.speed import measure_speed

            measure_speed(settings, folder, progress=bar("speed"))
        elif not table:
            run.run(
                settings,
                only=system or (),
                kept_in=folder,
                workers=workers,
                command=command_line(),
                bar=bar,
                note=lambda text: stderr.print(text, markup=False, highlight=False),
            )
        if missing := [name for name in settings.systems if not (folder / f"{name}.json").exists()]:
            stderr.print(f"no page yet: {', '.join(missing)} not scored", markup=False, highlight=False)
            return
        written = Path(settings.out) / "benchmark.md"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(page(kept.read(folder), progress=bar("intervals")), encoding="utf-8")
    console.print(f"page: {written}", markup=False, highlight=False, soft_wrap=True)
