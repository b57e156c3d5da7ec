"""Builders of files with statements in them, shared by the tests of this folder."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    "<rdf:Description %s>%s</rdf:Description></rdf:RDF></x:xmpmeta>"
)
SPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "e": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "ps": "http://ns.adobe.com/photoshop/1.0/",
        "mm": "http://ns.adobe.com/xap/1.0/mm/",
        "ev": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
        "tc": "http://www.tc260.org.cn/ns/AIGC/1.0/",
        "dct": "http://purl.org/dc/terms/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "tiff": "http://ns.adobe.com/tiff/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/",
    }.items()
)


def xmp(body: str = "", attributes: str = "") -> bytes:
    """An XMP packet; `body` are elements, `attributes` go on rdf:Description."""
    return (XMP % (f"{SPACES} {attributes}", body)).encode()


def generated_xmp(code: str = "trainedAlgorithmicMedia") -> bytes:
    return xmp(f"<e:DigitalSourceType>{SCHEME}{code}</e:DigitalSourceType>")


def pixels(height: int = 40, width: int = 56, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def image(kind: str = "JPEG", picture: np.ndarray | None = None, **options: object) -> bytes:
    """One small picture as Pillow or pillow_heif write it."""
    buffer = BytesIO()
    drawn = Image.fromarray(pixels() if picture is None else picture)
    if kind == "HEIF":
        pillow_heif.from_pillow(drawn).save(buffer, **options)
    else:
        drawn.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(inner: dict[int, object] | None = None, **tags: object) -> bytes:
    """An EXIF block by Pillow; names as in `PIL.ExifTags.Base`, `inner` tags go into the Exif directory."""
    from PIL import ExifTags

    made = Image.Exif()
    for name, value in tags.items():
        made[ExifTags.Base[name]] = value
    for tag, value in (inner or {}).items():
        made.get_ifd(ExifTags.IFD.Exif)[tag] = value
    return made.tobytes()


def segment(code: int, payload: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(payload) + 2) + payload


def with_segments(*segments: bytes, data: bytes | None = None) -> bytes:
    """A JPEG with segments right behind its start."""
    data = image("JPEG") if data is None else data
    return data[:2] + b"".join(segments) + data[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(*chunks: bytes, data: bytes | None = None) -> bytes:
    """A PNG with chunks right behind IHDR."""
    data = image("PNG") if data is None else data
    return data[:33] + b"".join(chunks) + data[33:]


def text(key: str, value: str) -> bytes:
    return chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode())


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_xmp(packet: bytes) -> bytes:
    """A GIF with an XMP application extension behind its picture."""
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return image("GIF")[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + b"\x3b"


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def iim(*sets: tuple[int, int, bytes]) -> bytes:
    return b"".join(struct.pack(">BBBH", 0x1C, record, number, len(d)) + d for record, number, d in sets)


def resource(number: int, data: bytes) -> bytes:
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + b"\0\0"
        + struct.pack(">I", len(data))
        + data
        + b"\0" * (len(data) % 2)
    )


@pytest.fixture(scope="session")
def make():
    """This module: builders of files."""
    import sys

    return sys.modules[__name__]
