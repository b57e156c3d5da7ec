"""Alignment rules: what makes a generated twin differ from its photo in the print alone.

Same stem, same size, same JPEG history. The photo is cropped, never resized, from a corner that is a
multiple of 16, so that its own 8x8 (and 4:2:0) grid keeps its phase.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from upprint.images import decode_bytes
from upprint.result import UnsupportedImage

Pixels = NDArray[np.uint8]

JPEG_GRID = 16
FALLBACK_QUALITY = 90
_ORIENTATION = 0x0112
_LOSSLESS = ("PNG", "BMP", "TIFF")


@dataclass(frozen=True)
class History:
    """How a photo was compressed, to be repeated on its twin.

    `tables` None with `quality` None means lossless. `both` says that photo and twin are encoded
    alike once more, because the photo's own encoder cannot be repeated.
    """

    tables: tuple[tuple[int, ...], ...] | None = None
    subsampling: int = -1
    quality: int | None = None
    both: bool = False

    @property
    def text(self) -> str:
        if self.tables is not None:
            return f"photo's JPEG tables, subsampling {self.subsampling}"
        return "lossless" if self.quality is None else f"both JPEG q{self.quality} 4:2:0"


def history_of(data: bytes) -> History:
    """Read a photo's compression history from its header.

    JPEG in its stored orientation: its own quantisation tables and subsampling. PNG, BMP and TIFF:
    lossless. Any other (WebP, AVIF, HEIF, rotated JPEG): both pictures get one more JPEG pass at q90.

    Args:
        data: a file that `upprint.images` decodes; what Pillow does not know is "any other".
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format in _LOSSLESS:
                return History()
            upright = image.getexif().get(_ORIENTATION, 1) == 1
            if isinstance(image, JpegImagePlugin.JpegImageFile) and image.mode == "RGB" and upright:
                sampling = JpegImagePlugin.get_sampling(image)
                if sampling != -1 and image.quantization:
                    tables = tuple(tuple(image.quantization[k]) for k in sorted(image.quantization))
                    return History(tables, sampling)
    except UnidentifiedImageError:
        pass
    return History(quality=FALLBACK_QUALITY, subsampling=2, both=True)


def encode_like(pixels: Pixels, history: History) -> Pixels:
    """Pass `pixels` (H, W, 3) through the history's JPEG encoder and decode them again."""
    if history.tables is None and history.quality is None:
        return pixels
    buffer = io.BytesIO()
    if history.tables is not None:
        options: dict[str, object] = {"qtables": [list(t) for t in history.tables]}
    else:
        options = {"quality": history.quality}
    Image.fromarray(pixels).save(buffer, "JPEG", subsampling=history.subsampling, **options)
    return decode_bytes(buffer.getvalue()).pixels


def crop_aligned(
    pixels: Pixels, *, stride: int, longest: int | None, rng: np.random.Generator | None = None
) -> Pixels:
    """A crop whose corner is a multiple of 16 and whose sides are multiples of `stride`.

    Args:
        pixels: (H, W, 3).
        stride: of the maker.
        longest: at most this side; None for all that fits.
        rng: draws the place; without it the crop is central.
    """
    height, width = (_side(size, stride, longest) for size in pixels.shape[:2])
    shares = (0.5, 0.5) if rng is None else rng.random(2)
    top = int((pixels.shape[0] - height) * shares[0]) // JPEG_GRID * JPEG_GRID
    left = int((pixels.shape[1] - width) * shares[1]) // JPEG_GRID * JPEG_GRID
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _side(size: int, stride: int, longest: int | None) -> int:
    return min(size, longest or size) // stride * stride


def usable(pixels: Pixels, *, path: str, smallest: int) -> None:
    """Refuse photos that would leak their label.

    Raises:
        UnsupportedImage: smaller than a crop, or grey (a twin would show colour and give itself away).
    """
    height, width = pixels.shape[:2]
    if min(height, width) < smallest:
        raise UnsupportedImage(
            path, f"{width}x{height} pixels", f"at least {smallest} on each side", "leave it out"
        )
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 1], pixels[..., 2]):
        raise UnsupportedImage(
            path, "a grey picture", "colour, because its twin would have some", "leave it out"
        )
