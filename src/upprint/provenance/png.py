"""The chunks of a PNG (ISO/IEC 15948), each believed only with its checksum."""

from __future__ import annotations

import zlib

from upprint.provenance.parts import LARGEST_PART, BadContainer, Parts, Text

_XMP_KEY = "XML:com.adobe.xmp"
_USED = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"caBX"})
_CHUNKS, _TEXTS = 1 << 20, 256


def walk(data: bytes) -> Parts:
    """Parts from eXIf, tEXt, zTXt, iTXt and caBX (C2PA) between IHDR and IEND.

    A chunk whose checksum is wrong is reported as broken and not read. Pixels, other chunks and whatever
    follows IEND are not looked at.

    Raises:
        BadContainer: no IHDR first, no IDAT, no IEND, or a chunk that runs out of the file.
    """
    parts, position, pixels = Parts(), 8, False
    for index in range(_CHUNKS):
        length, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        end = position + 12 + length
        if len(name) < 4 or end > len(data):
            raise BadContainer(f"the chunk at byte {position} runs out of the file")
        if (name == b"IHDR") != (index == 0):
            raise BadContainer("IHDR is missing, not first or there twice")
        if name == b"IEND":
            if not pixels:
                raise BadContainer("no pixels before the end")
            return parts
        pixels |= name == b"IDAT"
        if name in _USED:
            _take(name, data[position + 4 : end - 4], data[end - 4 : end], parts)
        position = end
    raise BadContainer(f"more than {_CHUNKS} chunks")


def _take(name: bytes, chunk: bytes, checksum: bytes, parts: Parts) -> None:
    label = f"PNG {name.decode('ascii')} chunk"
    if zlib.crc32(chunk) != int.from_bytes(checksum, "big"):
        parts.broken.append((label, "its checksum is wrong"))
        return
    body = chunk[4:]
    if name == b"eXIf":
        parts.exif = parts.exif if parts.exif is not None else body
    elif name == b"caBX":
        parts.c2pa |= body[4:8] == b"jumb"
    elif len(parts.texts) < _TEXTS:
        try:
            key, value = _READ[name](body)
        except (ValueError, zlib.error) as error:
            parts.broken.append((label, str(error)))
            return
        if key != _XMP_KEY:
            parts.texts.append(Text(key, value))
        elif name == b"iTXt" and parts.xmp is None:
            parts.xmp = value.encode("utf-8")


def _text(body: bytes) -> tuple[str, str]:
    """tEXt is Latin-1 by the standard; much software writes UTF-8."""
    key, value = _keyword(body)
    try:
        return key, value.decode("utf-8")
    except UnicodeDecodeError:
        return key, value.decode("latin-1")


def _compressed(body: bytes) -> tuple[str, str]:
    key, rest = _keyword(body)
    if rest[:1] != b"\0":
        raise ValueError("an unknown compression")
    return key, _inflate(rest[1:]).decode("latin-1")


def _international(body: bytes) -> tuple[str, str]:
    key, rest = _keyword(body)
    if len(rest) < 2 or rest[0] > 1 or rest[1] != 0:
        raise ValueError("an unknown compression")
    fields = rest[2:].split(b"\0", 2)
    if len(fields) < 3:
        raise ValueError("a field is missing")
    return key, (_inflate(fields[2]) if rest[0] else fields[2]).decode("utf-8")


def _keyword(body: bytes) -> tuple[str, bytes]:
    key, found, rest = body.partition(b"\0")
    if not found or not 1 <= len(key) <= 79:
        raise ValueError("no keyword of 1 to 79 characters")
    return key.decode("latin-1"), rest


def _inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, LARGEST_PART)
    if not unpacker.eof:
        raise ValueError("compressed text that is cut or too long")
    return text


_READ = {b"tEXt": _text, b"zTXt": _compressed, b"iTXt": _international}
