"""The maps of a picture's report: the picture, the evidence over it, its NPR map, and how to read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.explain import colour, figure, overlay, page, sheets
from upprint.explain.cam import CamMap, upsample
from upprint.explain.maps import npr, reduction
from upprint.explain.page import safe
from upprint.ops.anchor import Anchor

Pixels = NDArray[np.uint8]

_LONGEST, _SMALLEST = 1024, 256
"""Pixels of the longer side of an embedded picture; the PNG files beside the report are larger."""
_LONGEST_NPR = 512
"""No larger than it is shown: a browser that reduces it would average neighbours away."""
_GREEN = 1
_STOPS = 21
_HOW = tuple(
    """\
Red places speak for generated, blue ones for camera-made; grey ones say nothing.
Evidence all over the picture weighs more than a few spots. Spots on edges and text are often only that.
A part that stands out from its surroundings may have been inserted or retouched.
The NPR map is what the network is given: fine differences between neighbours.
A grid or a regular weave in flat areas is typical of up-sampling, irregular grain of sensors.
""".splitlines()
)


def draw(pixels: Pixels, cam: CamMap, block: int, anchor: Anchor, number: int = 1, tested: str = "") -> str:
    """The maps as HTML.

    Args:
        pixels: uint8 RGB (H, W, 3).
        cam: its class activation map.
        block: l of the NPR map.
        anchor: j of the NPR map.
        number: of the picture on its page.
        tested: what is known of the class activation map's worth, in sentences.
    """
    rows, columns, step, note = _drawn_size(*pixels.shape[:2])
    small = overlay.resized(pixels, rows, columns, step)
    limit = overlay.cam_limit(cam)
    values = upsample(cam.cells, cam.stride, (rows, columns), step)
    over = overlay.blend(overlay.faded_grey(small), values, limit)
    shades = np.linspace(-limit, limit, colour.SIZE)[None]
    tints = overlay.blend(np.full((1, colour.SIZE, 3), 160, np.uint8), shades, limit)[0]
    sides = ("speaks for camera-made", "speaks for generated")
    relations = npr(pixels, block, anchor)[..., _GREEN]
    spread = sheets.npr_limit(relations)
    shown, how = sheets.shown(relations, _LONGEST_NPR)
    prints = colour.apply(shown, "diverging", -spread, spread)
    cells = (
        f"One cell is {cam.stride} × {cam.stride} pixels; the network saw further around it."
        if cam.own
        else f"The network has no map: every tile of {cam.tile} × {cam.tile} pixels shows its own logit."
    )
    rule = sheets.rule_text(block, anchor).replace(" x ", " × ")
    parts = [
        _figure(small, "The picture", f"As the system sees it. {note}."),
        _figure(
            over,
            "Map of the evidence",
            f"What speaks for which side, over the picture in grey, in logits. {cells}",
            legend(f"evidence-{number}", tints, limit, sides),
        ),
        _figure(
            prints,
            "NPR map",
            f"Green channel, {rule}. {how.replace(' x ', ' × ')}.",
            legend(
                f"npr-{number}", colour.table("diverging"), spread, ("darker than its anchor", "brighter")
            ),
        ),
        f'<div class="how"><h3>How to read the maps</h3>{page.bullets(_HOW)}</div>',
    ]
    told = page.paragraph(tested, "tested") if tested else ""
    return f'{told}<div class="maps">{"".join(parts)}</div>'


def legend(name: str, colours: NDArray[np.uint8], limit: float, ends: tuple[str, str]) -> str:
    """A colour bar from -limit to limit as SVG.

    Args:
        name: of the gradient.
        colours: uint8 (n, 3), first colour on the left.
        limit: value of the last colour.
        ends: what the left and the right end mean.
    """
    width, inset = 420, 22
    picked = np.linspace(0, len(colours) - 1, _STOPS).round().astype(int)
    stops = "".join(
        f'<stop offset="{index / (_STOPS - 1):.3f}" stop-color="rgb({red},{green},{blue})"/>'
        for index, (red, green, blue) in enumerate(colours[picked].tolist())
    )
    size = f'x="{inset}" y="18" width="{width - 2 * inset}" height="14"'
    bar = f'<rect class="bar" {size} fill="url(#{safe(name)})"/>'
    texts = [_text(inset, 12, "start", ends[0]), _text(width - inset, 12, "end", ends[1])]
    for position, caption in figure.signed_ticks(limit):
        texts.append(_text(inset + position * (width - 2 * inset), 47, "middle", caption.replace("-", "−")))
    gradient = f'<defs><linearGradient id="{safe(name)}">{stops}</linearGradient></defs>'
    box = f'viewBox="0 0 {width} 52" role="img" aria-label="{safe(f"Colours: {ends[0]} to {ends[1]}")}"'
    return f'<svg class="legend" {box}>{gradient}{bar}{"".join(texts)}</svg>'


def _text(x: float, y: int, anchor: str, words: str) -> str:
    return f'<text x="{x:.0f}" y="{y}" text-anchor="{anchor}">{safe(words)}</text>'


def _drawn_size(height: int, width: int) -> tuple[int, int, float, str]:
    """Rows, columns, picture pixels per drawn pixel, and a sentence that says so."""
    factor = reduction(height, width, _LONGEST)
    if factor > 1:
        return -(-height // factor), -(-width // factor), float(factor), f"Drawn at 1/{factor} of its size"
    times = max(1, _SMALLEST // max(height, width))
    note = f"Drawn at {times} times its size" if times > 1 else "Drawn at its own size"
    return height * times, width * times, 1 / times, note


def _figure(pixels: Pixels, title: str, caption: str, below: str = "") -> str:
    shown = page.picture(Image.fromarray(pixels), title)
    words = f"<figcaption><strong>{safe(title)}.</strong> {safe(caption)}</figcaption>"
    return f"<figure>{shown}{below}{words}</figure>"
