"""The walkers' own rules; what must not count is in test_reader.py."""

import struct
import zlib

import pytest

from upprint.provenance import bmff, gif, jpeg, png, read, tiff, webp
from upprint.provenance.parts import LARGEST_PART, BadContainer


@pytest.mark.parametrize(
    ("walk", "data", "reason"),
    [
        (jpeg.walk, b"\xff\xd8\xff\xe0\0\x10", "runs out"),
        (jpeg.walk, b"\xff\xd8\xff\xe0\0\x01", "runs out"),
        (jpeg.walk, b"\xff\xd8" + b"\xff" * 200, "fill"),
        (jpeg.walk, b"\xff\xd8\xff\xda\0\x02\xff\xd9", "no frame"),
        (jpeg.walk, b"\xff\xd8" + b"\xff\xfe\0\x02" * 5000, "segments"),
        (png.walk, b"\x89PNG\r\n\x1a\n", "runs out"),
        (webp.walk, b"RIFF\xff\0\0\0WEBP", "runs out"),
        (webp.walk, b"RIFF\x0c\0\0\0WEBPabcd\0\0\0\0", "no pixels"),
        (bmff.walk, b"\0\0\0\x08ftyp", "no meta"),
        (bmff.walk, b"\0\0\0\x07ftyp", "runs out"),
        (bmff.walk, b"\0\0\0\x0cftyp", "runs out"),
        (gif.walk, b"GIF89a\1\0\1\0\0\0\0,", "run out"),
        (gif.walk, b"GIF89a\1\0\1\0\0\0\0?", "no known kind"),
        (tiff.walk, b"II*\0\xff\0\0\0", "directory"),
    ],
)
def test_broken_structures(walk, data, reason):
    with pytest.raises(BadContainer, match=reason):
        walk(data)


def test_png_chunks_in_the_wrong_order(make):
    data = make.image("PNG")
    for broken in (
        data[:8] + data[33:],
        data[:33] + data[8:33] + data[33:],
        data[:33] + make.chunk(b"IEND", b""),
    ):
        with pytest.raises(BadContainer):
            png.walk(broken)


def test_a_wrong_checksum_is_stated(make):
    good = make.text("Software", "NovelAI")
    assert read(make.with_chunks(good)).summary().startswith("generated: NovelAI")
    found = read(make.with_chunks(good[:-1] + bytes([good[-1] ^ 1])))
    assert found.summary() == "unreadable PNG tEXt chunk: its checksum is wrong"


def test_a_bomb_of_text_is_not_unpacked(make):
    bomb = zlib.compress(b"\0" * (LARGEST_PART + 1), 9)
    found = read(make.with_chunks(make.chunk(b"zTXt", b"parameters\0\0" + bomb)))
    assert "too long" in found.summary()


@pytest.mark.parametrize(
    "body", [b"no separator", b"\0no key", b"key\0\1", b"key\0\0notzlib", b"k" * 80 + b"\0\0"]
)
def test_broken_text_chunks_are_stated(make, body):
    (claim,) = read(make.with_chunks(make.chunk(b"zTXt", body))).claims
    assert claim.kind == "unreadable"


@pytest.mark.parametrize(
    "body", [b"key\0", b"key\0\0\0lang", b"key\0\2\0\0\0x", b"key\0\0\1\0\0x", b"key\0\0\0\0\0\xff"]
)
def test_broken_international_text_is_stated(make, body):
    (claim,) = read(make.with_chunks(make.chunk(b"iTXt", body))).claims
    assert claim.kind == "unreadable"


def test_fill_bytes_before_a_segment_are_allowed(make):
    data = make.with_segments(b"\xff" + make.segment(0xE1, make.exif(Make="Canon", Model="R5")))
    assert read(data).summary() == "camera: Canon R5 (EXIF)"


def test_webp_padding_and_order(make):
    frame = (b"VP8L", make.image("WEBP", lossless=True)[20:])
    odd = make.generated_xmp() + b" " * (1 - len(make.generated_xmp()) % 2)
    data = make.riff(
        (b"VP8X", b"\x04" + b"\0" * 9), frame, (b"XMP ", odd), (b"EXIF", make.exif(Software="Canva"))
    )
    assert [claim.says for claim in read(data).claims] == ["generated", "edited"]


def _heif(make, location, items=b"", extra=b""):
    """A HEIF of boxes alone: one Exif item, its place as given."""
    entry = make.box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"Exif\0")
    table = make.box(b"iinf", b"\0\0\0\0" + struct.pack(">H", 1) + entry)
    meta = make.box(b"meta", b"\0\0\0\0" + table + make.box(b"iloc", location) + items)
    return make.box(b"ftyp", b"heic\0\0\0\0") + meta + extra


def _block(make):
    return b"\0\0\0\0" + make.exif(Make="Canon", Model="R5").removeprefix(b"Exif\0\0")


def test_an_item_in_the_item_data_box(make):
    block = _block(make)
    location = b"\1\0\0\0\x44\0" + struct.pack(">HHHHHII", 1, 1, 1, 0, 1, 0, len(block))
    assert read(_heif(make, location, make.box(b"idat", block))).summary() == "camera: Canon R5 (EXIF)"


def test_an_item_in_several_extents_of_the_file(make):
    block = _block(make)
    plain = _heif(make, b"\0\0\0\0\x44\0" + struct.pack(">HHHHIIII", 1, 1, 0, 2, 0, 0, 0, 0))
    start = len(plain) + 8
    location = b"\0\0\0\0\x44\0" + struct.pack(
        ">HHHHIIII", 1, 1, 0, 2, start, 10, start + 10, len(block) - 10
    )
    assert read(_heif(make, location, extra=make.box(b"mdat", block))).summary() == "camera: Canon R5 (EXIF)"


@pytest.mark.parametrize(
    "location",
    [
        b"\0\0\0\0\x44\0" + struct.pack(">HHHHII", 1, 1, 0, 1, 5000, 10),
        b"\1\0\0\0\x44\0" + struct.pack(">HHHHHII", 1, 1, 2, 0, 1, 0, 5),
        b"\0\0\0\0\x44\0" + struct.pack(">HHHHII", 1, 1, 0, 1, 0, 0xFFFFFFFF),
        b"\0\0\0\0\x44\0" + struct.pack(">HHHHII", 1, 9, 0, 1, 0, 5),
    ],
)
def test_items_outside_the_file_are_stated(make, location):
    assert "unreadable EXIF: its place lies outside the file" in read(_heif(make, location)).summary()


def test_item_tables_that_end_early(make):
    with pytest.raises(BadContainer, match="item table"):
        bmff.walk(_heif(make, b"\0\0\0\0\x44\0\0\5"))


def test_gif_packets_behind_several_frames(make):
    data = make.gif_xmp(make.generated_xmp())
    assert [claim.says for claim in read(data).claims] == ["generated"]


def test_big_tiff_says_that_it_is_not_read():
    assert "BigTIFF" in read(b"II+\0\x08\0\0\0" + b"\0" * 40).summary()
