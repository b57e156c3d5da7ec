"""A class activation map as figures: by itself, and over the picture in grey."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from upprint.explain import colour, figure
from upprint.explain.cam import CamMap, upsample
from upprint.explain.maps import scale_limit

Pixels = NDArray[np.uint8]

LONGEST = 1600
"""Pixels of the longer side of a drawn picture; larger ones are reduced by a whole number."""
SHORTEST = 512
"""Smaller pictures are enlarged by a whole number until the longer side would pass this."""
ALPHA = 0.85
"""Opacity of the colour at the end of the scale; at zero the picture shows through untouched."""

_TINT = 0.65
"""Where on the diverging map the two tints are taken; its ends are too dark to lie on a picture."""
_PERCENTILE = 98.0
"""Where the colour scale ends: maps have few very strong cells, and many that decide by their number."""
_ENDS = ("speaks for camera-made", "speaks for generated")


def faded_grey(pixels: Pixels) -> Pixels:
    """RGB (H, W, 3) to luma (ITU-R BT.601 weights) in 72..232, as three equal channels.

    Neither black nor white is left, so that a tint is seen on every part of the picture.
    """
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.rint(72 + luma * (160 / 255)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def blend(base: Pixels, values: NDArray[Any], limit: float, alpha: float = ALPHA) -> Pixels:
    """Lay signed values over a picture: the stronger the value, the more opaque its colour.

    Args:
        base: uint8 (H, W, 3).
        values: (H, W), zero = no evidence.
        limit: magnitude at which opacity reaches `alpha`.
        alpha: highest opacity, 0 to 1.

    Returns:
        uint8 (H, W, 3).
    """
    below, above = colour.apply(np.array([-_TINT, _TINT]), "diverging", -1, 1).astype(np.float32)
    tint = np.where(values[..., None] < 0, below, above)
    opacity = (alpha * np.minimum(np.abs(values) / limit, 1)).astype(np.float32)[..., None]
    return np.asarray(np.rint(base + (tint - base) * opacity), np.uint8)


def drawn_size(height: int, width: int, longest: int = LONGEST) -> tuple[int, int, float, str]:
    """How large to draw a picture.

    Returns:
        Rows, columns, picture pixels per drawn pixel, and a sentence that says so.
    """
    side = max(height, width)
    if side > longest:
        factor = math.ceil(side / longest)
        return -(-height // factor), -(-width // factor), float(factor), f"Drawn at 1/{factor} of its size"
    times = max(1, SHORTEST // side)
    note = f"Drawn at {times} times its size" if times > 1 else "Drawn at its own size"
    return height * times, width * times, 1 / times, note


def resized(pixels: Pixels, rows: int, columns: int, step: float) -> Pixels:
    """The picture at drawn size: means of squares where reduced, repeated pixels where enlarged."""
    if step > 1:
        return np.asarray(Image.fromarray(pixels).reduce(int(step)))
    times = rows // pixels.shape[0]
    return pixels.repeat(times, axis=0).repeat(times, axis=1)[:rows, :columns]


def cam_limit(cam: CamMap) -> float:
    """A round symmetric limit for the map's colours, in logits."""
    return colour.nice_limit(scale_limit(cam.cells, percentile=_PERCENTILE, least=0.1))


def cam_figure(cam: CamMap, title: str, lines: Sequence[str] = (), limit: float | None = None) -> Image.Image:
    """The map alone, with a legend in logits.

    Args:
        cam: the map.
        title: the picture's name.
        lines: lines of text below the title.
        limit: end of the colour scale; by default `cam_limit`.
    """
    top = cam_limit(cam) if limit is None else limit
    rows, columns, step, note = drawn_size(cam.height, cam.width)
    values = upsample(cam.cells, cam.stride, (rows, columns), step)
    body = figure.framed(colour.apply(values, "diverging", -top, top))
    return _page(cam, body, colour.table("diverging"), top, title, (*lines, note), step)


def overlay_figure(
    pixels: Pixels, cam: CamMap, title: str, lines: Sequence[str] = (), limit: float | None = None
) -> Image.Image:
    """The map over the picture in grey, with a legend in logits; arguments as for `cam_figure`."""
    top = cam_limit(cam) if limit is None else limit
    rows, columns, step, note = drawn_size(cam.height, cam.width)
    values = upsample(cam.cells, cam.stride, (rows, columns), step)
    body = figure.framed(blend(faded_grey(resized(pixels, rows, columns, step)), values, top))
    shades = np.linspace(-top, top, colour.SIZE)[None]
    bar = blend(np.full((1, colour.SIZE, 3), 160, np.uint8), shades, top)[0]
    return _page(cam, body, bar, top, title, (*lines, note), step)


def _page(
    cam: CamMap, body: Image.Image, bar: Pixels, top: float, title: str, lines: Sequence[str], step: float
) -> Image.Image:
    if cam.tiles:
        _outline(body, cam, step)
        sums = _tiles_text(cam)
    else:
        mean = float(cam.cells.mean(dtype=np.float64))
        sums = (
            f"Whole picture at once: mean {mean:+.2f}, plus bias {cam.bias:+.2f}, is logit {cam.logit:+.2f}"
        )
    label = f"logit; one cell is {cam.stride} x {cam.stride} pixels"
    legend = figure.legend(bar, figure.signed_ticks(top), label, _ENDS)
    return figure.page(title, [*lines[:-1], f"{sums}.", f"{lines[-1]}."], [body, legend])


def _tiles_text(cam: CamMap) -> str:
    number = len(cam.tiles)
    tiles = f"{number} tile{'s' if number > 1 else ''} of {cam.tile} x {cam.tile} pixels"
    filled = ", filled by repeating the picture" if cam.tile > min(cam.height, cam.width) else ""
    lone = "" if cam.own else "; the network has no map: every tile shows its own logit"
    return f"{tiles}{filled}; pooled logit {cam.logit:+.2f}{lone}"


def _outline(body: Image.Image, cam: CamMap, step: float) -> None:
    """Draw the tiles' borders, and each one's logit in its corner where there is room for it."""
    draw = ImageDraw.Draw(body)
    side = round(cam.tile / step)
    corners = [(round(tile.left / step) + 1, round(tile.top / step) + 1) for tile in cam.tiles]
    for x, y in corners:
        draw.rectangle([x, y, x + side - 1, y + side - 1], outline=figure.INK)
    across, down = (_closest([corner[axis] for corner in corners], side) for axis in (0, 1))
    if across < 72 or down < 32:
        return
    for (x, y), tile in zip(corners, cam.tiles, strict=True):
        label = f"{tile.logit:+.1f}"
        box = draw.textbbox((x + 8, y + 7), label, font=figure.font(figure.TEXT))
        draw.rectangle(
            [box[0] - 5, box[1] - 4, box[2] + 5, box[3] + 4], fill=figure.WHITE, outline=figure.INK
        )
        draw.text((x + 8, y + 7), label, font=figure.font(figure.TEXT), fill=figure.INK)


def _closest(positions: Sequence[int], most: int) -> int:
    """The smallest distance between two different positions, at most `most`."""
    ordered = sorted(set(positions))
    return min([most, *(b - a for a, b in pairwise(ordered))])
