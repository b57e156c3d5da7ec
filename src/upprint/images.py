"""What counts as an image, and how it becomes an RGB uint8 array. The one rule, for every part of upprint.

Formats: JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIF, known by their first bytes and never by their name.
A file is read once; its SHA-256 is that of its bytes.

- **Orientation**: the EXIF tag is applied (AVIF and HEIF: the container's rotation, which overrides EXIF).
  EXIF that cannot be read is left out and noted.
- **Colour**: values are taken as stored, without colour management, because the print lives in them; ICC
  profiles are not applied. Grey is repeated three times, palettes are looked up, CMYK goes through Pillow's
  plain formula.
- **Depth**: of 16-bit samples the high byte is kept; AVIF and HEIF decoders reduce theirs themselves. Float,
  signed, 12-bit and 32-bit samples have no stated range: `UnsupportedImage`.
- **Alpha** is composited on white.
- **Several frames or pages**: the first; HEIF: the primary picture.
- **Damage**: a file that ends early or whose compressed data are broken is `CorruptImage`, never half a
  picture; damaged metadata are left out and noted.
- **Size**: more than `max_pixels` in the header, or more than `MAX_FILE_BYTES` on disk, is `ImageTooLarge`
  before anything is decoded.

JPEGs of one and three components go through simplejpeg, which gives Pillow's pixels several times faster.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint._decoders import (
    EXPECTED,
    FORMAT_OF,
    HEAD,
    PLUGINS,
    decode_data,
    pillow_warnings_off,
    sniff,
    translated,
    unsupported,
    upright_rgb,
)
from upprint.result import (
    EmptyFile,
    ImageTooLarge,
    NotAnImage,
    UnreadableFile,
    UnsupportedImage,
)

DEFAULT_MAX_PIXELS = 200_000_000
"""Width times height that is decoded at most: the largest phone pictures pass, decompression bombs do not."""
MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A picture as every detector sees it.

    `pixels` is uint8 (H, W, 3), RGB, C-contiguous, upright; `width` and `height` are its own; `format` is
    what was found inside the file; `sha256` is that of the file's bytes, "" where there was no file; `notes`
    say what the decoder did that a reader should know; `data` are the file's bytes, for what else they tell,
    empty where there was no file.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    sha256: str
    notes: tuple[str, ...]
    data: bytes = b""


def decode(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> DecodedImage:
    """Read and decode one file.

    Raises:
        ImageError: the subclass says why: UnreadableFile, EmptyFile, NotAnImage, UnsupportedImage,
            CorruptImage, ImageTooLarge. Nothing else is raised for any content of any file.
    """
    name = os.fsdecode(path)
    return decode_bytes(_read(name), path=name, max_pixels=max_pixels)


def decode_bytes(data: bytes, *, path: str = "<bytes>", max_pixels: int = DEFAULT_MAX_PIXELS) -> DecodedImage:
    """Decode a file that is already in memory; `path` is for messages and to note a misleading extension."""
    if not data:
        raise EmptyFile(path, "zero bytes", EXPECTED, "fetch or copy the file again")
    kind = sniff(data)
    if kind is None:
        found = f"no known image format (the file starts with {data[:8].hex(' ')})"
        raise NotAnImage(path, found, EXPECTED, "leave the file out")
    if kind not in PLUGINS:
        raise unsupported(path, f"a {kind} file")
    notes = []
    named = FORMAT_OF.get(PurePath(path).suffix.lower())
    if named not in (None, kind):
        notes.append(f"named {PurePath(path).suffix} but holds {kind}")
    try:
        with pillow_warnings_off():
            pixels, more = decode_data(data, kind, path, max_pixels)
    except Exception as error:  # decoders raise nearly everything, from SyntaxError to zlib.error
        raise translated(error, path, kind) from error
    notes += more
    height, width = pixels.shape[:2]
    return DecodedImage(pixels, width, height, kind, hashlib.sha256(data).hexdigest(), tuple(notes), data)


def as_pixels(
    image: str | os.PathLike[str] | bytes | NDArray[np.uint8] | Image.Image,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> DecodedImage:
    """Take a picture in any of its usual shapes: a path, a file's bytes, an array, a Pillow image.

    An array must be uint8 and (H, W, 3) RGB or (H, W) grey; it is shared, not copied, where its layout
    allows. A Pillow image is turned by the EXIF that it carries and shown at its current frame.

    Raises:
        ImageError: as `decode`; UnsupportedImage for another array and for what is no picture at all.
    """
    if isinstance(image, bytes):
        return decode_bytes(image, max_pixels=max_pixels)
    if isinstance(image, np.ndarray):
        pixels = _from_array(image)
        return DecodedImage(pixels, pixels.shape[1], pixels.shape[0], "array", "", ())
    if isinstance(image, Image.Image):
        kind, name = image.format or "Pillow image", str(getattr(image, "filename", "")) or "<Pillow image>"
        try:
            with pillow_warnings_off():
                pixels, notes = upright_rgb(image, name, max_pixels)
        except Exception as error:
            raise translated(error, name, kind) from error
        return DecodedImage(pixels, pixels.shape[1], pixels.shape[0], kind, "", tuple(notes))
    if isinstance(image, str | os.PathLike):
        return decode(image, max_pixels=max_pixels)
    raise UnsupportedImage(
        "<object>", f"a {type(image).__name__}", "a path, bytes, uint8 array or Pillow image", "convert it"
    )


def find_images(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Yield the pictures under `paths`, each once, in an order that depends on names only.

    A path that is named is always yielded, even when it is missing or no image, so that it becomes a row. A
    directory is walked: first its files, then its subdirectories, each sorted by name. In it a file counts if
    its extension is one of a known format, in any case, or its first bytes are; so does a file that cannot
    be opened, and a directory that cannot be listed is yielded itself. Hidden files count like others.
    Symbolic links to files are followed, those to directories only when named. A path named twice, or named
    and met in a walk, comes once, where it is first named; links count as other paths.

    Only the named paths and one directory's names (plus those of pending directories) are held at a time.
    """
    named: dict[str, str] = {}
    for name in map(os.fsdecode, paths):
        named.setdefault(_key(name), name)
    for name in named.values():
        if _is_directory(name):
            yield from _walk(name, skip=named.keys() if len(named) > 1 else ())
        else:
            yield name


def _from_array(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey, colour = array.ndim == 2, array.ndim == 3 and array.shape[-1] == 3
    if array.dtype != np.uint8 or not (grey or colour) or array.size == 0:
        raise UnsupportedImage(
            "<array>",
            f"{array.dtype} of shape {array.shape}",
            "uint8 of shape (H, W, 3), RGB, or (H, W), grey, not empty",
            "convert it, e.g. (255 * x).round().astype('uint8') for values in [0, 1]",
        )
    return np.ascontiguousarray(np.repeat(array[..., None], 3, axis=-1) if grey else array)


# --- finding -----------------------------------------------------------------------------------------------


def _key(name: str) -> str:
    """One spelling for `a`, `./a` and `a/`; `..` stays, since symbolic links give it a meaning."""
    return str(Path(name)) if name else name


def _is_directory(name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name).st_mode)  # noqa: PTH116 (keeps undecodable names as they are)
    except (OSError, ValueError):
        return False


def _walk(top: str, skip: Collection[str]) -> Iterator[str]:
    pending = [top]
    while pending:
        directory = pending.pop()
        files: list[os.DirEntry[str]] = []
        below: list[str] = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if skip and _key(entry.path) in skip:
                        continue
                    if not _is_directory_entry(entry):
                        files.append(entry)
                    elif not entry.is_symlink():
                        below.append(entry.path)
        except OSError:
            yield directory  # decoding it says why it cannot be listed
        files.sort(key=lambda entry: entry.name)
        yield from (entry.path for entry in files if _counts(entry))
        pending += sorted(below, reverse=True)


def _is_directory_entry(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a loop of symbolic links: it becomes a row


def _counts(entry: os.DirEntry[str]) -> bool:
    if PurePath(entry.name).suffix.lower() in FORMAT_OF:
        return True
    try:
        if not entry.is_file():
            return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110
        with open(entry.path, "rb", opener=_open_without_blocking) as file:
            return sniff(file.read(HEAD)) is not None
    except OSError:
        return True


# --- reading -----------------------------------------------------------------------------------------------


def _open_without_blocking(name: str, flags: int) -> int:
    """A pipe that takes the file's place between check and opening must not stop the run."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _read(name: str) -> bytes:
    try:
        found = _not_regular(name, os.stat(name).st_mode)  # noqa: PTH116
        if found is None:
            with open(name, "rb", opener=_open_without_blocking) as file:
                status = os.fstat(file.fileno())
                found = _not_regular(name, status.st_mode)
                if found is None:
                    return _read_open(file, status.st_size, name)
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror or error})"
    except ValueError as error:
        found = f"an impossible path ({error})"
    raise UnreadableFile(name, found, "a readable file", "check the path and its permissions")


def _read_open(file: BinaryIO, size: int, name: str) -> bytes:
    expected = f"at most {MAX_FILE_BYTES:,} bytes and less than the free memory"
    remedy = "re-save the picture with compression"
    if size > MAX_FILE_BYTES:
        raise ImageTooLarge(name, f"a file of {size:,} bytes", expected, remedy)
    try:
        data = file.read(size + 1)
    except MemoryError:
        raise ImageTooLarge(name, f"a file of {size:,} bytes", expected, remedy) from None
    if len(data) > size:
        raise UnreadableFile(
            name, "a file that grows while it is read", "a finished file", "scan it again later"
        )
    return data


def _not_regular(name: str, mode: int) -> str | None:
    """What stands at `name` if it is no ordinary file."""
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        try:
            os.scandir(name).close()
        except OSError as error:
            return f"a directory that cannot be listed ({error.strerror})"
        return "a directory"
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
