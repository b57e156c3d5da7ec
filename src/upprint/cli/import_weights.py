"""`upprint import-weights`: an author's checkpoint into safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

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
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="A further file of a system whose weights lie in several; repeat in their order."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the system, NAME=VALUE, e.g. branch=5; repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file.")] = False,
) -> None:
    """Turn a published checkpoint into safetensors, strictly: every tensor fits or nothing is written."""
    from upprint.checkpoints import import_official

    target = Path(f"{system}-official.safetensors") if out is None else out
    if target.exists() and not force:
        raise ConfigError(f"{target}: exists already; name another with --out, or pass --force")
    done = import_official(system, source, target, beside=beside or (), options=_options(option or []))
    wrapped = f"under {done.wrapper!r}" if done.wrapper else "bare"
    prefixed = f"prefix {done.prefix!r} removed" if done.prefix else "no prefix"
    lines = [
        f"read     {done.source}",
        f"         sha256 {done.source_sha256}",
        *(f"         and {path}, sha256 {digest}" for path, digest in done.beside),
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


def _options(given: list[str]) -> dict[str, Any]:
    """NAME=VALUE texts; a value is JSON where it can be read so, else the text itself."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            raise ConfigError(f"option {text!r}: expected NAME=VALUE, every name once")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
