"""Two colour maps built in Oklab, and how values become colours.

Both start near white at zero and darken evenly as the magnitude grows, so that lightness alone, seen
without colour, orders the magnitudes. `diverging` goes to blue below zero and to red above, a pair that
stays apart for readers who do not tell red from green; `sequential` goes through green to violet.

Oklab: B. Ottosson, "A perceptual color space for image processing" (2020), formulas in the public domain.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from upprint.result import ConfigError

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
ColourMap = Literal["diverging", "sequential"]

SIZE = 255
"""Entries of a map: odd, so that the middle of the diverging one is exactly zero."""

_LIGHT, _DARK_DIVERGING, _DARK_SEQUENTIAL = 0.97, 0.40, 0.25

# (position 0..1, chroma, hue in degrees) in Oklab, joined by straight lines; lightness is linear.
_BELOW = ((0.0, 0.0, 260.0), (0.5, 0.150, 260.0), (1.0, 0.155, 260.0))
_ABOVE = ((0.0, 0.0, 27.0), (0.5, 0.150, 27.0), (1.0, 0.155, 27.0))
_RISING = ((0.0, 0.02, 100.0), (0.3, 0.11, 145.0), (0.6, 0.09, 215.0), (1.0, 0.11, 290.0))

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def to_oklab(rgb: Bytes | Floats) -> Floats:
    """sRGB values in 0..255, (..., 3), to Oklab (lightness 0..1, a, b)."""
    encoded = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T)


def from_oklab(lab: Floats) -> Floats:
    """Oklab (..., 3) to sRGB in 0..255, not rounded; outside that range where sRGB has no such colour."""
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    size = np.abs(linear)
    encoded = np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.asarray(np.copysign(encoded, linear) * 255)


@lru_cache
def table(cmap: ColourMap) -> Bytes:
    """The map's 255 colours, uint8 (255, 3) RGB, from the lowest value to the highest.

    Raises:
        ConfigError: no such map.
    """
    if cmap == "diverging":
        half = SIZE // 2 + 1
        below = _ramp(_BELOW, half, _DARK_DIVERGING)
        lab = np.concatenate([below[:0:-1], _ramp(_ABOVE, half, _DARK_DIVERGING)])
    elif cmap == "sequential":
        lab = _ramp(_RISING, SIZE, _DARK_SEQUENTIAL)
    else:
        raise ConfigError(f"colour map {cmap!r}: expected 'diverging' or 'sequential'")
    colours = np.rint(from_oklab(lab)).clip(0, 255).astype(np.uint8)
    colours.flags.writeable = False
    return colours


def _ramp(stops: tuple[tuple[float, float, float], ...], size: int, dark: float) -> Floats:
    """Oklab colours (size, 3) along the stops, lightness falling evenly from near white to `dark`."""
    position, chroma, hue = np.array(stops).T
    at = np.linspace(0, 1, size)
    a = np.interp(at, position, chroma * np.cos(np.deg2rad(hue)))
    b = np.interp(at, position, chroma * np.sin(np.deg2rad(hue)))
    return np.stack([_LIGHT + (dark - _LIGHT) * at, a, b], axis=-1)


def apply(values: NDArray[Any], cmap: ColourMap, vmin: float, vmax: float) -> Bytes:
    """Colour every value; those outside [vmin, vmax] take the end colours.

    Args:
        values: (...), any real dtype, finite.
        cmap: "diverging" or "sequential".
        vmin: value of the first colour. For "diverging" give -vmax, so that zero is the middle.
        vmax: value of the last colour.

    Returns:
        uint8 (..., 3), RGB.

    Raises:
        ConfigError: vmin is not below vmax, or no such map.
    """
    if not vmin < vmax:
        raise ConfigError(f"colour scale from {vmin} to {vmax}: expected the first below the second")
    scaled = np.subtract(values, vmin, dtype=np.float32) * np.float32((SIZE - 1) / (vmax - vmin))
    index = np.rint(scaled).clip(0, SIZE - 1).astype(np.uint8)
    return np.asarray(table(cmap)[index])


def nice_limit(limit: float) -> float:
    """The next round number (1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten) not below a positive limit."""
    power = 10.0 ** np.floor(np.log10(limit))
    for step in (1, 1.5, 2, 3, 4, 5, 6, 8):
        if limit <= step * power * (1 + 1e-9):
            return float(step * power)
    return float(10 * power)
