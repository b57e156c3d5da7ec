"""`upprint where`: do a system's maps show which part of a picture is generated?"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upprint.cli._app import app, command_line, console, stderr
from upprint.result import printable

if TYPE_CHECKING:
    from upprint.card import SystemCard
    from upprint.evaluate.bootstrap import Estimate
    from upprint.evaluate.where_results import WhereResult
    from upprint.forge.composite import Plan
    from upprint.runtime.session import Scorer


@app.command()
def where(
    pairs: Annotated[Path, typer.Argument(help="Pairs of photos and twins, as `upprint forge` writes them.")],
    out: Annotated[
        Path, typer.Option(help="Folder for composites, maps' scores and SYSTEM.where.json; a run goes on.")
    ],
    system: Annotated[str | None, typer.Option(help="Name of a shipped system, or an .onnx file.")] = None,
    sources: Annotated[
        list[str] | None, typer.Option(help="Only pairs whose source fits, e.g. 'kodak_suite/*'; repeatable.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Training recipe: only pairs that its hold_out keeps from training.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="So many pairs, drawn by --seed; may be raised later.", min=2)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of composites and intervals.", min=0)] = 0,
    draws: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    threads: Annotated[int | None, typer.Option(help="Threads of the engine.")] = None,
    phi: Annotated[
        Path | None,
        typer.Option(help="Weights of a re-synthesiser (rdn.safetensors): test its artifact maps as well."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw the results, .png or .svg (extra train).")
    ] = None,
    card: Annotated[
        bool,
        typer.Option("--card", help="Record the findings on the system's card, where explain reads them."),
    ] = False,
) -> None:
    """Test maps on composites whose generated region is known, against chance, a centre guess and controls.

    For every pair a region of the photo is replaced by its twin, over a soft seam, and the whole is encoded
    again; beside it stands a control, pasted alike from the photo itself.
    """
    from datetime import UTC, datetime

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from upprint import __version__
    from upprint.evaluate import where as pixelwise
    from upprint.evaluate import where_results
    from upprint.evaluate.results import versions
    from upprint.evaluate.where_maps import artifact_maps, controls, maps_of
    from upprint.forge.composite import Plan, compose, read
    from upprint.runtime.calibration import probability
    from upprint.runtime.session import load
    from upprint.runtime.store import DEFAULT_SYSTEM

    patterns = (*(sources or ()), *(_hold_out(config) if config is not None else ()))
    plan = Plan(seed=seed)
    scorer = load(system or DEFAULT_SYSTEM, threads=threads)
    digest = "" if scorer.card.weights is None else scorer.card.weights.onnx_sha256
    scale = scorer.card.calibration
    threshold = None if scale is None else scale.thresholds[scale.default_fpr]
    folder = out / "composites"
    artifacts = []
    if phi is not None:
        from upprint.checkpoints import load_tensors

        artifacts = artifact_maps(phi)
    maps = [*maps_of(scorer), *artifacts, *controls()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("composites")

        def advance(done: int, total: int | None) -> None:
            bar.update(bar.tasks[-1].id, completed=done, total=total)

        bar.update(task, total=None)
        compose(pairs, folder, sources=patterns, count=count, plan=plan, progress=advance)
        bar.add_task("maps", total=None)
        items = pixelwise.score(
            folder,
            maps,
            journal=out / f"{scorer.card.name}-{digest[:8]}.maps.jsonl",
            settings={
                "system": scorer.card.name,
                "weights_sha256": digest,
                "input": asdict(scorer.card.input),
                **({} if phi is None else {"phi_sha256": load_tensors(phi)[2]}),
            },
            threshold=threshold,
            progress=advance,
        )
    found = where_results.summarise(
        items,
        maps,
        None if scale is None else lambda logit: probability(logit, scale),
        draws=draws,
        seed=seed,
    )
    rows = read(folder)
    twins = [row for row in rows if row.kind == "twin"]
    makers = tuple(sorted({row.generator for row in twins}))
    result = where_results.WhereResult(
        system=scorer.card.name,
        weights_sha256=digest,
        trained_on="" if scorer.card.weights is None else scorer.card.weights.trained_on,
        threshold=threshold,
        threshold_fpr=None if scale is None else scale.default_fpr,
        data=_data(len(twins), makers, patterns, plan),
        makers=makers,
        source_patterns=patterns,
        sources=len({row.source for row in twins}),
        composites=len(twins),
        controls=len(rows) - len(twins),
        share=sum(row.share for row in twins) / len(twins),
        maps=found,
        draws=draws,
        level=0.95,
        seed=seed,
        plan=asdict(plan),
        date=datetime.now(UTC).date().isoformat(),
        command=command_line(),
        versions=versions(__version__),
    )
    path = out / f"{scorer.card.name}{where_results.SUFFIX}"
    where_results.write(result, path)
    _print(result)
    if figure is not None:
        from upprint.evaluate.where_figure import draw

        draw(result, figure)
    written = [path, *([figure] if figure is not None else [])]
    if card:
        written.append(_record(system or DEFAULT_SYSTEM, scorer, result))
    for file in written:
        console.print(f"written: {printable(str(file))}", markup=False, highlight=False, soft_wrap=True)


def _hold_out(config: Path) -> list[str]:
    from upprint.record import read_toml
    from upprint.result import ConfigError

    data = read_toml(config, ConfigError).get("data", {})
    found: Any = data.get("hold_out") if isinstance(data, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise ConfigError(f"{str(config)!r}: expected data.hold_out, a list of patterns")
    return found


def _data(count: int, makers: tuple[str, ...], patterns: tuple[str, ...], plan: Plan) -> str:
    held = " of held-out sources" if patterns else ""
    low, high = (100 * share for share in plan.share)
    region = f"{low:g} to {high:g} % of each replaced by its twin"
    return f"{count} photos{held}, {region} ({', '.join(makers)}), encoded again as a whole"


def _print(result: WhereResult) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(
        f"{result.system} [{result.weights_sha256[:8]}]: {result.data}", markup=False, highlight=False
    )
    table = Table()
    table.add_column("map", no_wrap=True)
    for name in ("pixel AUROC", "over centre", "over controls", "pooled", "IoU", "beats chance"):
        table.add_column(name, justify="right")
    for local in result.maps:
        told = [local.auroc, local.over_centre, local.over_null, local.auroc_pooled, local.iou]
        verdict = "yes" if local.beats_chance else "no"
        table.add_row(Text(local.name), *map(_text, told), verdict)
    console.print(table)
    everything = result.maps[0].iou_everything
    console.print(
        f"AUROC is 0.5 by chance; marking everything has IoU {_text(everything)}. 95 % intervals from "
        f"{result.draws} bootstrap draws over {result.sources} sources.",
        markup=False,
        highlight=False,
    )


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _record(name: str, scorer: Scorer, result: WhereResult) -> Path:
    """Write the findings onto the system's card, in place of earlier ones.

    Raises:
        ConfigError: the card cannot be written.
    """
    from upprint.evaluate.where_results import map_tests
    from upprint.result import ConfigError
    from upprint.runtime.store import find, shipped

    path = shipped().get(name) or find(name)[0].with_suffix(".json")
    card: SystemCard = replace(scorer.card, maps=map_tests(result))
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(card.to_json(), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{str(path)!r}: the card cannot be written ({error})") from error
    return path
