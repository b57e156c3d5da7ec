"""What changes values and not places."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of standard deviation `sigma` grey levels, clipped to 0..255."""
    drawn = rng.normal(0, sigma, pixels.shape)
    return np.clip(np.rint(pixels + drawn), 0, 255).astype(np.uint8)


def noise_of_variance(pixels: Pixels, variance: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise whose variance, in grey levels squared, is given."""
    return noise(pixels, math.sqrt(variance), rng)


def gamma(pixels: Pixels, exponent: float) -> Pixels:
    """255 (x / 255) ** exponent, rounded; below 1 brightens."""
    table = np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    out: Pixels = table[pixels]
    return out
