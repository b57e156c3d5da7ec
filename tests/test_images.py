"""Decoding against Pillow and against formulas written out; hostile files; finding."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import struct
import sys
import threading
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageFile, ImageOps

from upprint import images
from upprint.images import as_pixels, decode, decode_bytes, find_images
from upprint.result import (
    CorruptImage,
    EmptyFile,
    ImageError,
    ImageTooLarge,
    NotAnImage,
    UnreadableFile,
    UnsupportedImage,
)


def _load_hostile() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "hostile_files", Path(__file__).with_name("hostile_files.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hostile: Any = _load_hostile()
picture, encoded = hostile.picture, hostile.encoded

LOSSY = ["JPEG", "AVIF", "HEIF"]
NAMES = {"JPEG": "JPEG", "WEBP": "WebP", "PNG": "PNG", "GIF": "GIF", "TIFF": "TIFF", "BMP": "BMP"}
NAMES |= {"AVIF": "AVIF", "HEIF": "HEIF"}


def pillow_pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def on_white(rgba: np.ndarray) -> np.ndarray:
    """round((a * colour + (255 - a) * 255) / 255) per sample, in exact integers."""
    colour, alpha = rgba[..., :3].astype(int), rgba[..., 3:].astype(int)
    return ((2 * (alpha * colour + (255 - alpha) * 255) + 255) // 510).astype(np.uint8)


# --- every format ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES)
def test_every_format_decodes(kind: str, tmp_path: Path) -> None:
    source = picture(37, 53)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 97, "subsampling": 0}}.get(kind, {})
    image = Image.fromarray(source) if kind != "GIF" else Image.fromarray(source).quantize(64)
    data = encoded(kind, image, **options)
    path = tmp_path / f"x.{hostile.KINDS[kind]}"
    path.write_bytes(data)
    found = decode(path)
    assert (found.format, found.width, found.height) == (NAMES[kind], 53, 37)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.notes == ()
    assert found.pixels.dtype == np.uint8
    assert found.pixels.flags.c_contiguous
    assert found.pixels.flags.writeable
    if kind in LOSSY:
        assert np.abs(found.pixels.astype(int) - source).mean() < 16
    else:
        assert np.array_equal(found.pixels, np.asarray(image.convert("RGB")))
    if kind != "HEIF":
        assert np.array_equal(found.pixels, pillow_pixels(data))


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_thin_pictures(kind: str, size: tuple[int, int]) -> None:
    found = decode_bytes(encoded(kind, Image.fromarray(picture(*size))))
    assert found.pixels.shape == (*size, 3)


@pytest.mark.parametrize("size", [(1, 1), (7, 1), (17, 31), (113, 250)])
@pytest.mark.parametrize("subsampling", [0, 1, 2, "4:1:1"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_equals_pillow_bit_for_bit(size: tuple[int, int], subsampling: Any, progressive: bool) -> None:
    for quality in (5, 50, 75, 95):
        for mode in ("RGB", "L"):
            image = Image.fromarray(picture(*size)).convert(mode)
            data = encoded("JPEG", image, quality=quality, subsampling=subsampling, progressive=progressive)
            assert np.array_equal(decode_bytes(data).pixels, pillow_pixels(data))


def test_jpeg_of_other_colour_spaces_equals_pillow() -> None:
    image = Image.fromarray(picture(31, 45))
    rgb = encoded("JPEG", image, keep_rgb=True, subsampling=0)
    assert np.array_equal(decode_bytes(rgb).pixels, pillow_pixels(rgb))
    for mode in ("CMYK", "YCbCr"):
        data = encoded("JPEG", image.convert(mode))
        assert np.array_equal(decode_bytes(data).pixels, pillow_pixels(data))
    assert decode_bytes(encoded("JPEG", image.convert("CMYK"))).notes == (
        "CMYK converted without its profile",
    )


def test_ycck_jpeg_equals_pillow() -> None:
    cmyk = bytearray(encoded("JPEG", Image.fromarray(picture()).convert("CMYK")))
    transform = cmyk.index(b"Adobe") + 11
    assert cmyk[transform] == 0
    cmyk[transform] = 2
    assert np.array_equal(decode_bytes(bytes(cmyk)).pixels, pillow_pixels(bytes(cmyk)))
    assert not np.array_equal(
        pillow_pixels(bytes(cmyk)), pillow_pixels(bytes(hostile._patched(cmyk, transform, b"\0")))
    )


def test_jpeg_metadata_that_stops_pillow_does_not_stop_a_cmyk_jpeg() -> None:
    data = encoded("JPEG", Image.fromarray(picture()).convert("CMYK"))
    cut_exif = b"\xff\xe1" + struct.pack(">H", 16) + b"Exif\0\0MM\0*\0\0\0\x08"
    found = decode_bytes(data[:2] + cut_exif + data[2:])
    assert np.array_equal(found.pixels, pillow_pixels(data))
    assert "EXIF cannot be read; orientation taken as upright" in found.notes


@pytest.mark.parametrize("cut", [1, 2, 30, 200, 800])
@pytest.mark.parametrize("progressive", [False, True])
def test_cut_jpeg_is_an_error(cut: int, progressive: bool) -> None:
    data = encoded("JPEG", Image.fromarray(picture(80, 90)), quality=90, progressive=progressive)
    with pytest.raises(CorruptImage, match=r"Premature end|ends early"):
        decode_bytes(data[:-cut])


def test_jpeg_damage_and_harmless_padding() -> None:
    """libjpeg's complaint about stray bytes before the end is a note, any other one an error."""
    data = encoded("JPEG", Image.fromarray(picture(80, 90)), quality=90, restart_marker_rows=1)
    with pytest.raises(CorruptImage, match="premature end of data segment"):
        decode_bytes(data[:-400] + b"\xff\xd9")
    padded = data[:-2] + b"\x5a" * 9 + data[-2:]
    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(padded, strict=True)
    found = decode_bytes(padded)
    assert np.array_equal(found.pixels, pillow_pixels(data))
    assert "extraneous bytes before marker 0xd9" in found.notes[0]


def test_bytes_after_a_jpeg_are_no_scans_of_it() -> None:
    data = encoded("JPEG", Image.fromarray(picture()))
    assert decode_bytes(data + b"\xff\xda" * 5000).notes == ()


# --- depth, palette, alpha ---------------------------------------------------------------------------------


PNG_FORMS = [(depth, colour) for depth in (8, 16) for colour in (0, 2, 4, 6)]
PNG_FORMS += [(depth, colour) for depth in (1, 2, 4) for colour in (0, 3)] + [(8, 3)]


@pytest.mark.parametrize(("depth", "colour"), PNG_FORMS)
@pytest.mark.parametrize("transparent", [False, True])
def test_png_of_every_colour_type(depth: int, colour: int, transparent: bool) -> None:
    """Against the PNG specification: samples to 8 bits, palette, tRNS, alpha on white."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    values = np.random.default_rng(depth).integers(0, 2**depth, (5, 8, channels))
    values[0, 0] = values[0, 1]
    palette = np.random.default_rng(1).integers(0, 256, (2 ** min(depth, 8), 3))
    extra = [hostile.png_chunk(b"PLTE", palette.astype(np.uint8).tobytes())] if colour == 3 else []
    key, alphas = values[0, 0], np.arange(len(palette)) * 255 // max(len(palette) - 1, 1)
    if transparent and colour in (0, 2):
        extra.append(hostile.png_chunk(b"tRNS", key.astype(">u2").tobytes()))
    if transparent and colour == 3:
        extra.append(hostile.png_chunk(b"tRNS", alphas.astype(np.uint8).tobytes()))

    eight = values >> 8 if depth == 16 else values * (255 // (2**depth - 1))
    alpha = np.full((5, 8, 1), 255)
    if colour == 3:
        rgb = palette[values[..., 0]]
        alpha = alphas[values] if transparent else alpha
    else:
        rgb = np.repeat(eight[..., :1], 3, axis=-1) if channels < 3 else eight[..., :3]
        alpha = eight[..., -1:] if colour in (4, 6) else alpha
        if transparent and colour in (0, 2) and (colour, depth) != (2, 16):  # the stated exception
            alpha = np.where((values == key).all(-1, keepdims=True), 0, 255)

    rows = b"".join(b"\0" + _packed(row.reshape(-1), depth) for row in values)
    found = decode_bytes(hostile.png(8, 5, depth, colour, rows, *extra))
    assert np.array_equal(found.pixels, on_white(np.concatenate([rgb, alpha], -1)))
    assert ("alpha composited on white" in found.notes) == bool((alpha < 255).any())
    assert ("16-bit samples: high byte kept" in found.notes) == (depth == 16)


def _packed(samples: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return samples.astype(">u2").tobytes()
    bits = (samples[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def test_interlaced_png() -> None:
    """Adam7 by hand: seven passes of a grey picture."""
    values = picture(11, 13)[..., 0]
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, across in passes
        for row in values[top::down, left::across]
        if row.size
    )
    data = bytearray(hostile.png(13, 11, 8, 0, rows))
    header = struct.pack(">IIBBBBB", 13, 11, 8, 0, 0, 0, 1)
    data[8:33] = hostile.png_chunk(b"IHDR", header)
    assert np.array_equal(decode_bytes(bytes(data)).pixels, np.repeat(values[..., None], 3, -1))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_alpha_is_composited_on_white(kind: str) -> None:
    source = np.dstack([picture(40, 48), np.repeat(np.arange(40, dtype=np.uint8)[:, None] * 6, 48, 1)])
    options = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    options["HEIF"] = {"quality": -1, "chroma": 444}
    found = decode_bytes(encoded(kind, Image.fromarray(source), **options.get(kind, {})))
    difference = np.abs(found.pixels.astype(int) - on_white(source))
    assert difference.max() <= (6 if kind in LOSSY else 0)
    assert found.notes == ("alpha composited on white",)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "RGB", "1"])
def test_conversion_in_strips_changes_nothing(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from upprint import _decoders

    image = Image.fromarray(picture(23, 31))
    if mode == "I;16":
        image = Image.fromarray(picture(23, 31)[..., 0].astype(np.uint16) * 250)
    elif mode == "RGBA":
        image.putalpha(image.getchannel("G"))
    else:
        image = image.convert(mode)
    options = {"transparency": bytes(range(256))} if mode == "P" else {}
    data = encoded("PNG", image, **options)
    whole = decode_bytes(data)
    monkeypatch.setattr(_decoders, "_STRIP", 70)
    strips = decode_bytes(data)
    assert np.array_equal(strips.pixels, whole.pixels)
    assert strips.notes == whole.notes


def test_opaque_alpha_changes_nothing() -> None:
    image = Image.fromarray(picture()).convert("RGBA")
    found = decode_bytes(encoded("PNG", image))
    assert np.array_equal(found.pixels, picture())
    assert found.notes == ()


@pytest.mark.parametrize("form", ["little", "white is zero", "big"])
def test_tiff_of_16_bit_grey(form: str) -> None:
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1021
    fields = hostile._TIFF_GREY | {258: (3, 1, 16), 273: (4, 1, 122), 279: (4, 1, 128)}
    fields[262] = (3, 1, 0 if form == "white is zero" else 1)
    data = hostile.tiff(fields, values.astype("<u2").tobytes()) if form != "big" else _big_endian(values)
    expected = (65535 - values if form == "white is zero" else values) >> 8
    found = decode_bytes(data)
    assert np.array_equal(found.pixels, np.repeat(expected[..., None], 3, -1))
    assert found.notes == ("16-bit samples: high byte kept",)


def _big_endian(values: np.ndarray) -> bytes:
    fields = hostile._TIFF_GREY | {258: (3, 1, 16), 273: (4, 1, 122), 279: (4, 1, 128)}
    out = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(fields))
    for tag in sorted(fields):
        kind, count, value = fields[tag]
        out += struct.pack(">HHI", tag, kind, count)
        out += struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
    return out + bytes(4) + values.astype(">u2").tobytes()


TIFF_FORMS = [
    (c, m) for c in (None, "tiff_lzw", "tiff_adobe_deflate") for m in ("RGB", "L", "CMYK", "P", "1")
]
TIFF_FORMS += [("jpeg", mode) for mode in ("RGB", "L", "CMYK")]


@pytest.mark.parametrize(("compression", "mode"), TIFF_FORMS)
def test_tiff_modes_equal_pillow(compression: str | None, mode: str) -> None:
    data = encoded("TIFF", Image.fromarray(picture()).convert(mode), compression=compression)
    assert np.array_equal(decode_bytes(data).pixels, pillow_pixels(data))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({50706: (1, 4, 0x0401)}, "raw file"),
        ({254: (4, 1, 1)}, "preview"),
        ({258: (3, 1, 12)}, "12-bit"),
        ({258: (3, 1, 32), 339: (3, 1, 3)}, "mode F"),
        ({258: (3, 1, 16), 339: (3, 1, 2)}, "mode I"),
    ],
)
def test_tiff_of_unstated_range_or_role_is_refused(fields: dict[int, Any], words: str) -> None:
    with pytest.raises(UnsupportedImage, match=words):
        decode_bytes(hostile.tiff(hostile._TIFF_GREY | fields, bytes(400)))


# --- orientation -------------------------------------------------------------------------------------------


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Exif 2.3, 4.6.5: where the stored row 0 and column 0 lie in the scene."""
    rotations = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}
    mirrored = {2, 4, 5, 7}
    turned = pixels[:, ::-1] if orientation in mirrored else pixels
    if orientation in (5, 7):  # transposes: mirror, then a quarter turn
        return np.rot90(turned, 1 if orientation == 5 else 3)
    return np.rot90(turned, rotations[orientation])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    source = np.zeros((32, 48, 3), np.uint8)
    source[:16, :24], source[:16, 24:], source[16:, :24] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    image = Image.fromarray(source)
    options: dict[str, Any] = {"exif": hostile.exif(orientation)}
    if kind == "WEBP":
        options["lossless"] = True
    if kind == "TIFF":
        options = {"tiffinfo": {0x0112: orientation}}
    data = _heif(image, orientation) if kind == "HEIF" else encoded(kind, image, **options)
    found = decode_bytes(data)
    expected = upright(source, orientation)
    assert found.pixels.shape == expected.shape == (found.height, found.width, 3)
    assert np.abs(found.pixels.astype(int) - expected).mean() < 4
    if kind != "HEIF":
        with Image.open(BytesIO(data)) as opened:
            reference = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        assert np.array_equal(found.pixels, reference)
        assert bool(found.notes) == (orientation != 1)


def _heif(image: Image.Image, orientation: int) -> bytes:
    """With the rotation in the container, and an EXIF tag that says the same, as phones write it."""
    from pillow_heif.as_plugin import _save_heif

    buffer = BytesIO()
    image = image.copy()
    image.encoderinfo = {"exif": hostile.exif(orientation), "quality": 95}  # type: ignore[attr-defined]
    _save_heif(image, buffer, "")
    return buffer.getvalue()


def test_heif_ignores_exif_without_rotation_of_the_container() -> None:
    data = _heif(Image.fromarray(picture(32, 48)), 1)
    turned = data.replace(hostile.exif(1)[6:], hostile.exif(6)[6:])
    assert turned != data
    assert np.array_equal(decode_bytes(turned).pixels, decode_bytes(data).pixels)


def test_imagemagick_exif_in_png() -> None:
    from PIL.PngImagePlugin import PngInfo

    block, info = hostile.exif(6), PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    found = decode_bytes(encoded("PNG", Image.fromarray(picture()), pnginfo=info))
    assert np.array_equal(found.pixels, upright(picture(), 6))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12",
        b"Exif\0\0",
    ],
)
def test_broken_exif_does_not_stop_decoding(kind: str, block: bytes) -> None:
    harmless = hostile.exif(1).replace(
        b"\x12\x01\x03", b"\x00\x01\x03"
    )  # a width; AVIF takes orientation out
    plain = encoded(kind, exif=harmless, **({"lossless": True} if kind == "WEBP" else {}))
    whole = harmless[6:]
    assert whole in plain
    data = plain.replace(whole, block[6:].ljust(len(whole), b"\xff"))
    if kind == "PNG":
        body = block[6:].ljust(len(whole), b"\xff")
        data = plain.replace(hostile.png_chunk(b"eXIf", whole), hostile.png_chunk(b"eXIf", body))
    assert data != plain
    found = decode_bytes(data)
    assert np.array_equal(found.pixels, decode_bytes(plain).pixels)
    assert len(found.notes) == 1


# --- frames ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("PNG", "first of 3 frames"),
        ("WEBP", "first of 3 frames"),
        ("AVIF", "first of 3 frames"),
        ("GIF", "first of several frames"),
        ("TIFF", "first of several pages"),
    ],
)
def test_animations_give_their_first_frame(kind: str, note: str) -> None:
    frames = [Image.fromarray(picture(seed=seed)) for seed in range(3)]
    if kind == "GIF":
        frames = [frame.quantize(32) for frame in frames]
    options = (
        {"lossless": True}
        if kind == "WEBP"
        else {"quality": 100, "subsampling": "4:4:4"}
        if kind == "AVIF"
        else {}
    )
    found = decode_bytes(encoded(kind, frames[0], save_all=True, append_images=frames[1:], **options))
    assert found.notes == (note,)
    difference = np.abs(found.pixels.astype(int) - np.asarray(frames[0].convert("RGB")))
    assert difference.max() <= (12 if kind == "AVIF" else 0)


def test_heif_gives_its_primary_picture() -> None:
    import pillow_heif

    container = pillow_heif.from_pillow(Image.fromarray(picture(32, 48)))
    container.add_from_pillow(Image.fromarray(picture(64, 40)))
    buffer = BytesIO()
    container.save(buffer, primary_index=1)
    found = decode_bytes(buffer.getvalue())
    assert (found.height, found.width) == (64, 40)
    assert found.notes == ("primary picture of 2",)


def test_deep_gif_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.GifImagePlugin import GifImageFile

    seeks: list[int] = []
    original = GifImageFile._seek
    monkeypatch.setattr(
        GifImageFile,
        "_seek",
        lambda self, frame, *rest: (seeks.append(frame), original(self, frame, *rest))[1],
    )
    assert decode_bytes(hostile.deep_gif(20_000)).notes == ("first of several frames",)
    assert max(seeks) == 1
    assert len(seeks) < 6


# --- limits, names, global state ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES)
def test_pixel_limit_is_checked_before_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(kind)
    assert decode_bytes(data, max_pixels=48 * 64).width == 64

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", refuse)
    with pytest.raises(ImageTooLarge, match="64 x 48 pixels"):
        decode_bytes(data, max_pixels=48 * 64 - 1)


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "PNG"])
def test_pillows_own_limit_does_not_apply_or_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    try:
        assert decode_bytes(encoded(kind)).width == 64
    except ImageTooLarge as error:
        assert "exceeds limit of 2000" in error.found  # noqa: PT017


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_size_is_known_before_its_plugin_allocates(lossless: bool) -> None:
    from upprint._decoders import _webp_size

    plain = encoded("WEBP", Image.fromarray(picture(37, 301)), lossless=lossless)
    extended = encoded("WEBP", Image.fromarray(picture(37, 301)), lossless=lossless, exif=hostile.exif(1))
    assert extended[12:16] == b"VP8X"
    assert plain[12:16] == (b"VP8L" if lossless else b"VP8 ")
    assert _webp_size(plain) == _webp_size(extended) == (301, 37)


def test_file_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded("PNG"))
    monkeypatch.setattr(images, "MAX_FILE_BYTES", path.stat().st_size)
    assert decode(path).width == 64
    monkeypatch.setattr(images, "MAX_FILE_BYTES", path.stat().st_size - 1)
    with pytest.raises(ImageTooLarge, match="bytes"):
        decode(path)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs a file whose size is not its length"
)
def test_a_file_longer_than_its_size() -> None:
    with pytest.raises(UnreadableFile, match="grows"):
        decode("/proc/self/status")


def test_misleading_names_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded("PNG"))
    found = decode(path)
    assert (found.format, found.notes) == ("PNG", ("named .jpg but holds PNG",))
    assert decode_bytes(encoded("PNG"), path="noextension").notes == ()
    assert decode_bytes(encoded("JPEG"), path="x.JFIF").notes == ()


def test_no_global_state_is_touched() -> None:
    before = (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        "HEIF" in Image.OPEN,
        list(warnings.filters),
    )
    for kind in NAMES:
        decode_bytes(encoded(kind))
    with pytest.raises(CorruptImage):
        decode_bytes(encoded("PNG")[:300])
    after = (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        "HEIF" in Image.OPEN,
        list(warnings.filters),
    )
    assert before == after


def test_warnings_filters_survive_threads() -> None:
    before = list(warnings.filters)
    data = [encoded("PNG"), encoded("TIFF"), encoded("JPEG", exif=hostile.exif(6))]
    workers = [threading.Thread(target=lambda: [decode_bytes(one) for one in data * 20]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert list(warnings.filters) == before


def test_warnings_of_pillow_do_not_leak() -> None:
    """An odd TIFF tag makes Pillow warn; pytest runs with warnings as errors."""
    data = hostile.tiff(hostile._TIFF_GREY | {271: (2, 500, 10_000), 273: (4, 1, 134)}, bytes(200))
    with pytest.warns(UserWarning, match="Tag data"), Image.open(BytesIO(data)) as opened:
        opened.load()
    assert decode_bytes(data).pixels.shape == (8, 8, 3)


def test_errors_name_file_expectation_and_remedy_and_travel_between_processes() -> None:
    with pytest.raises(NotAnImage) as caught:
        decode_bytes(b"plain text", path="dir/é.txt")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert "dir/é.txt" in str(again)
    assert all([again.found, again.expected, again.remedy])


# --- hostile files -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Any]]]:
    root = tmp_path_factory.mktemp("hostile") / "files"
    files = hostile.build(root)
    yield root, files
    for path in (root / "locked_directory", root / "locked.png"):
        if path.exists():
            path.chmod(0o700)


def test_each_hostile_file_has_its_outcome(folder: tuple[Path, list[Any]]) -> None:
    wrong = []
    for path, expected, _ in folder[1]:
        try:
            found = decode(path)
            outcome = "ok" if found.pixels.ndim == 3 else "no picture"
        except ImageError as error:
            outcome = type(error).__name__
            str(error).encode("utf-8")  # can be printed whatever the name
        if outcome != expected:
            wrong.append((path, expected, outcome))
    assert wrong == []
    assert len(folder[1]) >= 100


def test_a_walk_over_hostile_files_meets_each_once(folder: tuple[Path, list[Any]]) -> None:
    met = list(find_images([folder[0]]))
    assert sorted(met) == sorted(path for path, _, in_walk in folder[1] if in_walk)
    assert met == list(find_images([folder[0]]))


@pytest.mark.parametrize("kind", NAMES)
def test_damaged_files_raise_nothing_but_image_errors(kind: str) -> None:
    random = np.random.default_rng(len(kind))
    frames = [Image.fromarray(picture(24, 32, seed=seed)) for seed in range(2)]
    variants = [encoded(kind, frames[0])]
    if kind in ("PNG", "WEBP", "AVIF", "JPEG"):
        variants.append(encoded(kind, frames[0], exif=hostile.exif(6)))
    if kind in ("PNG", "WEBP", "GIF", "TIFF"):
        variants.append(encoded(kind, frames[0], save_all=True, append_images=frames[1:]))
    if kind == "TIFF":
        variants.append(encoded(kind, frames[0], compression="tiff_lzw"))
    if kind == "JPEG":
        variants += [encoded(kind, frames[0].convert("CMYK")), encoded(kind, frames[0], progressive=True)]
    outcomes = {"ok": 0, "error": 0}
    for step in range(240):
        data = bytearray(variants[step % len(variants)])
        if step % 3 == 0:
            del data[int(random.integers(1, len(data))) :]
        else:
            reach = len(data) if step % 3 == 1 else min(len(data), 200)
            for at in random.integers(0, reach, int(random.integers(1, 9))):
                data[at] ^= 1 << int(random.integers(8))
        try:
            found = decode_bytes(bytes(data), max_pixels=4_000_000)
            assert found.pixels.shape == (found.height, found.width, 3)
            outcomes["ok"] += 1
        except ImageError:
            outcomes["error"] += 1
    assert outcomes["error"] > 60


@pytest.mark.parametrize("part", [0.1, 0.4, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("kind", NAMES)
def test_cut_files_are_errors(kind: str, part: float) -> None:
    data = encoded(kind, Image.fromarray(picture(120, 160)))
    with pytest.raises(CorruptImage):
        decode_bytes(data[: int(len(data) * part)])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_cut_compressed_tiff_is_an_error(compression: str) -> None:
    data = encoded("TIFF", Image.fromarray(picture(120, 160)), compression=compression)
    for part in (0.3, 0.6, 0.95):
        with pytest.raises(CorruptImage):
            decode_bytes(data[: int(len(data) * part)])


@pytest.mark.parametrize("fields", [{278: (4, 1, 2)}, {257: (4, 1, 4000)}, {273: (4, 1, 10_000)}])
def test_tiff_without_all_its_strips_is_an_error(fields: dict[int, Any]) -> None:
    """libtiff itself reads absent strips as zeros: compression 32773 goes through it."""
    data = hostile.tiff(hostile._TIFF_GREY | {259: (3, 1, 32_773)} | fields, bytes(200))
    with pytest.raises(CorruptImage):
        decode_bytes(data)


@pytest.mark.parametrize(
    "error", [SyntaxError("s"), EOFError(), struct.error("e"), OverflowError(), RecursionError()]
)
def test_whatever_a_decoder_raises_is_translated(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", _raiser(error))
    with pytest.raises(CorruptImage, match=type(error).__name__):
        decode_bytes(encoded("PNG"))


def test_exhaustion_and_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", _raiser(MemoryError()))
    with pytest.raises(ImageTooLarge, match="memory"):
        decode_bytes(encoded("PNG"))
    monkeypatch.setattr(ImageFile.ImageFile, "load", _raiser(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        decode_bytes(encoded("PNG"))


def _raiser(error: BaseException) -> Any:
    def load(*_: object) -> None:
        raise error

    return load


# --- as_pixels ---------------------------------------------------------------------------------------------


def test_as_pixels_takes_every_shape(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded("PNG"))
    shapes: list[Any] = [path, str(path), path.read_bytes(), picture(), Image.open(path)]
    shapes.append(Image.fromarray(picture()))
    for shape in shapes:
        found = as_pixels(shape)
        assert np.array_equal(found.pixels, picture())
        assert (found.width, found.height) == (64, 48)
    assert as_pixels(path).sha256 == as_pixels(path.read_bytes()).sha256 != as_pixels(picture()).sha256 == ""
    shapes[4].close()
    grey = as_pixels(picture()[..., 0]).pixels
    assert np.array_equal(grey, np.repeat(picture()[..., :1], 3, -1))


def test_as_pixels_turns_a_pillow_image() -> None:
    for kind in ("JPEG", "TIFF"):
        options = {"exif": hostile.exif(6)} if kind == "JPEG" else {"tiffinfo": {0x0112: 6}}
        data = encoded(kind, **options)
        with Image.open(BytesIO(data)) as opened:
            found = as_pixels(opened)
        assert np.array_equal(found.pixels, decode_bytes(data).pixels)
        assert found.format == kind


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4,), np.uint8),
    ],
)
def test_as_pixels_refuses_other_arrays(array: Any) -> None:
    with pytest.raises(UnsupportedImage, match="expected uint8 of shape"):
        as_pixels(array)


def test_as_pixels_refuses_other_objects_and_large_or_broken_images() -> None:
    with pytest.raises(UnsupportedImage, match="a list"):
        as_pixels([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ImageTooLarge):
        as_pixels(Image.new("L", (30, 30)), max_pixels=899)
    with pytest.raises(EmptyFile):
        as_pixels(b"")
    with Image.open(BytesIO(encoded("PNG")[:400])) as cut, pytest.raises(CorruptImage):
        as_pixels(cut)


# --- finding -----------------------------------------------------------------------------------------------


def test_find_images_order_and_rule(tmp_path: Path) -> None:
    for name in (
        "b.png",
        "a.JPG",
        "sub/z.tiff",
        "sub/deeper/y.webp",
        "also/x.heic",
        ".hidden/h.gif",
        ".v.bmp",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whatever")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "picture.data").write_bytes(encoded("PNG"))
    found = [str(Path(path).relative_to(tmp_path)) for path in find_images([tmp_path])]
    files, below = [".v.bmp", "a.JPG", "b.png", "picture.data"], [".hidden/h.gif", "also/x.heic"]
    assert found == [*files, *below, "sub/z.tiff", "sub/deeper/y.webp"]


def test_find_images_yields_what_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a/one.png", "a/two.png", "a/b/three.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")
    Path("a/readme.txt").write_text("text")
    assert list(find_images(["a/readme.txt", "missing.png"])) == ["a/readme.txt", "missing.png"]
    assert list(find_images(["a", "a/", "./a", "a"])) == ["a/one.png", "a/two.png", "a/b/three.png"]
    assert list(find_images(["a/two.png", "a", "a/b"])) == ["a/two.png", "a/one.png", "a/b/three.png"]
    assert list(find_images(iter([Path("a"), "a/one.png"]))) == ["a/two.png", "a/b/three.png", "a/one.png"]
    assert list(find_images(["."])) == ["./a/one.png", "./a/two.png", "./a/b/three.png"]
    assert list(find_images([""])) == [""]


def test_find_images_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(os.fspath(path)), scandir(path))[1])
    walk = find_images([tmp_path])
    assert next(walk).endswith("a.png")
    assert listed == [str(tmp_path)]


def test_symbolic_links(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "x.png").write_bytes(b"x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "to_file.png").symlink_to(real / "x.png")
    (root / "to_directory").symlink_to(real, target_is_directory=True)
    (root / "up").symlink_to(root, target_is_directory=True)
    (root / "loop").symlink_to(root / "loop")
    (root / "dangling").symlink_to(root / "nothing")
    found = [Path(path).name for path in find_images([root])]
    assert found == ["dangling", "loop", "to_file.png"]
    assert [Path(path).name for path in find_images([root / "to_directory"])] == ["x.png"]


def test_a_directory_that_cannot_be_listed_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    (tmp_path / "x.png").write_bytes(encoded("PNG"))
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # the superuser may list anything, so permissions cannot show it
        if os.fspath(path) == str(locked):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(find_images([tmp_path])) == [str(tmp_path / "x.png"), str(locked)]
    with pytest.raises(UnreadableFile, match=r"directory that cannot be listed \(Permission denied\)"):
        decode(locked)


def test_a_file_that_cannot_be_opened_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unknown").write_bytes(b"x")

    def refuse(path: str, *_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    assert list(find_images([tmp_path])) == [str(tmp_path / "unknown")]
    with pytest.raises(UnreadableFile, match="Permission denied"):
        decode(tmp_path / "unknown")


@pytest.mark.skipif(sys.platform != "linux", reason="the path is too long elsewhere")
def test_deep_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deeper than Python's recursion limit would allow a recursive walk."""
    monkeypatch.chdir(tmp_path)
    depth = 1200
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.png").write_bytes(b"x")
    os.chdir(tmp_path)
    try:
        assert list(find_images(["d"])) == ["/".join(["d"] * depth) + "/x.png"]
    finally:  # pytest's own cleaning recurses
        Path("/".join(["d"] * depth) + "/x.png").unlink()
        for level in range(depth, 0, -1):
            Path("/".join(["d"] * level)).rmdir()
