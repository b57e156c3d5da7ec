"""What the walkers of containers hand to the readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

LARGEST_PART = 16 << 20
"""Bytes of one part that are read at most; camera metadata, XMP and workflows stay far below."""


class BadContainer(Exception):
    """The file's structure is not that of its format; nothing in it is believed."""


class Text(NamedTuple):
    """A keyword with its text, from a PNG text chunk."""

    key: str
    value: str


@dataclass
class Parts:
    """The parts of one file that can hold statements, each taken from the place its format gives it."""

    exif: bytes | None = None
    """A TIFF structure, without what precedes it in the container."""
    xmp: bytes | None = None
    iptc: bytes | None = None
    """IPTC-IIM data sets."""
    texts: list[Text] = field(default_factory=list)
    c2pa: bool = False
    """A C2PA manifest store stands where its format wants it."""
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """JPEG quantisation tables by number, 64 values in zigzag order."""
    components: tuple[tuple[int, int, int], ...] = ()
    """JPEG components: horizontal and vertical sampling factor, number of the quantisation table."""
    process: str = ""
    """JPEG process in words."""
    save_for_web: int | None = None
    """Quality of Adobe's "Save for Web", from its own JPEG segment."""
    broken: list[tuple[str, str]] = field(default_factory=list)
    """(part, reason) of what is there but damaged."""
