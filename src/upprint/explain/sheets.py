"""NPR heat maps as figures: one channel, a sheet of one picture, a sheet that compares two (Fig. 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.explain import colour, figure
from upprint.explain.maps import differential, npr, pool_extreme, reduction, scale_limit
from upprint.explain.overlay import SHORTEST
from upprint.ops.anchor import Anchor

Pixels = NDArray[np.uint8]

_LARGER = 1.4
"""Type of the widest page, which is mostly looked at reduced."""
CHANNELS = ("red", "green", "blue")
_NARROWEST = 120
"""Pixels for a panel's label, however narrow the panel."""
LONGEST, PANEL = 2048, 512
"""Pixels of the longer side of a channel's own figure, and of a panel of a sheet."""


def rule_text(block: int, anchor: Anchor) -> str:
    """The relation in words, for captions."""
    if isinstance(anchor, int):
        row, column = divmod(anchor - 1, block)
        where = f"pixel {anchor} (row {row + 1}, column {column + 1})"
    else:
        where = f"the {'maximum' if anchor == 'max' else 'mean'}"
    return f"each pixel minus {where} of its {block} x {block} block, in grey levels"


def npr_limit(*relations: NDArray[Any]) -> float:
    """A round symmetric limit, in grey levels, shared by all these maps."""
    return colour.nice_limit(scale_limit(*relations))


def shown(values: NDArray[Any], longest: int) -> tuple[NDArray[Any], str]:
    """A map at drawn size and a phrase that says how it came to it; no value is ever interpolated."""
    height, width = values.shape[:2]
    factor = reduction(height, width, longest)
    if factor > 1:
        return pool_extreme(values, factor), f"One dot is the strongest of {factor} x {factor} pixels"
    times = max(1, min(longest, SHORTEST) // max(height, width))
    if times > 1:
        return values.repeat(times, axis=0).repeat(times, axis=1), f"One pixel is {times} x {times} dots"
    return values, "One dot is one pixel"


def channel_figure(
    relations: NDArray[Any], channel: int, limit: float, title: str, block: int, anchor: Anchor
) -> Image.Image:
    """The map of one channel (0 red, 1 green, 2 blue), at native resolution wherever it fits `LONGEST`."""
    values, note = shown(relations[..., channel], LONGEST)
    body = figure.framed(colour.apply(values, "diverging", -limit, limit))
    line = f"NPR, {CHANNELS[channel]} channel: {rule_text(block, anchor)}"
    return figure.page(title, [line, f"{note}."], [body, _legend(limit)])


def sheet(
    pixels: Pixels, relations: NDArray[Any], limit: float, title: str, block: int, anchor: Anchor
) -> Image.Image:
    """The picture and its three channel maps on one page, with one legend."""
    note, panels = _panels(pixels, relations, limit)
    grid = figure.column([figure.row(panels[:2]), figure.row(panels[2:])])
    return figure.page(title, [f"NPR: {rule_text(block, anchor)}", f"{note}."], [grid, _legend(limit)])


def comparison(
    pixels: tuple[Pixels, Pixels], names: tuple[str, str], block: int = 2, anchor: Anchor = 1
) -> Image.Image:
    """Both pictures' maps and their difference, three rows with one scale, as in the paper's Fig. 1.

    The last row shows NPR of the first picture minus NPR of the second, and in front of it the
    difference's magnitude, averaged over the channels.

    Raises:
        ConfigError: the pictures differ in size.
    """
    change = differential(pixels[0], pixels[1], block, anchor)
    relations = [npr(p, block, anchor) for p in pixels]
    limit = npr_limit(*relations)
    magnitude = np.abs(change).mean(axis=-1, dtype=np.float32)
    most = colour.nice_limit(scale_limit(magnitude))
    note, first = _panels(pixels[0], relations[0], limit, names[0], _LARGER)
    second = _panels(pixels[1], relations[1], limit, names[1], _LARGER)[1]
    third = _panels(None, change, limit, scale=_LARGER)[1]
    faint = colour.apply(shown(magnitude, PANEL)[0], "sequential", 0, most)
    third.insert(0, _panel(faint, "|difference|, mean", _LARGER))
    grid = figure.column([figure.row(panels) for panels in (first, second, third)])
    ticks = [(share, f"{share * most:.3g}") for share in (0.0, 0.5, 1.0)]
    bars = figure.row(
        [
            figure.legend(
                colour.table("sequential"),
                ticks,
                "|difference|, mean of the channels, grey levels",
                scale=_LARGER,
            ),
            _legend(limit, _LARGER),
        ],
        2 * figure.GAP,
    )
    lines = [
        f"NPR: {rule_text(block, anchor)}",
        f"{note}. Third row: the first picture's map minus the second's.",
    ]
    return figure.page(f"{names[0]} and {names[1]}", lines, [grid, bars], _LARGER)


def _panels(
    pixels: Pixels | None, relations: NDArray[Any], limit: float, name: str = "picture", scale: float = 1.0
) -> tuple[str, list[Image.Image]]:
    """The picture, if given, and its maps, each labelled; and the phrase on how they are drawn."""
    values, note = shown(relations, PANEL)
    coloured = colour.apply(values, "diverging", -limit, limit)
    panels = [_panel(coloured[:, :, i], CHANNELS[i], scale) for i in range(len(CHANNELS))]
    if pixels is not None:
        height, width = values.shape[:2]
        resample = Image.Resampling.NEAREST if height > pixels.shape[0] else Image.Resampling.BOX
        small = np.asarray(Image.fromarray(pixels).resize((width, height), resample))
        panels.insert(0, _panel(small, name, scale))
    return note, panels


def _panel(pixels: Pixels, name: str, scale: float) -> Image.Image:
    body = figure.framed(pixels)
    room = max(body.width, round(_NARROWEST * scale))
    return figure.column([figure.label(name, room, round(figure.SMALL * scale)), body], 2)


def _legend(limit: float, scale: float = 1.0) -> Image.Image:
    label = "grey levels; values beyond the ends take the end colours"
    return figure.legend(colour.table("diverging"), figure.signed_ticks(limit), label, scale=scale)
