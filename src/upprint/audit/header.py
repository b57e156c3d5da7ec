"""What a file tells of itself before its pixels: container, JPEG coding, metadata, colour.

Read from the bytes of a file that decodes; damaged metadata count as absent, for a classifier could not read
them either.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO

from upprint._decoders import PLUGINS, pillow_warnings_off
from upprint.provenance import quantisation
from upprint.provenance.claim import clean
from upprint.provenance.ifd import Block
from upprint.provenance.parts import BadContainer, Parts
from upprint.provenance.reader import WALKERS

_EXIF_IFD = 34665
FIELDS = {
    "camera": (271, 272, 42036),
    "exposure": (33434, 33437, 34855, 37386),
    "date": (306, 36867, 36868),
    "position": (34853,),
    "software": (305,),
    "owner": (315, 33432, 42032),
    "orientation": (274,),
    "comment": (270, 37510),
    "maker's note": (37500,),
}
"""Groups of EXIF tags (Exif 2.3, section 4.6) that are looked for."""
_PNG_COLOURS = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one picture.

    `mode` is how colours are stored ("RGB", "L", "P", "RGBA", "CMYK", ...), `depth` bits per sample.
    `tables` names a JPEG's quantisation tables, `quality` is the IJG quality of the nearest strength;
    both None for other formats, like `subsampling` and `process`. `exif` lists the groups of `FIELDS` that
    are there, None without EXIF; `texts` the keys of PNG text; `icc` is the profile's own name, `dpi` the
    stated density, both "none" where absent.
    """

    mode: str
    depth: int
    tables: str | None
    quality: int | None
    subsampling: str | None
    process: str | None
    exif: tuple[str, ...] | None
    xmp: bool
    iptc: bool
    c2pa: bool
    texts: tuple[str, ...]
    icc: str
    dpi: str


def read(data: bytes, kind: str) -> Header:
    """The header of a file that decodes.

    Args:
        data: its bytes.
        kind: its format, as `upprint.images` names it.
    """
    parts = _parts(data, kind)
    mode, depth, icc, dpi = _stored(data, kind)
    used = [parts.tables[table] for _, _, table in parts.components if table in parts.tables]
    return Header(
        mode=mode,
        depth=depth,
        tables=_named(used) if used else None,
        quality=quantisation.nearest(used[0]) if used else None,
        subsampling=quantisation.subsampling(parts) if used else None,
        process=parts.process or None,
        exif=_exif(parts.exif, own=kind == "TIFF"),
        xmp=parts.xmp is not None,
        iptc=parts.iptc is not None,
        c2pa=parts.c2pa,
        texts=tuple(sorted({clean(text.key, 40) for text in parts.texts})),
        icc=icc,
        dpi=dpi,
    )


def _parts(data: bytes, kind: str) -> Parts:
    if kind not in WALKERS:
        return Parts()
    try:
        return WALKERS[kind](data)
    except BadContainer:
        return Parts()


def _named(used: list[tuple[int, ...]]) -> str:
    words = quantisation.quality(used[0], used[1] if len(used) > 1 else None)
    if not words.startswith("custom"):
        return words
    digest = hashlib.sha256(repr(used[:2]).encode()).hexdigest()[:6]
    return f"custom {digest}, about IJG {quantisation.nearest(used[0])}"


def _exif(block: bytes | None, *, own: bool) -> tuple[str, ...] | None:
    """Groups of tags; a TIFF's own directory counts as EXIF only where it holds one of them."""
    if block is None:
        return None
    try:
        directories = Block(block)
        tags = directories.directory(directories.first)
        inner = directories.offset(tags.get(_EXIF_IFD))
        if inner is not None:
            tags = directories.directory(inner) | tags
    except (ValueError, struct.error):
        return None if own else ()
    found = tuple(name for name, wanted in FIELDS.items() if any(tag in tags for tag in wanted))
    return None if own and not set(found) - {"orientation"} else found


def _stored(data: bytes, kind: str) -> tuple[str, int, str, str]:
    """Mode, depth, ICC profile and density as the container states them; nothing is decoded."""
    module, name = PLUGINS[kind]
    try:
        with pillow_warnings_off(), getattr(import_module(module), name)(BytesIO(data)) as image:
            mode, info = str(image.mode), dict(image.info)
            tags = getattr(image, "tag_v2", None)
            depth = max(tags.get(258, (1,))) if tags is not None else int(info.get("bit_depth", 8))
    except Exception:  # metadata that stop Pillow are left out when the picture is decoded
        mode, depth, info = "unknown", 8, {}
    if kind == "PNG":
        mode, depth = _PNG_COLOURS.get(data[25], mode), data[24]
    elif mode == "1":
        depth = 1
    profile = info.get("icc_profile")
    return ("L" if mode.startswith(("1", "I")) else mode), depth, profile_name(profile), _density(info)


def _density(info: dict[object, object]) -> str:
    dpi = info.get("dpi")
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return "none"
    try:
        across, down = (round(float(value)) for value in dpi)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return "none"
    return f"{across} x {down}"


def profile_name(profile: object) -> str:
    """The description of an ICC profile (ICC.1:2022, 9.2.41; type `desc` of version 2), else its hash."""
    if not isinstance(profile, bytes) or not profile:
        return "none"
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for index in range(min(count, 256)):
            signature, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
            if signature == b"desc":
                name = _description(profile[offset : offset + size])
                if name:
                    return clean(name, 60)
    except (struct.error, UnicodeDecodeError):
        pass  # a profile that cannot be read is told by its hash
    return f"profile {hashlib.sha256(profile).hexdigest()[:6]}"


def _description(tag: bytes) -> str:
    if tag[:4] == b"desc":
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + length].split(b"\0")[0].decode("ascii")
    if tag[:4] == b"mluc":
        length, start = struct.unpack_from(">II", tag, 20)
        return tag[start : start + length].decode("utf-16-be").strip("\0")
    return ""
