"""`upprint import-weights`: an author's checkpoint into safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console
from upprint.result import ConfigError


@app.command("import-weights")
def import_weights(
    system: Annotated[str, typer.Argument(help="The system that the checkpoint belongs to, e.g. npr.")],
    source: Annotated[Path, typer.Argument(help="The authors' file, e.g. NPR.pth.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; SYSTEM-official.safetensors if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file.")] = False,
) -> None:
    """Turn a published checkpoint into safetensors, strictly: every tensor fits or nothing is written."""
    from upprint.checkpoints import import_official

    target = Path(f"{system}-official.safetensors") if out is None else out
    if target.exists() and not force:
        raise ConfigError(f"{target}: exists already; name another with --out, or pass --force")
    done = import_official(system, source, target)
    wrapped = f"under {done.wrapper!r}" if done.wrapper else "bare"
    prefixed = f"prefix {done.prefix!r} removed" if done.prefix else "no prefix"
    lines = [
        f"read     {done.source}",
        f"         sha256 {done.source_sha256}",
        f"         {done.tensors} tensors, {wrapped}, {prefixed}",
        f"system   {done.system}, {done.parameters:,} trainable parameters",
    ]
    if done.dropped:
        lines.append(f"dropped  {', '.join(done.dropped[:8])}" + (" ..." if len(done.dropped) > 8 else ""))
    if done.flipped:
        lines.append("head     negated, so that a higher logit means generated")
    lines += [f"wrote    {done.path}", f"         sha256 {done.sha256}"]
    lines += [f"note     {note}" for note in done.notes]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
