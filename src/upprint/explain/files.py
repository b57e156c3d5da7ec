"""From pictures to PNG files: everything that `upprint explain` writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.explain import figure, overlay, sheets
from upprint.explain.cam import CamMap
from upprint.explain.maps import check_same_size, npr
from upprint.ops.anchor import Anchor
from upprint.result import ConfigError, ScanResult
from upprint.runtime.rows import kind

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Explained:
    """One picture to draw: its file, its pixels uint8 (H, W, 3) RGB, its map, and what the score says."""

    path: Path
    pixels: Pixels
    cam: CamMap
    verdict: str
    note: str = ""
    """What is known of the map's worth."""


def describe(result: ScanResult) -> str:
    """The row in a line for a caption: system, verdict, logit, probability."""
    words = [f"{result.system}: {kind(result)}", f"logit {result.logit:+.3f}"]
    if result.probability is not None:
        words.append(f"probability {result.probability:.3f}")
    tiles = "" if result.tiles is None else f" ({result.tiles} tile{'' if result.tiles == 1 else 's'})"
    return ", ".join(words) + tiles


def write(pictures: Sequence[Explained], out: Path, *, block: int = 2, anchor: Anchor = 1) -> list[Path]:
    """Draw one picture, or two and their differential NPR.

    Files are named after each picture's stem: `-npr-r`, `-npr-g`, `-npr-b`, `-npr` (all channels),
    `-cam`, `-overlay`; for two pictures also `FIRST-vs-SECOND-npr`. Two pictures share one NPR scale and
    one CAM scale, so that their figures can be compared. Existing figures of these names are replaced.

    Args:
        pictures: one, or two of the same size.
        out: folder, made where it is missing.
        block: l of the NPR maps.
        anchor: j of the NPR maps.

    Returns:
        The files written, in that order.

    Raises:
        ConfigError: two pictures of different sizes, not one or two pictures, block or anchor out of
            range, a figure that would replace one of the pictures, or a folder that cannot be written.
    """
    if len(pictures) not in (1, 2):
        raise ConfigError(f"{len(pictures)} pictures to explain: expected one, or two to compare")
    if len(pictures) == 2:
        check_same_size(pictures[0].pixels, pictures[1].pixels)
    relations = [npr(p.pixels, block, anchor) for p in pictures]
    stems = [picture.path.stem for picture in pictures]
    if len(set(stems)) < len(stems):
        stems[1] += "-2"
    _make_folder(out)
    taken = {picture.path.resolve() for picture in pictures}
    files: list[Path] = []
    for name, drawn in _figures(pictures, stems, relations, block, anchor):
        path = out / f"{name}.png"
        if path.resolve() in taken:
            raise ConfigError(
                f"{str(path)!r}: the figure would replace a picture to explain; choose another --out"
            )
        files.append(figure.save_png(drawn, path))
    return files


def _figures(
    pictures: Sequence[Explained],
    stems: Sequence[str],
    relations: Sequence[NDArray[Any]],
    block: int,
    anchor: Anchor,
) -> Iterator[tuple[str, Image.Image]]:
    """File names without suffix, and figures, drawn one at a time."""
    limit = sheets.npr_limit(*relations)
    cam_limit = max(overlay.cam_limit(picture.cam) for picture in pictures)
    for picture, values, stem in zip(pictures, relations, stems, strict=True):
        title = picture.path.name
        for index, channel in enumerate(sheets.CHANNELS):
            drawn = sheets.channel_figure(values, index, limit, title, block, anchor)
            yield f"{stem}-npr-{channel[0]}", drawn
        yield f"{stem}-npr", sheets.sheet(picture.pixels, values, limit, title, block, anchor)
        lines = [picture.verdict, picture.note] if picture.note else [picture.verdict]
        yield f"{stem}-cam", overlay.cam_figure(picture.cam, title, lines, cam_limit)
        yield f"{stem}-overlay", overlay.overlay_figure(picture.pixels, picture.cam, title, lines, cam_limit)
    if len(pictures) == 2:
        first, second = pictures
        names = (first.path.name, second.path.name)
        drawn = sheets.comparison((first.pixels, second.pixels), names, block, anchor)
        yield f"{stems[0]}-vs-{stems[1]}-npr", drawn


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{str(out)!r}: no folder for the figures ({error.strerror})") from error
