"""`upprint explain`: where the evidence lies in a picture, as PNG figures and as one HTML report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import app, console, stderr
from upprint.result import printable

if TYPE_CHECKING:
    from upprint.explain import CamMap
    from upprint.result import ScanResult


@app.command()
def explain(
    image: Annotated[Path, typer.Argument(help="Picture to explain.", show_default=False)],
    image2: Annotated[
        Path | None,
        typer.Argument(help="Picture of the same size to compare with, e.g. a reconstruction."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figures; made if missing.")] = Path(),
    system: Annotated[str | None, typer.Option(help="Name of a shipped system, or an .onnx file.")] = None,
    fpr: Annotated[str | None, typer.Option(help="False-positive rate to stand by, e.g. 0.01.")] = None,
    block: Annotated[int, typer.Option(help="Block size of the NPR maps.")] = 2,
    anchor: Annotated[str, typer.Option(help="Anchor of the NPR maps: 1..block², mean or max.")] = "1",
    tiles: Annotated[bool, typer.Option("--tiles", help="Map and score all tiles one by one.")] = False,
    report: Annotated[Path | None, typer.Option(help="Also write all of it as one .html file.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="A file of `upprint calibrate`, in place of the system's own.")
    ] = None,
) -> None:
    """Draw where in a picture the evidence lies: NPR maps and the class activation map, as PNG files.

    With two pictures of one size, also the difference of their NPR maps. --report adds whether the verdict
    survives re-saving, everything that the file says of itself, the system's card, and limits.
    """
    from rich.progress import Progress, TaskID

    from upprint import images, provenance
    from upprint.explain import Explained, Probe, describe, page, stability, tile_cam, whole_cam, words, write
    from upprint.explain import report as html_report
    from upprint.explain.maps import check_same_size, parse_anchor
    from upprint.ops.anchor import check_block_anchor
    from upprint.runtime.session import load
    from upprint.runtime.store import DEFAULT_SYSTEM

    anchored = parse_anchor(anchor)
    check_block_anchor(block, anchored)
    paths = [image] if image2 is None else [image, image2]
    if report is not None:
        page.check_target(report, paths)
    decoded = [images.decode(path) for path in paths]
    if image2 is not None:
        check_same_size(decoded[0].pixels, decoded[1].pixels)
    scorer = load(system or DEFAULT_SYSTEM, fpr=fpr, tiles="all" if tiles else None, calibration=calibration)
    own_map = Probe.of(scorer.session, scorer.card.input).own
    draw_map = whole_cam if own_map and not tiles else tile_cam
    pictures, subjects = [], []
    with Progress(console=stderr, transient=True) as bar:
        for path, picture in zip(paths, decoded, strict=True):
            task = bar.add_task("map", total=None)

            def advance(done: int, total: int | None, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=total)

            result = scorer.finish(scorer.prepare(picture, str(path)))
            cam = draw_map(scorer.session, picture.pixels, scorer.card.input, progress=advance)
            note = words.map_test(scorer.card, cam.name)
            pictures.append(Explained(path, picture.pixels, cam, describe(result), note))
            _report(result, cam, note)
            if report is not None:
                told = provenance.read(picture.data, path=str(path))
                holds = stability.check(scorer, picture.pixels, result, progress=advance)
                size = len(picture.data)
                subjects.append(html_report.Subject(result, picture.pixels, cam, told, holds, size))
        files = write(pictures, out, block=block, anchor=anchored)
        if report is not None:
            card, rate = scorer.card, scorer.fpr
            files.append(html_report.write(report, subjects, card, rate, block=block, anchor=anchored))
    for file in files:
        console.print(printable(str(file)), markup=False, highlight=False, soft_wrap=True)


def _report(result: ScanResult, cam: CamMap, note: str) -> None:
    """The verdict and its numbers, one fact a line."""
    from upprint.runtime.rows import kind

    facts = [("verdict", kind(result)), ("logit", f"{result.logit:+.3f}")]
    if result.probability is not None:
        facts.append(("probability", f"{result.probability:.3f}"))
    facts.append(("tiles", str(result.tiles)))
    if not cam.tiles:
        facts.append(("map's logit", f"{cam.logit:+.3f} (whole picture at once)"))
    facts.append(("map", note))
    if result.notes:
        facts.append(("notes", printable(result.notes)))
    if result.provenance:
        facts.append(("file says", printable(result.provenance)))
    console.print(printable(result.path), markup=False, highlight=False, soft_wrap=True)
    for name, value in facts:
        console.print(f"  {name:<12} {value}", markup=False, highlight=False, soft_wrap=True)
