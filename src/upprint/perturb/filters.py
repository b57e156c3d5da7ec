"""What smooths or sharpens. Borders are mirrored with the edge repeated (d c b a | a b c d)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from upprint.perturb.geometry import resize

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

TRUNCATE = 4.0
"""A Gaussian ends at this many standard deviations, as in SciPy."""


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of standard deviation `sigma` pixels, per channel."""
    return _bytes(_smooth(pixels.astype(np.float32), _gaussian(sigma, int(TRUNCATE * sigma + 0.5))))


def kernel(pixels: Pixels, size: float) -> Pixels:
    """Gaussian blur by a kernel of odd `size`, sigma 0.3 ((size - 1) / 2 - 1) + 0.8 as OpenCV sets it.

    Sigma is 0.8, 1.1, 1.4, 1.7 for 3, 5, 7, 9; a kernel of 1 changes nothing.
    """
    radius = round(size) // 2
    return _bytes(_smooth(pixels.astype(np.float32), _gaussian(0.3 * (radius - 1) + 0.8, radius)))


def median(pixels: Pixels, size: float) -> Pixels:
    """Median over a square of odd `size`, per channel; beyond the border the edge is repeated."""
    if round(size) == 1:
        return pixels
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(round(size))))


def sharpen(pixels: Pixels, amount: float, sigma: float = 1.0) -> Pixels:
    """Unsharp masking: x + amount (x - blurred x), the blur Gaussian of `sigma` pixels."""
    exact = pixels.astype(np.float32)
    smooth = _smooth(exact, _gaussian(sigma, int(TRUNCATE * sigma + 0.5)))
    return _bytes(exact + np.float32(amount) * (exact - smooth))


def screenshot(pixels: Pixels, factor: float, amount: float = 0.5) -> Pixels:
    """A picture as shown on a screen and captured: resampled bilinearly, sharpened, saved without loss.

    The PNG at the end changes no pixel, so none is written. Sharpening is `sharpen(amount, 0.7)`.
    """
    return sharpen(resize(pixels, factor, "bilinear"), amount, 0.7)


def _gaussian(sigma: float, radius: int) -> Floats:
    """One-sided weights (radius + 1,), the centre first; the whole kernel sums to 1."""
    if radius == 0:
        return np.ones(1, np.float32)
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(radius + 1)]
    total = 2 * sum(weights) - weights[0]
    return np.array([w / total for w in weights], np.float32)


def _smooth(image: Floats, weights: Floats) -> Floats:
    radius = len(weights) - 1
    if radius == 0:
        return image
    for axis in (0, 1):
        width = [(radius, radius) if a == axis else (0, 0) for a in range(image.ndim)]
        padded = np.moveaxis(np.pad(image, width, mode="symmetric"), axis, 0)
        length = image.shape[axis]
        out = weights[0] * padded[radius : radius + length]
        for k in range(1, radius + 1):
            pair = padded[radius - k : radius - k + length] + padded[radius + k : radius + k + length]
            pair *= weights[k]
            out += pair
        image = np.moveaxis(out, 0, axis)
    return image


def _bytes(image: Floats) -> Pixels:
    rounded: Pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(rounded)
