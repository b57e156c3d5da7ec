"""The chunks of a WebP file (RFC 9649)."""

from __future__ import annotations

from upprint.provenance.parts import BadContainer, Parts

_CHUNKS = 1 << 16
_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})


def walk(data: bytes) -> Parts:
    """Parts from the EXIF, XMP and C2PA chunks inside the RIFF container; bytes behind it are not looked at.

    Raises:
        BadContainer: chunks that do not fill the container, or no pixels.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise BadContainer("the RIFF container runs out of the file")
    parts, position, pixels = Parts(), 12, False
    extended = data[12:16] == b"VP8X"
    for _ in range(_CHUNKS):
        if position >= end:
            break
        name, size = (
            data[position : position + 4],
            int.from_bytes(data[position + 4 : position + 8], "little"),
        )
        start = position + 8
        if start + size > end:
            raise BadContainer(f"the chunk at byte {position} runs out of its container")
        pixels |= name in _PIXELS
        body = data[start : start + size] if name in (b"EXIF", b"XMP ", b"C2PA") else b""
        if name == b"EXIF" and extended and parts.exif is None:
            parts.exif = body.removeprefix(b"Exif\0\0")
        elif name == b"XMP " and extended and parts.xmp is None:
            parts.xmp = body
        elif name == b"C2PA":
            parts.c2pa |= body[4:8] == b"jumb"
        position = start + size + size % 2
    if not pixels:
        raise BadContainer("no pixels")
    return parts
