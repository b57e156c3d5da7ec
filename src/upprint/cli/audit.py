"""upprint audit: what separates the classes of a data set besides generation."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upprint.cli._app import EXIT_FILES_FAILED, app, console, stderr
from upprint.result import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from upprint.audit.run import Settings
    from upprint.data.layouts import Dataset
    from upprint.evaluate.predictions import Predictions


@app.command()
def audit(
    root: Annotated[Path, typer.Argument(help="Folder of a data set, or a CSV or Parquet manifest.")],
    layout: Annotated[str | None, typer.Option(help="How it is laid out; guessed if left out.")] = None,
    subset: Annotated[list[str] | None, typer.Option(help="Only this subset; may be repeated.")] = None,
    split: Annotated[str | None, typer.Option(help="train, val or test, where there are several.")] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="Another split to look for duplicates in; may be repeated.")
    ] = None,
    classes: Annotated[str | None, typer.Option(help="ForenSynths: class folders, e.g. car,cat.")] = None,
    extras: Annotated[bool, typer.Option("--extras", help="Also sets outside the paper's tables.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for audit.json, audit.html and the measured features.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what --out has already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    system: Annotated[
        str | None, typer.Option(help="A shipped system, or an .onnx file, to compare with.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Predictions of `upprint evaluate` on this set, to compare with.")
    ] = None,
    equalise: Annotated[
        Path | None, typer.Option(help="Also write a copy here without the cues, and audit it.")
    ] = None,
    side: Annotated[int | None, typer.Option(help="Side of the copy's crops; chosen if left out.")] = None,
    quality: Annotated[int | None, typer.Option(help="JPEG quality of the copy; chosen if left out.")] = None,
    distance: Annotated[
        int, typer.Option(help="Bits of 64 in which perceptual hashes of near duplicates differ.")
    ] = 4,
    workers: Annotated[
        int | None, typer.Option(help="Threads that measure; one per core if left out.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of permutations, intervals and baselines.", min=0)] = 0,
) -> None:
    """Say what separates camera-made from generated pictures besides generation, and how much that solves.

    Looks at file formats, JPEG coding, metadata, sizes, traces of earlier JPEGs and resampling, and at
    duplicates across classes and splits. Needs the extra train.
    """
    from upprint.audit.run import Settings
    from upprint.data import layouts
    from upprint.result import ConfigError

    if resume and out is None:
        raise ConfigError("--resume continues what --out holds: give --out too")
    if system is not None and predictions is not None:
        raise ConfigError("--system scores the pictures, --predictions reads scores: give one of them")
    if equalise is None and (side is not None or quality is not None):
        raise ConfigError("--side and --quality are for the copy: give --equalise too")
    settings = Settings(distance=distance, seed=seed, workers=workers)
    if layout is None:
        guess = layouts.detect(root)
        layout = guess.layout
        stderr.print(f"layout {layout}: {guess.reason}", markup=False, highlight=False)
    options: dict[str, Any] = {"classes": classes.split(",") if classes else None, "extras": extras or None}
    options = {name: value for name, value in options.items() if value is not None}

    def read(part: str | None) -> Dataset:
        return layouts.read(root, layout, subsets=subset, **options, **({"split": part} if part else {}))

    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upprint-audit-")))
        bar = stack.enter_context(_progress())
        data = read(split)
        scores = _predictions(data, system, predictions, folder, bar, resume=resume)
        job = _Job(folder, settings, bar, as_json=as_json, kept=out is not None)
        others = {name: read(name) for name in against or []}
        failed = job.audit(
            data, root, "audit", others=others, split=split or "", predictions=scores, resume=resume
        )
        if equalise is not None:
            failed |= job.equalise(data, equalise, side, quality)
    if failed:
        raise typer.Exit(EXIT_FILES_FAILED)


@dataclass(frozen=True)
class _Job:
    """One call's folder, settings, progress bar, and how reports are shown."""

    folder: Path
    settings: Settings
    bar: Progress
    as_json: bool
    kept: bool

    def audit(self, data: Dataset, root: Path, name: str, *, resume: bool, **options: Any) -> bool:
        """Audit and show a data set; whether files could not be read."""
        from upprint.audit import html
        from upprint.audit.run import audit
        from upprint.audit.text import render

        task = self.bar.add_task("measuring", total=None)
        report = audit(
            data,
            root=str(root),
            settings=self.settings,
            journal=self.folder / f"{name.replace('audit', 'features')}.jsonl",
            resume=resume,
            progress=lambda done, total: self.bar.update(task, completed=done, total=total),
            stage=lambda stage: self.bar.update(task, description=stage),
            **options,
        )
        self.bar.remove_task(task)
        if self.as_json:
            typer.echo(report.to_json(), nl=False)
        else:
            console.print(render(report), highlight=False)
        if self.kept:
            (self.folder / f"{name}.json").write_text(report.to_json(), encoding="ascii")
            html.write(report, self.folder / f"{name}.html")
            stderr.print(f"written: {self.folder / name}.html and .json", markup=False, highlight=False)
        return bool(report.unreadable)

    def equalise(self, data: Dataset, copy: Path, side: int | None, quality: int | None) -> bool:
        """Write the copy from what was measured, then audit it."""
        from upprint.audit import features
        from upprint.audit.equalise import REMAINS, equalise
        from upprint.audit.findings import Item
        from upprint.data.layouts import read

        samples = list({sample.path: sample for sample in data.samples}.values())
        known = features.collect(
            (s.path for s in samples), journal=self.folder / "features.jsonl", resume=True
        )
        items = [Item(s, known[s.path]) for s in samples if known[s.path].error is None]
        task = self.bar.add_task("writing the copy", total=None)
        made = equalise(
            items,
            copy,
            side=side,
            quality=quality,
            progress=lambda done, total: self.bar.update(task, completed=done, total=total),
        )
        self.bar.remove_task(task)
        coding = "PNG" if made.plan.quality is None else f"JPEG quality {made.plan.quality}, 4:2:0"
        counts = f"{made.written} written, {made.kept} found, {len(made.left_out)} left out"
        told = [
            f"copy in {copy}: {counts}; crops of {made.plan.side} x {made.plan.side}, {coding}",
            *(f"left out: {line}" for line in made.left_out[:10]),
            *(["left out: and more"] if len(made.left_out) > 10 else []),
            *(f"cannot be equalised: {line}" for line in REMAINS),
            "the copy, audited:",
        ]
        for line in told:
            stderr.print(printable(line), markup=False, highlight=False)
        features_of_copy = self.folder / "features-equalised.jsonl"
        return self.audit(read(copy, "manifest"), copy, "audit-equalised", resume=features_of_copy.exists())


def _predictions(
    data: Dataset, system: str | None, given: Path | None, folder: Path, bar: Progress, *, resume: bool
) -> Predictions | None:
    from upprint.evaluate import predictions

    if given is not None:
        return predictions.read(given)
    if system is None:
        return None
    from upprint.evaluate.model import open_model
    from upprint.evaluate.predict import predict

    task = bar.add_task(f"scoring with {system}", total=None)
    path = folder / "predictions.jsonl"
    predict(
        data.samples,
        open_model(system),
        data.protocol,
        out=path,
        data=data.name,
        resume=resume and path.exists(),
        command=" ".join(["upprint", *sys.argv[1:]]),
        progress=lambda done, total: bar.update(task, completed=done, total=total),
    )
    bar.remove_task(task)
    return predictions.read(path)


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=stderr, transient=True)
