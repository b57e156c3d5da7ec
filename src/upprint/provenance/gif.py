"""The blocks of a GIF (GIF89a specification): XMP and C2PA application extensions."""

from __future__ import annotations

from upprint.provenance.parts import BadContainer, Parts

_BLOCKS = 1 << 22
_MAGIC_TRAILER = 257
"""Bytes that let readers of sub-blocks find the end of an XMP packet, without the terminator."""


def walk(data: bytes) -> Parts:
    """Parts from application extensions; comments, pixels and what follows the trailer are not looked at.

    Raises:
        BadContainer: a block of no known kind, or blocks that run out of the file.
    """
    parts = Parts()
    try:
        position = 13 + _table(data[10])
        for _ in range(_BLOCKS):
            introducer = data[position]
            if introducer == 0x3B:
                return parts
            if introducer == 0x2C:
                position = _skip(data, position + 11 + _table(data[position + 9]))
            elif introducer == 0x21:
                start = position + 2
                position = _skip(data, start)
                if data[start - 1] == 0xFF and data[start] == 11:
                    _application(data[start + 1 : start + 12], data[start + 12 : position - 1], parts)
            else:
                break
    except IndexError:
        raise BadContainer("the blocks run out of the file") from None
    raise BadContainer("a block of no known kind")


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip(data: bytes, position: int) -> int:
    """Behind a chain of sub-blocks."""
    while data[position]:
        position += data[position] + 1
    return position + 1


def _application(name: bytes, body: bytes, parts: Parts) -> None:
    if name == b"XMP DataXMP" and parts.xmp is None:
        parts.xmp = body[:-_MAGIC_TRAILER]
    elif name[:8] == b"C2PA_GIF":
        parts.c2pa = True
