"""What changes a picture's size or frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
KERNELS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
"""Pillow's filters; all but "nearest" are widened when a picture shrinks, which is anti-aliasing."""


def resize(pixels: Pixels, factor: float, kernel: str = "bicubic") -> Pixels:
    """Both sides times `factor`, at least one pixel."""
    height, width = pixels.shape[:2]
    return _to(pixels, max(1, round(height * factor)), max(1, round(width * factor)), kernel)


def fit(pixels: Pixels, side: float, kernel: str = "bicubic") -> Pixels:
    """Shrink until no side is longer than `side`, aspect kept; a picture that fits is left alone."""
    longer = max(pixels.shape[:2])
    return pixels if longer <= round(side) else resize(pixels, round(side) / longer, kernel)


def crop(pixels: Pixels, side: float) -> Pixels:
    """The central crop of at most `side` pixels each way, its corner on the 8x8 JPEG grid."""
    limit = round(side)
    top, left = (max(0, size - limit) // 2 // 8 * 8 for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + limit, left : left + limit])


def zoom(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """Cut `percent` of each side off, at a place that is drawn, and enlarge the rest to the old size.

    The crop of the "+P" protocols; bicubic, which no paper states.
    """
    height, width = pixels.shape[:2]
    rows, columns = (max(1, round(side * (1 - percent / 100))) for side in (height, width))
    down, right = rng.random(2)
    top, left = int(down * (height - rows + 1)), int(right * (width - columns + 1))
    kept = np.ascontiguousarray(pixels[top : top + rows, left : left + columns])
    return _to(kept, height, width, "bicubic")


def through(pixels: Pixels, side: float, kernel: str = "bilinear") -> Pixels:
    """Reduce (or enlarge) to `side` x `side` without regard to aspect, then back to the old size.

    The training augmentation of GramNet (CVPR 2020), there with 64 to 256 and without anti-aliasing.
    """
    height, width = pixels.shape[:2]
    return _to(_to(pixels, round(side), round(side), kernel), height, width, kernel)


def _to(pixels: Pixels, height: int, width: int, kernel: str) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((width, height), KERNELS[kernel]))
