"""upprint train-maker: train one of the forge's up-sampling autoencoders on photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upprint.cli._app import app, console, stderr


@app.command(name="train-maker")
def train_maker(
    name: Annotated[str, typer.Argument(help="Name of a recipe, such as bilinear-3-instance-s5.")],
    photos: Annotated[Path, typer.Option(help="Folder of camera-made pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights; an unfinished run in it goes on.")],
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.")] = None,
    spectral: Annotated[float, typer.Option(help="Weight of spectral regularisation (+R).")] = 0.0,
    spectral_discriminator: Annotated[
        bool, typer.Option(help="Train against a spectral discriminator (+A).")
    ] = False,
    steps: Annotated[int, typer.Option(help="Training steps.")] = 1000,
    batch: Annotated[int, typer.Option(help="Crops per step.")] = 8,
    crop: Annotated[int, typer.Option(help="Side of the crops, a multiple of 16.")] = 64,
    limit: Annotated[int, typer.Option(help="Read at most so many photos.")] = 1000,
    validation: Annotated[
        float, typer.Option(help="Share of sources that is not read, as in forging.")
    ] = 0.2,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="Sources that are not read, such as 'flickr/*'; may be repeated.")
    ] = None,
) -> None:
    """Train a maker of generated twins: L1 and a patch discriminator on photos alone."""
    from dataclasses import replace

    from rich.progress import Progress

    from upprint.result import require

    require("torch", extra="train", purpose="training a maker")
    from upprint.forge.makers import find_recipe
    from upprint.forge.run import training_photos
    from upprint.forge.train_maker import MakerTraining
    from upprint.forge.train_maker import train_maker as run

    recipe = find_recipe(name)
    recipe = replace(
        recipe,
        seed=recipe.seed if seed is None else seed,
        spectral=spectral,
        spectral_discriminator=spectral_discriminator,
    )
    paths = training_photos(photos, validation, tuple(hold_out or ()))
    with Progress(console=stderr) as bar:
        task = bar.add_task(recipe.name)
        weights = run(
            recipe,
            paths,
            out,
            MakerTraining(steps=steps, batch=batch, crop=crop, photos=limit),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(f"{len(paths)} photos; weights: {weights}")
