"""upprint forge: aligned generated twins of a folder of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console, stderr


@app.command()
def forge(
    photos: Annotated[Path, typer.Argument(help="Folder of camera-made pictures.")],
    out: Annotated[Path, typer.Option(help="Folder to write; an unfinished run in it goes on.")],
    encoder: Annotated[Path, typer.Option(help="TAESD-family encoder, .safetensors or .pth.")],
    decoder: Annotated[Path, typer.Option(help="TAESD-family decoder, .safetensors or .pth.")],
    name: Annotated[str, typer.Option(help="Name of the maker in manifest and tables.")] = "taesd",
    longest: Annotated[int, typer.Option(help="Crop photos to at most this side; 0 keeps them whole.")] = 512,
    smallest: Annotated[int, typer.Option(help="Refuse photos with a shorter side.")] = 128,
) -> None:
    """Make an aligned generated twin of every photo: same size, same JPEG history, other pixels."""
    from rich.progress import Progress

    from upprint.forge.run import forge as run
    from upprint.forge.taesd import maker

    with Progress(console=stderr) as bar:
        task = bar.add_task("forging")
        result = run(
            photos,
            out,
            maker(encoder, decoder, name=name),
            longest=longest or None,
            smallest=smallest,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for line in result.refused:
        stderr.print(f"left out: {line}", markup=False)
    console.print(
        f"{result.made} pairs made, {result.kept} found, {len(result.refused)} photos left out: "
        f"{result.manifest}"
    )
