"""What is looked at: every cue with its value for a file, and the group that says what it may mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from upprint.audit.features import Features, Pixels
from upprint.audit.header import FIELDS, Header
from upprint.audit.traces import COMB_FOUND

Value = float | str | None
Group = Literal["metadata", "size", "history", "content"]

MEANS = {
    "metadata": "stands in the file's header and says nothing of how the picture was made",
    "size": "width and height; a habit of whoever collected the pictures, or of the generator",
    "history": "measured on the pixels; what was done to them later, or the generator's own up-sampling",
    "content": "measured on the pixels; may well be generation itself",
}


@dataclass(frozen=True)
class Cue:
    """One thing that may separate the classes.

    `name` is its key, `title` what a reader sees, `value` takes a file's features to a number, to text for
    categories, or to None where it does not apply. `numeric` says which. `of` names the files it applies to.
    Where effects tie, the cue that stands first comes first; those of the group "content" come last, for
    they follow from the others.
    """

    name: str
    title: str
    group: Group
    numeric: bool
    value: Callable[[Features], Value]
    of: str = "all files"


def _header(read: Callable[[Header], Value]) -> Callable[[Features], Value]:
    return lambda f: None if f.header is None else read(f.header)


def _pixels(read: Callable[[Pixels], Value]) -> Callable[[Features], Value]:
    return lambda f: None if f.pixels is None else read(f.pixels)


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _lossless(read: Callable[[Pixels], Value]) -> Callable[[Features], Value]:
    """For files that are not themselves JPEGs: there the coding is in the header."""
    return lambda f: None if f.pixels is None or f.format == "JPEG" else read(f.pixels)


def _field(name: str) -> Cue:
    def value(header: Header) -> Value:
        return None if header.exif is None else _yes(name in header.exif)

    return Cue(f"exif_{name.replace(' ', '_')}", f"EXIF {name}", "metadata", False, _header(value), WITH_EXIF)


def _divisor(f: Features) -> str:
    return str(largest_divisor(f.width, f.height))


def largest_divisor(width: int, height: int) -> int:
    """The largest power of two up to 64 that divides both sides."""
    return next(power for power in (64, 32, 16, 8, 4, 2, 1) if width % power == height % power == 0)


JPEGS, OTHERS, WITH_EXIF = "JPEG files", "files that are not JPEG", "files with EXIF"

CUES: tuple[Cue, ...] = (
    Cue("format", "file format", "metadata", False, lambda f: f.format),
    Cue("jpeg_quality", "JPEG quality", "metadata", True, _header(lambda h: h.quality), JPEGS),
    Cue("jpeg_tables", "JPEG tables", "metadata", False, _header(lambda h: h.tables), JPEGS),
    Cue("subsampling", "colour subsampling", "metadata", False, _header(lambda h: h.subsampling), JPEGS),
    Cue("jpeg_process", "JPEG process", "metadata", False, _header(lambda h: h.process), JPEGS),
    Cue("colour_mode", "colour mode", "metadata", False, _header(lambda h: h.mode)),
    Cue("bit_depth", "bits per sample", "metadata", False, _header(lambda h: str(h.depth))),
    Cue("exif", "EXIF present", "metadata", False, _header(lambda h: _yes(h.exif is not None))),
    *map(_field, FIELDS),
    Cue("icc", "ICC profile", "metadata", False, _header(lambda h: h.icc)),
    Cue("dpi", "stated density (dpi)", "metadata", False, _header(lambda h: h.dpi)),
    Cue("xmp", "XMP present", "metadata", False, _header(lambda h: _yes(h.xmp))),
    Cue("iptc", "IPTC present", "metadata", False, _header(lambda h: _yes(h.iptc))),
    Cue("c2pa", "C2PA manifest present", "metadata", False, _header(lambda h: _yes(h.c2pa))),
    Cue("png_text", "PNG text", "metadata", False, _header(lambda h: ", ".join(h.texts) or "none")),
    Cue("aspect", "aspect ratio", "size", True, lambda f: f.width / f.height),
    Cue("size", "exact size", "size", False, lambda f: f"{f.width} x {f.height}"),
    Cue("area", "number of pixels", "size", True, lambda f: float(f.width * f.height)),
    Cue(
        "side_divisor",
        "sides a multiple of",
        "size",
        False,
        _divisor,
    ),
    Cue(
        "jpeg_history",
        "JPEG history of the pixels",
        "history",
        False,
        _lossless(lambda p: None if p.comb is None else _yes(p.comb >= COMB_FOUND)),
        OTHERS,
    ),
    Cue(
        "history_quality",
        "quality of the JPEG history",
        "history",
        True,
        _lossless(lambda p: p.comb_quality),
        "files that are not JPEG but were",
    ),
    Cue(
        "grid_offset",
        "offset of the JPEG grid",
        "history",
        False,
        _pixels(lambda p: None if p.offset is None else f"{p.offset[0]}, {p.offset[1]}"),
        "files with a JPEG history",
    ),
    Cue("resampling", "periodic traces of resampling", "history", True, _pixels(lambda p: p.periodic)),
    Cue("doubling", "traces of doubling", "history", True, _pixels(lambda p: p.doubling)),
    Cue("blocking", "8 x 8 blocking", "history", True, _lossless(lambda p: p.grid), OTHERS),
    Cue("grey", "grey picture", "content", False, _pixels(lambda p: _yes(p.grey))),
    Cue("detail", "finest detail", "content", True, _pixels(lambda p: p.detail)),
    Cue(
        "bytes_per_pixel",
        "bytes per pixel",
        "content",
        True,
        lambda f: f.stamp[0] / max(f.width * f.height, 1),
    ),
)
"""All cues; of equal effects the first named counts as the cause."""

BY_NAME = {cue.name: cue for cue in CUES}
