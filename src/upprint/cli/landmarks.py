"""upprint landmarks: face landmarks beside pictures, for self-blended training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console, stderr
from upprint.result import printable


@app.command()
def landmarks(
    faces: Annotated[Path, typer.Argument(help="Folder of pictures of faces.")],
    predictor: Annotated[
        Path, typer.Option(help="dlib's landmark predictor, e.g. shape_predictor_81_face_landmarks.dat.")
    ],
    enlarged: Annotated[
        int, typer.Option(help="How often pictures are doubled to find smaller faces.", min=0, max=4)
    ] = 1,
) -> None:
    """Find the largest face of every picture and write its landmarks beside it (extra `faces`).

    Training SBI reads them. A run that was killed goes on with the pictures that have none yet.
    """
    from rich.progress import Progress

    from upprint.data.landmarks import finder, write

    find = finder(predictor, enlarged=enlarged)
    with Progress(console=stderr) as bar:
        task = bar.add_task("landmarks", total=None)
        found = write(faces, find, progress=lambda done, total: bar.update(task, completed=done, total=total))
    for line in found.left_out:
        stderr.print(f"left out: {printable(line)}", markup=False, highlight=False)
    console.print(
        f"{found.written} written, {found.kept} were there, {len(found.left_out)} left out", highlight=False
    )
