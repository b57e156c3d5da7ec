"""`upprint export`: a safetensors file into the ONNX graph that scan, page and cluster run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.card import SystemCard
from upprint.cli._app import app, console
from upprint.result import ConfigError


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="A safetensors file from training or import-weights.")],
    out: Annotated[Path, typer.Option(help="Folder to write NAME.onnx and NAME.json to.")] = Path(),
    name: Annotated[str | None, typer.Option(help="Stem of both; that of WEIGHTS if not given.")] = None,
    system: Annotated[str | None, typer.Option(help="The system, if the file does not name it.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Card (JSON) to carry over, with its calibration and numbers.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="What WEIGHTS must hash to.")] = None,
    tile: Annotated[
        int | None, typer.Option(min=16, help="Side of scan's tiles; the card's if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace NAME.onnx and NAME.json.")] = False,
) -> None:
    """Write f and D as one ONNX graph, with its card, after checking it against torch."""
    from upprint.checkpoints import load_detector
    from upprint.export import export_with_report

    stem = weights.stem if name is None else name
    standing = [str(path) for path in (out / f"{stem}.onnx", out / f"{stem}.json") if path.exists()]
    if standing and not force:
        raise ConfigError(f"{', '.join(standing)}: exists already; name another with --name, or pass --force")
    detector = load_detector(weights, system=system, sha256=sha256)
    done = export_with_report(
        detector,
        out,
        stem,
        card=None if card is None else SystemCard.read(card),
        tile=tile,
        source=weights,
    )
    operators = ", ".join(f"{count} {kind}" for kind, count in sorted(done.operators.items()))
    cam = "no cam" if done.cam_difference is None else f"cam {done.cam_difference:.1e}"
    lines = [
        f"wrote    {done.path} ({done.size / 1e6:.2f} MB)",
        f"         sha256 {done.sha256}",
        f"         {done.card_path}",
        f"parity   {done.pictures} pictures, at most off torch by: logit {done.logit_difference:.1e}, {cam}",
        f"graph    {operators}",
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
