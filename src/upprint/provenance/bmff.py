"""The boxes of HEIF and AVIF (ISO/IEC 14496-12 and 23008-12): EXIF and XMP items, C2PA's uuid box."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from upprint.provenance.parts import LARGEST_PART, BadContainer, Parts

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_BOXES, _ITEMS = 4096, 65_536


def walk(data: bytes) -> Parts:
    """Parts from the top-level `meta` box's items and C2PA's top-level `uuid` box.

    Raises:
        BadContainer: boxes that do not fill the file, no `meta`, tables that contradict each other.
    """
    parts, meta = Parts(), b""
    for name, body in _boxes(data):
        if name == b"meta" and not meta:
            meta = body
        elif name == b"uuid" and body[:16] == _C2PA:
            parts.c2pa |= body[20:].partition(b"\0")[0] == b"manifest"
    if not meta:
        raise BadContainer("no meta box")
    try:
        _items(data, dict(_boxes(meta[4:])), parts)
    except (struct.error, IndexError) as error:
        raise BadContainer(f"a broken item table ({error})") from error
    return parts


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    for _ in range(_BOXES):
        if position == len(data):
            return
        if position + 8 > len(data):
            break
        size, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        elif size == 0:
            size = len(data) - position
        if size < head or position + size > len(data):
            break
        # the pixels need no copy
        yield name, b"" if name in (b"mdat", b"free") else data[position + head : position + size]
        position += size
    raise BadContainer(f"the box at byte {position} runs out of its container")


def _items(data: bytes, boxes: dict[bytes, bytes], parts: Parts) -> None:
    wanted = dict(_wanted(boxes.get(b"iinf", b"")))
    if not wanted:
        return
    places = _places(boxes.get(b"iloc", b""), wanted.keys())
    for number, kind in wanted.items():
        method, extents = places.get(number, (2, []))
        holder = data if method == 0 else boxes.get(b"idat", b"") if method == 1 else b""
        total = sum(length for _, length in extents)
        if not extents or total > LARGEST_PART or any(at + length > len(holder) for at, length in extents):
            parts.broken.append((kind, "its place lies outside the file"))
            continue
        body = b"".join(holder[at : at + length] for at, length in extents)
        if kind == "XMP":
            parts.xmp = parts.xmp if parts.xmp is not None else body
        elif parts.exif is None and len(body) > 4:
            parts.exif = body[4 + int.from_bytes(body[:4], "big") :].removeprefix(b"Exif\0\0")


def _wanted(table: bytes) -> Iterator[tuple[int, str]]:
    """Numbers of the EXIF and XMP items."""
    if not table:
        return
    for name, body in _boxes(table[6 if table[0] == 0 else 8 :]):
        if name != b"infe" or body[0] not in (2, 3):
            continue
        at = 6 if body[0] == 2 else 8
        number, kind, rest = int.from_bytes(body[4:at], "big"), body[at + 2 : at + 6], body[at + 6 :]
        if kind == b"Exif":
            yield number, "EXIF"
        elif kind == b"mime" and rest.split(b"\0")[1:2] == [b"application/rdf+xml"]:
            yield number, "XMP"


def _places(table: bytes, wanted: object) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """For the wanted items: construction method and extents (offset, length)."""
    found: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    if not table:
        return found
    version, sizes = table[0], (table[4] >> 4, table[4] & 15, table[5] >> 4, table[5] & 15)
    offset_size, length_size, base_size, index_size = sizes
    at = 6

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(table):
            raise IndexError("iloc ends early")
        value = int.from_bytes(table[at : at + size], "big")
        at += size
        return value

    wide = 4 if version == 2 else 2
    for _ in range(min(number(wide), _ITEMS)):
        item = number(wide)
        method = number(2) & 15 if version in (1, 2) else 0
        number(2)
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            if version in (1, 2) and index_size:
                number(index_size)
            start = number(offset_size)
            extents.append((base + start, number(length_size)))
        if item in wanted:  # type: ignore[operator]
            found[item] = (method, extents)
    return found
