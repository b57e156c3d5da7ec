"""Lossy saves."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.images import decode_bytes

Pixels = NDArray[np.uint8]
SUBSAMPLING = {444: 0, 422: 1, 420: 2}


def jpeg(pixels: Pixels, quality: float, subsampling: float | str = 420) -> Pixels:
    """One JPEG save at an IJG quality 1..100, subsampling 444, 422 or 420."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=round(quality), subsampling=SUBSAMPLING[int(subsampling)]
    )
    return decode_bytes(buffer.getvalue()).pixels


def webp(pixels: Pixels, quality: float) -> Pixels:
    """One lossy WebP save at quality 1..100."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=round(quality))
    return decode_bytes(buffer.getvalue()).pixels
