"""Formats by their first bytes, and the decoders behind `upprint.images`, which states the rules."""

from __future__ import annotations

import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from upprint.result import CorruptImage, ImageError, ImageTooLarge, UnsupportedImage

BACKGROUND = (255, 255, 255)
"""What transparent pixels are composited on."""

EXPECTED = "a JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIF picture"
PLUGINS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif.as_plugin", "HeifImageFile"),
}
# The classes are called directly: `Image.open` would need HEIF registered in Pillow's global table, and its
# own pixel limit is another global.
_EXTENSIONS = {
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "PNG": ".png .apng",
    "WebP": ".webp",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "BMP": ".bmp .dib",
    "AVIF": ".avif .avifs",
    "HEIF": ".heic .heics .heif .heifs .hif",
}
FORMAT_OF = {suffix: name for name, suffixes in _EXTENSIONS.items() for suffix in suffixes.split()}
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"v/1\x01", "OpenEXR"),
)
HEAD = 64
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_ORIENTATION = 0x0112


def sniff(head: bytes) -> str | None:
    """The format that the first bytes announce; some formats that we name but do not read are among them."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), HEAD)
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
        if brands[0] in (b"mif1", b"msf1"):
            return "AVIF" if _AVIF_BRANDS.intersection(brands) else "HEIF"
        return "AVIF" if brands[0] in _AVIF_BRANDS else "HEIF" if brands[0] in _HEIF_BRANDS else None
    return None


# --- errors and warnings -----------------------------------------------------------------------------------


def unsupported(path: str, found: str) -> UnsupportedImage:
    return UnsupportedImage(path, found, f"{EXPECTED} of 8 or 16 bits", "convert it to PNG first")


def _corrupt(path: str, kind: str, words: str) -> CorruptImage:
    found = f"a {kind} file that cannot be decoded ({words})"
    return CorruptImage(path, found, "undamaged, complete data", "fetch or copy the file again")


def _check_size(path: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageTooLarge(
            path,
            f"{width} x {height} pixels",
            f"at most {max_pixels:,}",
            "raise max_pixels if the file is trusted",
        )


def translated(error: Exception, path: str, kind: str) -> ImageError:
    """The named error for whatever a decoder raised, in the decoder's words."""
    if isinstance(error, ImageError):
        return error
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if isinstance(error, MemoryError):
        found = f"a {kind} file that needs more memory than is free ({words})"
        return ImageTooLarge(path, found, "one that fits", "free memory")
    if isinstance(error, Image.DecompressionBombError):
        expected = "a picture within Pillow's own limit"
        return ImageTooLarge(path, words, expected, "raise PIL.Image.MAX_IMAGE_PIXELS if the file is trusted")
    return _corrupt(path, kind, words)


_quiet_lock = threading.Lock()
_quiet: list[warnings.catch_warnings[None]] = []
_quiet_depth = 0


@contextmanager
def pillow_warnings_off() -> Iterator[None]:
    """Ignore what Pillow warns about (odd EXIF, sizes); what matters becomes a note or an error here.

    Counted, because threads that enter and leave `warnings.catch_warnings` in turn would leave the process
    with each other's filters.
    """
    global _quiet_depth
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet.append(warnings.catch_warnings())
            _quiet[0].__enter__()
            warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\b")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet.pop().__exit__(None, None, None)


def decode_data(data: bytes, kind: str, path: str, max_pixels: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Upright RGB pixels (H, W, 3) and notes. Any exception may come out; `translated` names it."""
    reader = _jpeg if kind == "JPEG" else _by_pillow
    return reader(data, kind, path, max_pixels)


# --- JPEG --------------------------------------------------------------------------------------------------

_NOT_FF = re.compile(rb"[^\xff]")
_SOF_DECODED = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_SOF = tuple(code for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
_MAX_SEGMENTS, _MAX_SCANS = 65_536, 500
_DAMAGE = re.compile(r"Corrupt JPEG data|Premature end")
_HARMLESS = re.compile(r"extraneous bytes before marker 0xd9")


class _JpegHeader(NamedTuple):
    frame: int
    precision: int
    height: int
    width: int
    components: int
    exif: bytes | None
    kept: tuple[bytes, ...]
    """Everything before the first scan except metadata, which Pillow would parse."""
    scan: int
    """Where the first scan starts."""


def _jpeg(data: bytes, kind: str, path: str, max_pixels: int) -> tuple[NDArray[np.uint8], list[str]]:
    header = _jpeg_header(data, path)
    if header.frame not in _SOF_DECODED or header.precision != 8 or header.components not in (1, 3, 4):
        process = f"process {header.frame - 0xC0}, {header.precision} bits, {header.components} components"
        raise unsupported(path, f"a JPEG of a rare kind ({process})")
    _check_size(path, header.width, header.height, max_pixels)
    if _scans(data, header.scan) > _MAX_SCANS:
        raise unsupported(path, f"a JPEG of more than {_MAX_SCANS} scans")
    notes: list[str] = []
    space = "CMYK" if header.components == 4 else "RGB"
    pixels: NDArray[np.uint8] | None
    try:
        pixels = simplejpeg.decode_jpeg(data, space, fastdct=False, fastupsample=False, strict=True)
    except ValueError as error:
        words = str(error)
        if _HARMLESS.search(words):
            notes.append(words)
            pixels = simplejpeg.decode_jpeg(data, space, fastdct=False, fastupsample=False, strict=False)
        elif _DAMAGE.search(words):
            raise _corrupt(path, kind, words) from error
        else:
            pixels = None  # a sampling that simplejpeg does not know
    if pixels is None or header.components == 4:  # of CMYK, simplejpeg's part is to find damage
        pixels, more = _by_pillow(b"".join([*header.kept, data[header.scan :]]), kind, path, max_pixels)
        notes += more
    orientation = _exif_orientation(header.exif, notes)
    return _turned(pixels, orientation, notes), notes


def _scans(data: bytes, start: int) -> int:
    """Passes over the picture. Compressed data never hold FFDA, which starts one, nor FFD9, the end."""
    coded = np.frombuffer(data, np.uint8, offset=start)
    codes = coded[np.flatnonzero(coded[:-1] == 0xFF) + 1]
    ends = np.flatnonzero(codes == 0xD9)
    return int(np.count_nonzero(codes[: ends[0] if len(ends) else None] == 0xDA))


def _jpeg_header(data: bytes, path: str) -> _JpegHeader:
    """Walk the segments up to the first scan, as ISO/IEC 10918-1 Annex B lays them out."""
    position, kept = 2, [data[:2]]
    frame: tuple[int, int, int, int, int] | None = None
    exif: bytes | None = None
    for _ in range(_MAX_SEGMENTS):
        start = data.find(b"\xff", position)
        code_at = _NOT_FF.search(data, start) if start >= 0 else None
        if code_at is None:
            break
        code, position = data[code_at.start()], code_at.end()
        if code in (0x00, 0x01) or 0xD0 <= code <= 0xD8:  # no payload
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if code == 0xD9 or length < 2 or position + length > len(data):
            break
        payload = data[position + 2 : position + length]
        if code in _SOF and frame is None and len(payload) >= 6:
            height, width = (int.from_bytes(payload[at : at + 2], "big") for at in (1, 3))
            frame = (code, payload[0], height, width, payload[5])
        elif code == 0xE1 and exif is None and payload[:6] == b"Exif\0\0":
            exif = payload
        position += length
        if code == 0xDA:
            if frame is None:
                break
            return _JpegHeader(*frame, exif, tuple(kept), start)
        if not 0xE1 <= code <= 0xED and code != 0xFE:
            kept.append(data[start:position])
    raise _corrupt(path, "JPEG", "the header ends early")


# --- everything else ---------------------------------------------------------------------------------------


def _by_pillow(data: bytes, kind: str, path: str, max_pixels: int) -> tuple[NDArray[np.uint8], list[str]]:
    try:
        return _with_plugin(data, kind, path, max_pixels)
    except (ImageError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        slim = _without_metadata(data, kind)
        if slim == data:
            raise
        pixels, notes = _with_plugin(slim, kind, path, max_pixels)
        return pixels, [*notes, "metadata that cannot be read was left out"]


def _with_plugin(data: bytes, kind: str, path: str, max_pixels: int) -> tuple[NDArray[np.uint8], list[str]]:
    if kind == "WebP":  # its plugin allocates the canvas on opening
        _check_size(path, *_webp_size(data), max_pixels)
    image = _plugin(data, kind)
    _check_size(path, *image.size, max_pixels)
    if kind == "TIFF":
        _check_tiff(image, path, len(data))
    frames = _frames_note(image, data, kind)
    pixels, notes = upright_rgb(image, path, max_pixels)
    return pixels, frames + notes


def _plugin(data: bytes, kind: str) -> Image.Image:
    module, name = PLUGINS[kind]
    image: Image.Image = getattr(import_module(module), name)(BytesIO(data))
    return image


def _without_metadata(data: bytes, kind: str) -> bytes:
    """The same picture without the parts whose damage or size stops Pillow though no pixel needs them."""
    if kind == "AVIF":  # hide the EXIF item from the decoder under a type that nobody reads
        return re.sub(rb"(infe.{8})Exif", rb"\1skip", data, flags=re.DOTALL)
    if kind != "PNG":
        return data
    kept, position = [data[:8]], 8
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        name, chunk = data[position + 4 : position + 8], data[position:end]
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND") or (
            name == b"eXIf" and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        ):
            kept.append(chunk)
        position = end
    return b"".join(kept)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas (RFC 9649, sections 2.5 to 2.7); (0, 0) where the header is broken."""
    chunk, head = data[12:16], data[20:30]
    if chunk == b"VP8 ":
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return width, height
    if chunk == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height
    return 0, 0


def _check_tiff(image: Image.Image, path: str, length: int) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    if 50706 in tags or tags.get(254, 0) & 1:
        raise unsupported(path, "a camera's raw file, or a TIFF whose first page is a preview")
    if tags.get(258) == (12,):
        raise unsupported(path, "a TIFF with 12-bit samples")
    # libtiff reads strips that are not there as zeros
    offsets = tags.get(273, ())
    height, rows = tags.get(257, 0), tags.get(278, 1 << 32)
    planes = tags.get(277, 1) if tags.get(284, 1) == 2 else 1
    if offsets and (rows < 1 or len(offsets) < -(-height // rows) * planes or max(offsets) >= length):
        raise _corrupt(path, "TIFF", "strips are missing")


def _frames_note(image: Image.Image, data: bytes, kind: str) -> list[str]:
    if kind == "GIF":  # counting all frames would read them; a second object keeps the first one's state
        try:
            return ["first of several frames"] if _plugin(data, kind).is_animated else []  # type: ignore[attr-defined]
        except Exception:  # what follows the first frame is broken, and not needed
            return ["first of several frames"]
    if kind == "TIFF":
        return ["first of several pages"] if image.is_animated else []  # type: ignore[attr-defined]
    frames = getattr(image, "n_frames", 1)
    if kind == "HEIF":
        return [f"primary picture of {frames}"] if frames > 1 else []
    return [f"first of {frames} frames"] if frames > 1 else []


def upright_rgb(image: Image.Image, path: str, max_pixels: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Load, convert and turn a Pillow image. TIFF turns itself while loading."""
    _check_size(path, *image.size, max_pixels)
    raw = str(getattr(image, "tile", ""))  # Pillow's name for the stored layout; gone after loading
    tags = getattr(image, "tag_v2", None)
    turned_by_loading = tags.get(_ORIENTATION, 1) if tags is not None else 1
    image.load()
    if image.width == 0 or image.height == 0:
        raise unsupported(path, "a picture without pixels")
    notes: list[str] = []
    pixels = _rgb(image, raw, path, notes)
    if turned_by_loading in range(2, 9):
        notes.append(_turned_note(turned_by_loading))
    return _turned(pixels, _exif_orientation(_exif_block(image), notes), notes), notes


_STRIP = 1 << 22
"""Pixels that are converted at a time: a large picture is never held in three forms at once."""


def _rgb(image: Image.Image, raw: str, path: str, notes: list[str]) -> NDArray[np.uint8]:
    """A loaded Pillow image as RGB; `raw` is how its samples were stored, as Pillow says it."""
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise unsupported(path, f"samples of Pillow's mode {image.mode}")
    if ";16" in raw or image.mode.startswith("I;16"):
        notes.append("16-bit samples: high byte kept")
    if image.mode == "CMYK":
        notes.append("CMYK converted without its profile")
    key = _transparent_key(image, raw)
    tags = getattr(image, "tag_v2", None)
    white_is_zero = tags is not None and tags.get(262) == 0  # Pillow inverts only up to 8 bits
    out = np.empty((image.height, image.width, 3), np.uint8)
    step, opaque = max(1, _STRIP // image.width), True
    for top in range(0, image.height, step):
        part = (
            image.crop((0, top, image.width, min(top + step, image.height))) if step < image.height else image
        )
        if part.mode.startswith("I;16"):
            part = _grey16(part, key, white_is_zero)
        alpha = None
        if part.mode in ("La", "LA", "PA", "RGBa", "RGBA") or key is not None:
            part = (part.convert("LA") if part.mode == "La" else _with_key(part, key)).convert("RGBA")
            alpha = part.getchannel("A")
        if alpha is not None and alpha.getextrema() != (255, 255):
            opaque = False
            flat = Image.new("RGB", part.size, BACKGROUND)
            flat.paste(part, mask=alpha)
            part = flat
        out[top : top + step] = np.asarray(part if part.mode == "RGB" else part.convert("RGB"))
    if not opaque:
        notes.append("alpha composited on white")
    return out


def _transparent_key(image: Image.Image, raw: str) -> object:
    """The sample value, or the alphas of a palette, that stand for transparency; None where nothing does."""
    key: object = image.info.get("transparency")
    if image.mode == "RGB" and ";16" in raw:
        return None  # three 16-bit values, which the reduced samples no longer tell apart
    if image.mode == "L" and isinstance(key, int):  # PNG gives it in the file's depth
        return min(key * (85 if "'L;2'" in raw else 17 if "'L;4'" in raw else 1), 255)
    return key


def _with_key(image: Image.Image, key: object) -> Image.Image:
    if image.info.get("transparency") == key:
        return image
    image = image.copy()
    image.info["transparency"] = key
    return image


def _grey16(image: Image.Image, key: object, white_is_zero: bool) -> Image.Image:
    values = np.asarray(image)
    alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    grey = Image.fromarray(((~values if white_is_zero else values) >> 8).astype(np.uint8))
    if alpha is not None:
        grey.putalpha(Image.fromarray(alpha))
    return grey


# --- orientation -------------------------------------------------------------------------------------------


def _exif_block(image: Image.Image) -> bytes | None:
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return block
    text = image.info.get("Raw profile type exif")  # how ImageMagick stores it in PNG
    if isinstance(text, str):
        try:
            return bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            return b"unreadable"
    return None


def _exif_orientation(block: bytes | None, notes: list[str]) -> int:
    """The orientation tag, 1..8; 1 where there is none, and a note where EXIF is there but broken."""
    if not block:
        return 1
    try:
        value = _orientation_tag(block.removeprefix(b"Exif\0\0"))
    except (struct.error, KeyError):
        notes.append("EXIF cannot be read; orientation taken as upright")
        return 1
    return value if 1 <= value <= 8 else 1


def _orientation_tag(block: bytes) -> int:
    """Tag 0x0112 of the first directory (Exif 2.3, section 4.6); 1 where it is missing."""
    order = {b"II*\0": "<", b"MM\0*": ">"}[block[:4]]
    (directory,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, directory)
    for index in range(count):
        at = directory + 2 + 12 * index
        tag, kind = struct.unpack_from(f"{order}HH", block, at)
        if tag == _ORIENTATION:
            value: int = struct.unpack_from(order + {1: "B", 3: "H", 4: "I"}[kind], block, at + 8)[0]
            return value
    return 1


def _turned_note(orientation: int) -> str:
    return f"turned upright (EXIF orientation {orientation})"


def _turned(pixels: NDArray[np.uint8], orientation: int, notes: list[str]) -> NDArray[np.uint8]:
    """Apply EXIF orientation 1..8 to (H, W, 3)."""
    if orientation == 1:
        return pixels
    notes.append(_turned_note(orientation))
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
