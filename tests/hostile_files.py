"""A folder of hostile files, each with what must come of it. Needs numpy, Pillow and pillow_heif only.

    files = build(folder)

Loaded by path (`importlib.util.spec_from_file_location`), so that any test can use it. The same files come
out on every call.
"""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pillow_heif
from PIL import Image

OK = "ok"


class Hostile(NamedTuple):
    path: str
    expected: str
    """Name of the error class, or "ok"."""
    in_walk: bool = True
    """Whether a walk over the folder meets it."""


def picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth colours with some noise, uint8 (height, width, 3)."""
    rows, columns = np.mgrid[:height, :width]
    smooth = np.stack([3 * columns + rows, 2 * rows + 40, 5 * columns - rows], axis=-1)
    return ((smooth + np.random.default_rng(seed).integers(0, 24, smooth.shape)) % 256).astype(np.uint8)


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    """One picture in a format that Pillow or pillow_heif writes."""
    image = Image.fromarray(picture()) if image is None else image
    buffer = BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    """An EXIF block with nothing but the orientation."""
    tag = struct.pack("<HHHIHH", 1, 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + tag + b"\0\0\0\0"


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG from raw rows (each with its filter byte); `extra` chunks stand before IDAT."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            header,
            *extra,
            png_chunk(b"IDAT", zlib.compress(rows, 9)),
            png_chunk(b"IEND", b""),
        ]
    )


def deep_gif(frames: int) -> bytes:
    """A GIF of `frames` frames of 2 x 2 pixels."""
    one = b",\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x34\x05\0"
    palette = bytes([0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255])
    return b"GIF89a\x02\0\x02\0\x91\0\0" + palette + one * frames + b";"


def tiff(entries: dict[int, tuple[int, int, int]], body: bytes = b"") -> bytes:
    """A little-endian TIFF with one directory of (type, count, value) entries at byte 8."""
    rows = b"".join(struct.pack("<HHII", tag, *entries[tag]) for tag in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + b"\0\0\0\0" + body


def with_header_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The JPEG with another size in its frame header."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def contents() -> dict[str, tuple[bytes, str]]:
    """File name -> bytes and expected outcome."""
    random = np.random.default_rng(7)
    pixels = picture()
    rgb = Image.fromarray(pixels)
    jpeg, whole_png = encoded("JPEG", rgb, quality=90), encoded("PNG", rgb)
    grey_rows = b"".join(b"\0" + bytes(8) for _ in range(8))
    frames = [Image.fromarray(picture(seed=seed)) for seed in range(3)]
    animated = {"save_all": True, "append_images": frames[1:]}
    files: dict[str, tuple[bytes, str]] = {
        # content and name
        "empty.jpg": (b"", "EmptyFile"),
        "empty.png": (b"", "EmptyFile"),
        "text.jpg": (b"this is no picture\n" * 20, "NotAnImage"),
        "html.png": (b"<!DOCTYPE html><html><body>404</body></html>", "NotAnImage"),
        "zeros.webp": (bytes(4096), "NotAnImage"),
        "movie.avif": (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(64), "NotAnImage"),
        "one_byte.gif": (b"G", "NotAnImage"),
        "png_named.jpg": (whole_png, OK),
        "jpeg_named.PNG": (jpeg, OK),
        "no_extension": (jpeg, OK),
        "two.dots.JPeG": (jpeg, OK),
        ".hidden.png": (whole_png, OK),
        "new\nline.png": (whole_png, OK),
        'quote",comma;\ttab.png': (whole_png, OK),
        "=cmd|'calc'!A1.png": (whole_png, OK),
        "[bold]markup[red].png": (whole_png, OK),
        "фото-写真-📷.png": (whole_png, OK),
        "x" * 240 + ".png": (whole_png, OK),
        "future.jxl": (b"\xff\x0a" + bytes(30), "UnsupportedImage"),
        "layers.psd": (b"8BPS\0\x01" + bytes(30), "UnsupportedImage"),
        # cut and damaged
        "soi_only.jpg": (b"\xff\xd8\xff", "CorruptImage"),
        "signature_only.png": (whole_png[:8], "CorruptImage"),
        "header_only.jpg": (jpeg[: jpeg.index(b"\xff\xda")], "CorruptImage"),
        "cut_little.jpg": (jpeg[:-200], "CorruptImage"),
        "cut_end_marker.jpg": (jpeg[:-2], "CorruptImage"),
        "cut_and_closed.jpg": (jpeg[:-300] + b"\xff\xd9", "CorruptImage"),
        "cut_progressive.jpg": (encoded("JPEG", rgb, progressive=True)[:-200], "CorruptImage"),
        "cut_cmyk.jpg": (encoded("JPEG", rgb.convert("CMYK"))[:-200], "CorruptImage"),
        "trailing_bytes.jpg": (jpeg + bytes(random.integers(0, 256, 5000, np.uint8)), OK),
        "padded_before_end.jpg": (jpeg[:-2] + b"\xff\xff\xff" + jpeg[-2:], OK),
        "endless_segments.jpg": (b"\xff\xd8" + b"\xff\xe0\0\x02" * 70_000 + jpeg[2:], "CorruptImage"),
        "fill_bytes.jpg": (b"\xff\xd8" + b"\xff" * 1_000_000, "CorruptImage"),
        "broken_exif.jpg": (encoded("JPEG", rgb, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(9)), OK),
        "nonsense_exif.jpg": (encoded("JPEG", rgb, exif=b"Exif\0\0" + b"\xa5" * 400), OK),
        "orientation_99.jpg": (encoded("JPEG", rgb, exif=exif(99)), OK),
        "cut.png": (whole_png[: len(whole_png) // 2], "CorruptImage"),
        "bad_crc.png": (png(8, 8, 8, 0, grey_rows).replace(b"IHDR", b"IHDr"), "CorruptImage"),
        "bad_zlib.png": (_patched(whole_png, whole_png.index(b"IDAT") + 8, b"\xff" * 40), "CorruptImage"),
        "no_rows.png": (png(8, 8, 8, 0, b""), "CorruptImage"),
        "zero_width.png": (png(0, 8, 8, 0, b"\0" * 8), "CorruptImage"),
        "bad_depth.png": (png(8, 8, 3, 0, grey_rows), "CorruptImage"),
        "palette_missing.png": (png(8, 8, 8, 3, grey_rows), OK),
        "huge_text.png": (png(8, 8, 8, 0, grey_rows, _text(30_000_000)), OK),
        "many_texts.png": (png(8, 8, 8, 0, grey_rows, *[_text(900_000)] * 80), OK),
        "huge_profile.png": (
            png(8, 8, 8, 0, grey_rows, png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(30_000_000)))),
            OK,
        ),
        "damaged_text.png": (
            png(8, 8, 8, 0, grey_rows, _patched(png_chunk(b"tEXt", b"k\0value"), 10, b"?")),
            OK,
        ),
        # bombs
        "bomb_header.png": (png(50_000, 50_000, 8, 2, bytes(3_000_000)), "ImageTooLarge"),
        "bomb_bilevel.png": (png(20_000, 20_000, 1, 0, bytes(2501 * 20_000)), "ImageTooLarge"),
        "bomb_widest.png": (png(2**31 - 1, 2**31 - 1, 8, 6, b"\0"), "ImageTooLarge"),
        "bomb.jpg": (with_header_size(jpeg, 65_500, 65_500), "ImageTooLarge"),
        "bomb.gif": (b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + deep_gif(1)[25:], "ImageTooLarge"),
        "bomb.bmp": (
            b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
            "ImageTooLarge",
        ),
        "bomb.webp": (
            b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0" + bytes(8),
            "ImageTooLarge",
        ),
        "bomb.tiff": (
            tiff(_TIFF_GREY | {256: (4, 1, 100_000), 257: (4, 1, 100_000)}, bytes(64)),
            "ImageTooLarge",
        ),
        "many_scans.jpg": (_many_scans(rgb), "UnsupportedImage"),
        # animations and pages
        "deep.gif": (deep_gif(30_000), OK),
        "cut_first_frame.gif": (encoded("GIF", rgb.convert("P"))[:-900], "CorruptImage"),
        "cut_second_frame.gif": (encoded("GIF", frames[0].convert("P"), **animated)[:-700], OK),
        "animated.webp": (encoded("WEBP", frames[0], **animated), OK),
        "animated.png": (encoded("PNG", frames[0], **animated), OK),
        "pages.tiff": (encoded("TIFF", frames[0], **animated), OK),
        "endless_pages.tif": (_patched(tiff(_TIFF_GREY, bytes(128)), 10 + 12 * len(_TIFF_GREY), b"\x08"), OK),
        # forms that are no plain RGB
        "cmyk.jpg": (encoded("JPEG", rgb.convert("CMYK")), OK),
        "grey.jpg": (encoded("JPEG", rgb.convert("L")), OK),
        "bilevel.png": (encoded("PNG", rgb.convert("1")), OK),
        "palette.png": (encoded("PNG", rgb.convert("P")), OK),
        "alpha.png": (encoded("PNG", rgb.convert("RGBA")), OK),
        "grey16.png": (encoded("PNG", Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)), OK),
        "one_pixel.png": (png(1, 1, 8, 0, b"\0\x80"), OK),
        "tall.png": (png(1, 5000, 8, 0, b"\0\x80" * 5000), OK),
        "float.tiff": (encoded("TIFF", Image.fromarray(np.ones((8, 8), np.float32))), "UnsupportedImage"),
        "integer32.tiff": (encoded("TIFF", Image.fromarray(np.ones((8, 8), np.int32))), "UnsupportedImage"),
        "lab.tiff": (encoded("TIFF", rgb.convert("RGB").convert("LAB")), "UnsupportedImage"),
        "raw.tiff": (tiff(_TIFF_GREY | {50706: (1, 4, 0x0401)}, bytes(64)), "UnsupportedImage"),
        "twelve_bits.jpg": (_patched(jpeg, jpeg.index(b"\xff\xc0") + 4, b"\x0c"), "UnsupportedImage"),
        "lossless.jpg": (_patched(jpeg, jpeg.index(b"\xff\xc0") + 1, b"\xc3"), "UnsupportedImage"),
        "cmyk.tif": (encoded("TIFF", rgb.convert("CMYK")), OK),
        "loop_ifd.tif": (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "CorruptImage"),
    }
    for kind, suffix in KINDS.items():
        data = encoded(kind, rgb)
        files[f"fine.{suffix}"] = (data, OK)
        files[f"third.{suffix}"] = (data[: len(data) // 3], "CorruptImage")
        noise = bytes(random.integers(0, 256, 3000, np.uint8))
        files[f"noise.{suffix}"] = (b"\x01" + noise, "NotAnImage")
        files[f"noise_after_signature.{suffix}"] = (data[:24] + noise, "CorruptImage")
    return files


KINDS = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "TIFF": "tif",
    "BMP": "bmp",
    "AVIF": "avif",
    "HEIF": "heic",
}
_TIFF_GREY = {
    256: (4, 1, 8),  # width
    257: (4, 1, 8),  # height
    258: (3, 1, 8),  # bits per sample
    259: (3, 1, 1),  # no compression
    262: (3, 1, 1),  # black is zero
    273: (4, 1, 134),  # strip offset
    277: (3, 1, 1),  # samples per pixel
    278: (4, 1, 8),  # rows per strip
    279: (4, 1, 64),  # strip bytes
}


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _text(size: int) -> bytes:
    return png_chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"a" * size))


def _many_scans(image: Image.Image) -> bytes:
    """A progressive JPEG that repeats its last scan a thousand times."""
    data = encoded("JPEG", image, progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * 1000 + data[-2:]


def build(folder: Path) -> list[Hostile]:
    """Write everything into `folder` and list it; what a platform or user cannot have is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Hostile] = []
    for name, (data, expected) in contents().items():
        path = folder / name
        path.write_bytes(data)
        files.append(Hostile(str(path), expected))
    root = os.fsencode(folder)
    for attempt in (_odd_names, _special_files, _links, _locked):
        files += attempt(root)
    sparse = folder / "sparse.png"
    with sparse.open("wb") as file:
        file.truncate((1 << 30) + 1)
    files.append(Hostile(str(sparse), "ImageTooLarge"))
    (folder / "directory.jpg").mkdir()
    files.append(Hostile(str(folder / "directory.jpg"), "UnreadableFile", in_walk=False))
    files.append(Hostile(str(folder / "missing.jpg"), "UnreadableFile", in_walk=False))
    files.append(Hostile(str(folder / ("n" * 5000 + ".jpg")), "UnreadableFile", in_walk=False))
    files.append(Hostile(f"{folder}/nul\0byte.jpg", "UnreadableFile", in_walk=False))
    return files


def _possible(make: Callable[[], object]) -> bool:
    try:
        make()
    except (OSError, AttributeError, NotImplementedError):
        return False
    return True


def _odd_names(root: bytes) -> list[Hostile]:
    data, found = encoded("PNG"), []
    for name in (b"not-utf8-\xff\xfe.png", b"latin-\xe9t\xe9.png"):
        path = os.path.join(root, name)  # noqa: PTH118
        if _possible(lambda path=path: Path(os.fsdecode(path)).write_bytes(data)):
            found.append(Hostile(os.fsdecode(path), OK))
    return found


def _special_files(root: bytes) -> list[Hostile]:
    folder, found = Path(os.fsdecode(root)), []
    pipe, unix = folder / "pipe.jpg", folder / "s.png"
    if _possible(lambda: os.mkfifo(pipe)):
        found.append(Hostile(str(pipe), "UnreadableFile"))

    def bind() -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(unix))

    if _possible(bind):
        found.append(Hostile(str(unix), "UnreadableFile"))
    if Path("/dev/zero").exists():
        found.append(Hostile("/dev/zero", "UnreadableFile", in_walk=False))
    return found


def _links(root: bytes) -> list[Hostile]:
    folder, found = Path(os.fsdecode(root)), []
    loop, dangling, good = folder / "loop.jpg", folder / "dangling.png", folder / "link.png"
    if _possible(lambda: loop.symlink_to(loop)):
        dangling.symlink_to(folder / "nowhere.png")
        good.symlink_to(folder / "fine.png")
        (folder / "loop_to_parent").symlink_to(folder, target_is_directory=True)
        found += [Hostile(str(loop), "UnreadableFile"), Hostile(str(dangling), "UnreadableFile")]
        found.append(Hostile(str(good), OK))
    return found


def _locked(root: bytes) -> list[Hostile]:
    """A file and a directory without permissions; the superuser reads them all the same."""
    folder = Path(os.fsdecode(root))
    file, directory = folder / "locked.png", folder / "locked_directory"
    file.write_bytes(encoded("PNG"))
    file.chmod(0)
    if _possible(file.read_bytes):
        return [Hostile(str(file), OK)]
    directory.mkdir()
    directory.chmod(0)
    return [Hostile(str(file), "UnreadableFile"), Hostile(str(directory), "UnreadableFile")]
