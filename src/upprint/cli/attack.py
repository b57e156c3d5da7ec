"""upprint attack: fit an attack to photos and generated pictures, and keep it as a small file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import app, console, stderr

if TYPE_CHECKING:
    from upprint.attacks.spectrum import Pixels


@app.command()
def attack(
    method: Annotated[str, typer.Argument(help="equalise-set, equalise-image, equalise-dct (+E), or peaks.")],
    photos: Annotated[Path, typer.Option(help="Folder of camera-made pictures.")],
    out: Annotated[Path, typer.Option(help="File to write, .npz.")],
    generated: Annotated[
        Path | None, typer.Option(help="Folder of generated pictures; equalise-image needs none.")
    ] = None,
    side: Annotated[int, typer.Option(help="Fitted on central squares of this many pixels.")] = 256,
    strength: Annotated[float, typer.Option(help="How much of it is applied; 1 is all.")] = 1.0,
    perturb: Annotated[str, typer.Option(help="Perturbation of both classes before the fit.")] = "",
) -> None:
    """Fit a spectral attack: equalisation (+E of Beyond the Spectrum) or the removal of frequency peaks.

    Use other pictures than those you test on. The file is then a perturbation: "crop(256)|fitted(FILE)".
    """
    from upprint import attacks
    from upprint.perturb import parse
    from upprint.result import ConfigError

    if method != "equalise-image" and generated is None:
        raise ConfigError(f"--generated is needed: {method!r} compares photos with generated pictures")
    chain = parse(perturb)

    def pictures(folder: Path) -> Iterator[Pixels]:
        for pixels, path in _decoded(folder):
            yield chain(pixels, _seed(path, folder))

    fitted = attacks.fit(
        method,
        pictures(photos),
        pictures(generated) if generated is not None else (),
        side=side,
        strength=strength,
    )
    fitted.save(out)
    console.print(
        f"{out}: {method} from {fitted.photos} photos and {fitted.generated} generated pictures, "
        f"side {side}, strength {strength:g}, hash {fitted.short_hash}",
        markup=False,
        highlight=False,
    )


def _decoded(folder: Path) -> Iterator[tuple[Pixels, str]]:
    from rich.progress import track

    from upprint import images
    from upprint.result import ConfigError, ImageError

    found = list(images.find_images([folder]))
    if not found or not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder with pictures")
    for path in track(found, description=f"reading {folder.name}", console=stderr):
        try:
            yield images.decode(path).pixels, path
        except ImageError as error:
            stderr.print(f"left out: {error}", markup=False, highlight=False)


def _seed(path: str, folder: Path) -> int:
    """Of a picture's draws: its place below the folder."""
    import hashlib
    import os

    name = os.fsencode(os.path.relpath(path, folder))
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big")
