"""Parts of a figure, drawn with Pillow alone: text, legends, panels in rows and columns, PNG.

Every part is a PIL image on white; `row` and `column` put parts together. Pillow's built-in font has
little beyond ASCII, so labels are ASCII and names are brought to it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from upprint.result import ConfigError

Picture = Image.Image
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

TITLE, TEXT, SMALL = 24, 18, 15
"""Font sizes in pixels."""
MARGIN, GAP = 24, 14
INK, FAINT, WHITE = (26, 26, 26), (110, 110, 110), (255, 255, 255)
NARROWEST = 640
"""Figures are at least this wide, so that a legend and its labels fit below a small picture."""


@lru_cache
def font(size: int) -> Font:
    return ImageFont.load_default(size=size)


def plain(text: str) -> str:
    """`text` in printable ASCII: accents dropped, anything else shown as '?'."""
    folded = unicodedata.normalize("NFKD", text)
    kept = (c for c in folded if not unicodedata.combining(c))
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in kept)


def number(value: float) -> str:
    """A signed value for a legend: three significant digits, no sign on zero."""
    return "0" if value == 0 else f"{value:+.3g}"


def _width(text: str, size: int) -> int:
    return int(np.ceil(font(size).getlength(text)))


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken between words; a longer word is cut into pieces."""
    lines = [""]
    for word in plain(text).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _width(joined, size) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and _width(lines[-1] + letter, size) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def text(content: str, width: int, size: int = TEXT, colour: tuple[int, int, int] = INK) -> Picture:
    """A paragraph, wrapped, `width` pixels wide."""
    lines = wrap(content, size, width)
    pitch = round(size * 1.35)
    block = Image.new("RGB", (width, pitch * len(lines)), WHITE)
    draw = ImageDraw.Draw(block)
    for index, line in enumerate(lines):
        draw.text((0, index * pitch + pitch // 2), line, font=font(size), fill=colour, anchor="lm")
    return block


def label(content: str, width: int, size: int = SMALL) -> Picture:
    """One line of text, its end replaced by "..." where it is longer than `width` pixels."""
    shown = plain(content)
    while _width(shown, size) > width and len(shown) > 3:
        shown = shown.removesuffix("...")[:-1] + "..."
    return text(shown, width, size)


def framed(pixels: NDArray[np.uint8]) -> Picture:
    """A picture with a thin grey frame, so that its near-white parts end somewhere."""
    height, width = pixels.shape[:2]
    outer = Image.new("RGB", (width + 2, height + 2), (170, 170, 170))
    outer.paste(Image.fromarray(pixels), (1, 1))
    return outer


def row(parts: Sequence[Picture], gap: int = GAP) -> Picture:
    """Parts side by side, aligned at the top."""
    whole = Image.new(
        "RGB", (sum(p.width for p in parts) + gap * (len(parts) - 1), max(p.height for p in parts)), WHITE
    )
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width + gap
    return whole


def column(parts: Sequence[Picture], gap: int = GAP, *, centred: bool = False) -> Picture:
    """Parts below each other, aligned on the left or centred."""
    width = max(p.width for p in parts)
    whole = Image.new("RGB", (width, sum(p.height for p in parts) + gap * (len(parts) - 1)), WHITE)
    top = 0
    for part in parts:
        whole.paste(part, ((width - part.width) // 2 if centred else 0, top))
        top += part.height + gap
    return whole


def page(title: str, lines: Sequence[str], body: Sequence[Picture], scale: float = 1.0) -> Picture:
    """Title, lines of text, then the body's parts, on a white page with margins; `scale` enlarges type."""
    width = max(NARROWEST, *(part.width for part in body))
    heads = [
        text(title, width, round(TITLE * scale)),
        *(text(line, width, round(TEXT * scale)) for line in lines),
    ]
    content = column([column(heads, 4), column(body, GAP, centred=True)])
    whole = Image.new("RGB", (content.width + 2 * MARGIN, content.height + 2 * MARGIN), WHITE)
    whole.paste(content, (MARGIN, MARGIN))
    return whole


def legend(
    colours: NDArray[np.uint8],
    ticks: Sequence[tuple[float, str]],
    label: str,
    ends: tuple[str, str] = ("", ""),
    scale: float = 1.0,
) -> Picture:
    """A horizontal colour bar.

    Args:
        colours: uint8 (n, 3), first colour on the left.
        ticks: (position 0..1 along the bar, text).
        label: what the values are, with their unit.
        ends: what the left and the right end mean.
        scale: enlarges all of it.
    """
    width, bar, pad, line = (round(n * scale) for n in (NARROWEST, 18, 40, 22))
    letters = font(round(SMALL * scale))
    inner = width - 2 * pad
    top = line if any(ends) else 0
    whole = Image.new("RGB", (width, top + bar + round(12 * scale) + 2 * line), WHITE)
    draw = ImageDraw.Draw(whole)
    draw.text((pad, line // 2), ends[0], font=letters, fill=INK, anchor="lm")
    draw.text((width - pad, line // 2), ends[1], font=letters, fill=INK, anchor="rm")
    at = np.arange(inner) * len(colours) // inner
    whole.paste(framed(np.broadcast_to(colours[at], (bar, inner, 3)).copy()), (pad - 1, top))
    below = top + bar + 2
    for position, caption in ticks:
        x = pad + round(position * (inner - 1))
        draw.line([(x, below), (x, below + round(6 * scale))], fill=INK)
        draw.text((x, below + round(8 * scale) + line // 2), caption, font=letters, fill=INK, anchor="mm")
    draw.text((width // 2, whole.height - line // 2), label, font=letters, fill=FAINT, anchor="mm")
    return whole


def signed_ticks(limit: float) -> list[tuple[float, str]]:
    """Five ticks of a scale from -limit to limit, zero in the middle."""
    return [((share + 1) / 2, number(share * limit)) for share in (-1.0, -0.5, 0.0, 0.5, 1.0)]


def save_png(figure: Picture, path: Path) -> Path:
    """Write a PNG.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        figure.save(path, format="PNG")
    except OSError as error:
        raise ConfigError(
            f"{str(path)!r}: the figure cannot be written ({error.strerror or error})"
        ) from error
    return path
