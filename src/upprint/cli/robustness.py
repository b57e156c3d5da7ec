"""upprint robustness: curves over perturbations, both classes treated alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import EXIT_FILES_FAILED, app, console, stderr

if TYPE_CHECKING:
    from upprint.evaluate.model import Model
    from upprint.evaluate.robustness_report import Report


class Figures(StrEnum):
    SVG = "svg"
    PNG = "png"
    NONE = "none"


@app.command()
def robustness(
    root: Annotated[Path, typer.Argument(help="Root of the data set, or a manifest.")],
    out: Annotated[Path, typer.Option(help="Folder for journal, report, table and figures.")],
    layout: Annotated[str | None, typer.Option(help="Its layout; guessed if left out.")] = None,
    split: Annotated[str | None, typer.Option(help="Its split, where the layout has several.")] = None,
    subset: Annotated[list[str] | None, typer.Option(help="Only this sub-set; may be repeated.")] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="A shipped system; may be repeated. The default one if none.")
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="An exported .onnx, or trained .safetensors (extra train); may be repeated."),
    ] = None,
    curve: Annotated[
        list[str] | None,
        typer.Option(help='Perturbation to try, values listed: "jpeg(95;85;75)"; may be repeated.'),
    ] = None,
    before: Annotated[
        str, typer.Option(help='Perturbation of every picture of both classes first, e.g. "crop(256)".')
    ] = "",
    generated_only: Annotated[
        bool, typer.Option("--generated-only", help="Leave photos as they are; flatters format detectors.")
    ] = False,
    protocol: Annotated[
        str | None, typer.Option(help="How pictures reach the network, instead of the data set's own.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in --out.")] = False,
    engine: Annotated[str, typer.Option(help="For .onnx: onnxruntime or openvino.")] = "onnxruntime",
    device: Annotated[str, typer.Option(help="For .safetensors: cpu or cuda.")] = "cpu",
    workers: Annotated[
        int | None, typer.Option(help="Pictures at a time, one thread each; one per core if left out.", min=1)
    ] = None,
    figures: Annotated[Figures, typer.Option(help="Format of the figures.")] = Figures.SVG,
    draws: Annotated[int, typer.Option(help="Bootstrap draws; 0 for no intervals.", min=0)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
) -> None:
    """Score a labelled data set under many perturbations and report every metric as a curve.

    Both classes are perturbed alike, with the same draws for a photo and its twin. Writes robustness.json,
    robustness.md and one figure per curve. A killed run goes on with --resume; so does one that is asked for
    more curves or another system.
    """
    from upprint.data.layouts import read
    from upprint.data.protocol import named
    from upprint.evaluate import robustness as engine_of
    from upprint.evaluate import robustness_figures, robustness_grid, robustness_report
    from upprint.result import require
    from upprint.runtime.scan import available_cores

    if figures is not Figures.NONE:
        require("matplotlib", extra="train", purpose="figures (or --figures none)")
    command = " ".join(["upprint", *sys.argv[1:]])
    curves = robustness_grid.grid(curve or robustness_grid.DEFAULT)
    data = read(root, layout, subsets=subset, **({"split": split} if split else {}))
    for reason in data.skipped:
        stderr.print(f"not read: {reason}", markup=False, highlight=False)
    count = workers or available_cores()
    models = list(_models(system or [], weights or [], engine, 1 if count > 1 else None, device))
    rule = named(protocol) if protocol else data.protocol
    treated = engine_of.FAKES_ONLY if generated_only else engine_of.BOTH
    stderr.print(f"perturbed: {treated}", markup=False, highlight=False)
    with _bar("scoring") as progress:
        measured = engine_of.run(
            data.samples,
            models,
            rule,
            robustness_grid.conditions(curves),
            journal=out / "journal.jsonl",
            data=data.name,
            before=before,
            generated_only=generated_only,
            resume=resume,
            workers=count,
            progress=progress,
        )
    with _bar("measuring") as progress:
        report = robustness_report.measure(
            measured,
            {engine_of.key(model): robustness_report.System.of(model) for model in models},
            curves,
            draws=draws,
            seed=seed,
            command=command,
            progress=progress,
        )
    robustness_report.write(report, out / "robustness.json")
    text = f"{robustness_report.head(report)}\n\n{robustness_report.table(report)}"
    (out / "robustness.md").write_text(text, encoding="utf-8")
    if figures is not Figures.NONE:
        robustness_figures.draw(report, out / "figures", form=figures.value)
    _print(report)
    failed = max(cell.errors for cell in report.cells)
    if failed:
        stderr.print(
            f"up to {failed} pictures of a perturbation could not be scored; see {out / 'robustness.md'}"
        )
        raise typer.Exit(EXIT_FILES_FAILED)


def _models(
    systems: list[str], weights: list[Path], engine: str, threads: int | None, device: str
) -> Iterator[Model]:
    from upprint.evaluate.model import open_model

    options = {"engine": engine, "threads": threads, "device": device}
    if not systems and not weights:
        yield open_model(**options)  # type: ignore[arg-type]
    for name in systems:
        yield open_model(name, None, **options)  # type: ignore[arg-type]
    for path in weights:
        yield open_model(None, path, **options)  # type: ignore[arg-type]


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(report: Report) -> None:
    from rich.table import Table

    from upprint.evaluate.robustness_grid import CLEAN
    from upprint.evaluate.robustness_report import TITLES, percent

    for place, system in enumerate(report.systems):
        table = Table(
            title=f"{system.name} ({system.weights}), {report.treated} perturbed", title_justify="left"
        )
        table.add_column("perturbation")
        for title in TITLES.values():
            table.add_column(title, justify="right")
        for text in dict.fromkeys([CLEAN, *(p.text for c in report.curves for p in c.points)]):
            mean = report.cell(place, text).mean
            table.add_row(text or "none", *(percent(mean[metric]) for metric in TITLES))
        console.print(table)
