"""The first directory of a TIFF: it is EXIF itself, and holds XMP, IPTC and C2PA as tags."""

from __future__ import annotations

from upprint.provenance.ifd import Block
from upprint.provenance.parts import BadContainer, Parts

_XMP, _IPTC, _C2PA = 700, 33723, 0xCD41


def walk(data: bytes) -> Parts:
    """Parts from tags of the first directory. BigTIFF is not read.

    Raises:
        BadContainer: no header or no directory.
    """
    if data[2:4] in (b"+\0", b"\0+"):
        return Parts(broken=[("BigTIFF tags", "this version of the format is not read")])
    try:
        block = Block(data)
        tags = block.directory(block.first)
    except ValueError as error:
        raise BadContainer(str(error)) from error
    parts = Parts(exif=data, xmp=tags.get(_XMP), iptc=tags.get(_IPTC))
    parts.c2pa = tags.get(_C2PA, b"")[4:8] == b"jumb"
    return parts
