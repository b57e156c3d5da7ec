"""The segments of a JPEG up to its first scan (ISO/IEC 10918-1, Annex B), strictly one after another."""

from __future__ import annotations

import struct

from upprint.provenance.parts import BadContainer, Parts

_EXIF, _XMP, _PHOTOSHOP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
_SEGMENTS = 4096
_PROCESS = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def walk(data: bytes) -> Parts:
    """Parts from APP1 (EXIF, XMP), APP11 (C2PA), APP12 (Save for Web), APP13 (IPTC), DQT and SOF.

    Only the first EXIF and the first XMP count. Comments, other segments and whatever stands between scans
    or behind the picture are not looked at.

    Raises:
        BadContainer: bytes between segments, a segment that runs out of the file, no frame, no end.
    """
    parts, position = Parts(), 2
    resources: list[bytes] = []
    for _ in range(_SEGMENTS):
        code, payload, position = _segment(data, position)
        if code == 0xDA:
            break
        if code == 0xE1 and payload.startswith(_EXIF):
            parts.exif = parts.exif if parts.exif is not None else payload[len(_EXIF) :]
        elif code == 0xE1 and payload.startswith(_XMP):
            parts.xmp = parts.xmp if parts.xmp is not None else payload[len(_XMP) :]
        elif code == 0xEB:
            parts.c2pa |= _is_manifest_store(payload)
        elif code == 0xEC and payload.startswith(b"Ducky"):
            parts.save_for_web = _ducky(payload)
        elif code == 0xED and payload.startswith(_PHOTOSHOP):
            resources.append(payload[len(_PHOTOSHOP) :])
        elif code == 0xDB:
            _tables(payload, parts)
        elif code in _SOF:
            _frame(code, payload, parts)
    else:
        raise BadContainer(f"more than {_SEGMENTS} segments")
    if not parts.components:
        raise BadContainer("no frame before the first scan")
    if data.rfind(b"\xff\xd9", position) < 0:
        raise BadContainer("no end of the picture")
    try:
        parts.iptc = _image_resource(b"".join(resources), 0x0404)
    except (struct.error, BadContainer) as error:
        parts.broken.append(("Photoshop resources", str(error)))
    return parts


def _segment(data: bytes, position: int) -> tuple[int, bytes, int]:
    """Marker code, payload and the next position; fill bytes before a marker are allowed."""
    start = position
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] == b"\xff":
        position += 1
        if position - start > 64:
            raise BadContainer("a long run of fill bytes")
    head = data[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xC0 or 0xD0 <= head[1] <= 0xD9:
        raise BadContainer(f"no segment at byte {position}")
    length = int.from_bytes(head[2:], "big")
    end = position + 2 + length
    if length < 2 or end > len(data):
        raise BadContainer(f"the segment at byte {position} runs out of the file")
    return head[1], data[position + 4 : end], end


def _is_manifest_store(payload: bytes) -> bool:
    """Whether an APP11 segment starts a JUMBF superbox of C2PA's type (ISO 19566-5; C2PA 2.1, A.3.1).

    Layout: "JP", box instance (2), packet sequence (4, from 1), LBox, "jumb", then "jumd" with the UUID
    that spells "c2pa".
    """
    return (
        payload[:2] == b"JP"
        and payload[4:8] == b"\0\0\0\x01"
        and payload[12:16] == b"jumb"
        and payload[20:24] == b"jumd"
        and payload[24:40] == bytes.fromhex("6332706100110010800000aa00389b71")
    )


def _ducky(payload: bytes) -> int | None:
    """The quality, 1..100, of Adobe's "Save for Web"."""
    if len(payload) >= 13 and payload[5:9] == b"\0\x01\0\x04":
        quality = int.from_bytes(payload[9:13], "big")
        return quality if 1 <= quality <= 100 else None
    return None


def _tables(payload: bytes, parts: Parts) -> None:
    at = 0
    while at < len(payload):
        wide, number = payload[at] >> 4, payload[at] & 15
        size = 128 if wide else 64
        if wide > 1 or at + 1 + size > len(payload):
            raise BadContainer("a broken quantisation table")
        values = payload[at + 1 : at + 1 + size]
        parts.tables[number] = struct.unpack(">64H", values) if wide else tuple(values)
        at += 1 + size


def _frame(code: int, payload: bytes, parts: Parts) -> None:
    count = payload[5] if len(payload) > 5 else 0
    if parts.components or count == 0 or len(payload) != 6 + 3 * count:
        raise BadContainer("a broken frame header")
    triples = (payload[at : at + 3] for at in range(6, len(payload), 3))
    parts.components = tuple((sampling >> 4, sampling & 15, table) for _, sampling, table in triples)
    parts.process = _PROCESS.get(code, "of a rare process")


def _image_resource(block: bytes, wanted: int) -> bytes | None:
    """One of Photoshop's image resources (Photoshop File Formats, "Image Resource Blocks")."""
    at = 0
    while at < len(block):
        if block[at : at + 4] != b"8BIM" or at + 7 > len(block):
            raise BadContainer("no resource where one should be")
        number = int.from_bytes(block[at + 4 : at + 6], "big")
        name = (block[at + 6] + 2) & ~1
        (size,) = struct.unpack_from(">I", block, at + 6 + name)
        start = at + 10 + name
        if start + size > len(block):
            raise BadContainer("a resource runs out of its segment")
        if number == wanted:
            return block[start : start + size]
        at = start + size + size % 2
    return None
