"""upprint evaluate: a system on a labelled data set, into predictions and results files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import EXIT_FILES_FAILED, app, console, stderr

if TYPE_CHECKING:
    from upprint.data.layouts import Dataset
    from upprint.data.protocol import Protocol
    from upprint.evaluate.bootstrap import Estimate
    from upprint.evaluate.model import Model
    from upprint.evaluate.results import Evaluation

COLUMNS = ("accuracy", "average_precision", "auroc", "eer", "real_accuracy", "generated_accuracy")
SHIPPED = ("accuracy_shipped", "fpr_shipped")


@app.command()
def evaluate(
    root: Annotated[Path | None, typer.Argument(help="Root of the data set, or a manifest.")] = None,
    layout: Annotated[str | None, typer.Option(help="Its layout; guessed if left out.")] = None,
    split: Annotated[str | None, typer.Option(help="Its split, where the layout has several.")] = None,
    system: Annotated[str | None, typer.Option(help="A shipped system; --weights name their own.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="An exported .onnx, or trained .safetensors (extra train).")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="How pictures reach the network, instead of the data set's own.")
    ] = None,
    perturb: Annotated[
        str, typer.Option(help='Perturbation of both classes, e.g. "jpeg(75)|resize(0.5)".')
    ] = "",
    subset: Annotated[list[str] | None, typer.Option(help="Only this sub-set; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for predictions.jsonl and the results.")] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write predictions.parquet instead.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")] = False,
    predictions: Annotated[
        Path | None, typer.Option(help="Recompute the metrics of this predictions file; scores nothing.")
    ] = None,
    engine: Annotated[str, typer.Option(help="For .onnx: onnxruntime or openvino.")] = "onnxruntime",
    device: Annotated[str, typer.Option(help="For .safetensors: cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="Threads of the engine.")] = None,
    workers: Annotated[int, typer.Option(help="Decoding threads.", min=1)] = 2,
    draws: Annotated[int, typer.Option(help="Bootstrap draws; 0 for no intervals.", min=0)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
) -> None:
    """Score a labelled data set and report every metric with a bootstrap interval.

    A positive verdict counts at logit 0 (the papers' rule) and, beside it, at the system's shipped threshold.
    """
    import hashlib

    from upprint.evaluate import predictions as files
    from upprint.evaluate import results, tables
    from upprint.result import ConfigError

    command = " ".join(["upprint", *sys.argv[1:]])
    if root is not None and predictions is None:
        if out is None:
            raise ConfigError("--out is needed: a folder for the predictions and results")
        from upprint.data.layouts import read
        from upprint.data.protocol import named, protocol_for
        from upprint.evaluate.model import open_model

        data = read(root, layout, subsets=subset, **({"split": split} if split else {}))
        model = open_model(system, weights, engine=engine, threads=threads, device=device)
        rule = named(protocol) if protocol else protocol_for(model.card.name, data.protocol)
        path = out / ("predictions.parquet" if parquet else "predictions.jsonl")
        _predict(data, model, rule, path, perturb, resume, workers, command)
    elif predictions is not None and root is None:
        path = predictions
    else:
        raise ConfigError("give either a data set's ROOT or --predictions FILE")
    found = files.read(path)
    evaluation = results.measure(
        found,
        draws=draws,
        seed=seed,
        predictions_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        command=command,
    )
    if out is not None:
        for result in evaluation.results:
            results.write(tables.with_reported(result), out)
    _print(evaluation)
    errors = [row for row in found.rows if row.error is not None]
    if errors:
        stderr.print(
            f"{len(errors)} of {len(found.rows)} pictures could not be scored; no metric covers them:"
        )
        for row in errors[:10]:
            stderr.print(f"  {row.path!r}: {row.error}", markup=False, highlight=False)
        raise typer.Exit(EXIT_FILES_FAILED)


def _predict(
    data: Dataset,
    model: Model,
    protocol: Protocol,
    path: Path,
    perturb: str,
    resume: bool,
    workers: int,
    command: str,
) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from upprint.evaluate.predict import predict

    for reason in data.skipped:
        stderr.print(f"not read: {reason}", markup=False, highlight=False)
    columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr) as bar:
        task = bar.add_task("scoring", total=len(data.samples))
        predict(
            data.samples,
            model,
            protocol,
            out=path,
            data=data.name,
            perturbation=perturb,
            resume=resume,
            workers=workers,
            command=command,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _print(evaluation: Evaluation) -> None:
    from rich.table import Table
    from rich.text import Text

    first = evaluation.results[0]
    head = f"{first.system} [{first.weights_sha256[:8]}] on {first.data}, protocol {first.protocol}"
    console.print(head + (f", {first.perturbation}" if first.perturbation else ""), markup=False)
    if first.threshold is not None:
        console.print(
            f"shipped threshold: logit {first.threshold:.3f}, for {first.threshold_fpr} false positives"
        )
    metrics = [*COLUMNS, *(m for m in SHIPPED if m in evaluation.kinds), "tpr_at_1_fpr"]
    for part, counts in _parts(evaluation, metrics):
        table = Table()
        table.add_column("sub-set", no_wrap=True)
        for title in ("real", "gen.") if counts else ():
            table.add_column(title, justify="right")
        for metric in part:
            table.add_column(evaluation.kinds[metric].title, justify="right", no_wrap=True)
        for r in evaluation.results:
            numbers = [str(r.real), str(r.generated)] if counts else []
            table.add_row(Text(r.subset), *numbers, *(_text(r.metrics[m]) for m in part))
        blank = ["", ""] if counts else []
        if len(evaluation.results) > 1:
            table.add_section()
            table.add_row("mean", *blank, *(_text(evaluation.mean[m]) for m in part))
            worst = [evaluation.worst.get(m) for m in part]
            texts = [Text(f"{_text(w.estimate)}\n{w.subset}") if w else Text("–") for w in worst]
            table.add_row("worst", *blank, *texts)
        console.print(table)
    draws, level = first.interval.draws, 100 * first.interval.level
    how = (
        f"with {level:.0f} % intervals from {draws} bootstrap draws over sources" if draws else "no intervals"
    )
    console.print(f"In %, {how}.")
    for r in evaluation.results:
        reasons = dict.fromkeys(e.undefined for e in r.metrics.values() if e.undefined)
        if reasons and draws:
            stderr.print(f"{r.subset}: undefined: {'; '.join(reasons)}", markup=False)


def _parts(evaluation: Evaluation, metrics: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Runs of metrics that fit side by side, and whether the run also shows the counts: the first does."""
    intervals = evaluation.results[0].interval.draws > 0
    names = max(len(name) for name in ["sub-set", *(r.subset for r in evaluation.results)])
    widths = {m: 3 + max(18 if intervals else len(evaluation.kinds[m].title), names) for m in metrics}
    room = console.width - names - 4
    part: list[str] = []
    counts = True
    for metric in metrics:
        if part and sum(widths[m] for m in [*part, metric]) > room - 18 * counts:
            yield part, counts
            part, counts = [], False
        part.append(metric)
    yield part, counts


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    text = f"{100 * estimate.value:.1f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
