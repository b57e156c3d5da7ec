"""`upprint average`: trained branches of Re-Synthesis side by side, as one detector."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console


class Averaging(StrEnum):
    SOFTMAX = "softmax"
    LOGIT = "logit"


@app.command()
def average(
    files: Annotated[list[Path], typer.Argument(help="Weights of single branches (.safetensors).")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    beta: Annotated[
        str | None,
        typer.Option(help="Six weights with commas, pixel first; the given branches alike if left out."),
    ] = None,
    averaging: Annotated[
        Averaging, typer.Option(help="What is averaged: probabilities or logits.")
    ] = Averaging.SOFTMAX,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file.")] = False,
) -> None:
    """Average trained branches of Re-Synthesis (equation 4) into one detector; nothing is trained."""
    import shlex
    import sys

    from upprint.result import ConfigError, require

    require("torch", extra="train", purpose="averaging branches")
    from upprint.resynthesis.average import write

    if out.exists() and not force:
        raise ConfigError(f"{out}: exists already; name another with --out, or pass --force")
    try:
        weights = None if beta is None else [float(share) for share in beta.split(",")]
    except ValueError as error:
        raise ConfigError(f"beta {beta!r}: expected six numbers with commas ({error})") from error
    command = shlex.join(["upprint", *sys.argv[1:]])
    detector, digest = write(files, out, beta=weights, averaging=averaging.value, command=command)
    branches = ", ".join(f"{share:g}" for share in detector.card.options["beta"])
    lines = [f"wrote    {out}", f"         sha256 {digest}", f"beta     {branches} (pixel, stages 1 to 5)"]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
