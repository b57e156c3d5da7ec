"""NPR heat maps: signed differences in grey levels, per colour channel, and how they are shown.

Explaining needs no torch, so NPR (Tan et al., CVPR 2024, Eq. 4) stands here once more in NumPy; a test
holds it equal to `upprint.ops.npr`.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from upprint.ops.anchor import Anchor, check_block_anchor
from upprint.result import ConfigError

Pixels = NDArray[np.uint8]
Values = NDArray[Any]

PERCENTILE = 95.0
"""The scale ends here, so that the few grey levels that matter are seen: edges, one pixel in twenty, lie
beyond it and take the end colours."""


def parse_anchor(text: str) -> Anchor:
    """An anchor as written on a command line: "mean", "max" or an index.

    Raises:
        ConfigError: neither.
    """
    if text in ("mean", "max"):
        return cast(Anchor, text)
    if text.isascii() and text.isdigit():
        return int(text)
    raise ConfigError(f"NPR anchor {text!r}: expected 'mean', 'max' or an index from 1 to block²")


def npr(pixels: Pixels, block: int = 2, anchor: Anchor = 1) -> Values:
    """Every pixel minus the anchor of its own block; partial blocks as in `upprint.ops.npr`.

    Args:
        pixels: uint8 (H, W, C).
        block: l, at least 2.
        anchor: j in 1..l² (row-major), or "mean", or "max".

    Returns:
        (H, W, C) in grey levels; int16 for an index or "max", float32 for "mean".

    Raises:
        ConfigError: block or anchor outside these ranges.
    """
    check_block_anchor(block, anchor)
    x = pixels.astype(np.int16)
    height, width = x.shape[:2]
    if isinstance(anchor, int):
        down, right = divmod(anchor - 1, block)
        rows, columns = (
            np.minimum(np.arange(n) // block * block + shift, n - 1)
            for n, shift in ((height, down), (width, right))
        )
        relations: Values = x - x[rows][:, columns]
        return relations
    rows, columns = np.arange(0, height, block), np.arange(0, width, block)
    if anchor == "max":
        pooled = np.maximum.reduceat(np.maximum.reduceat(x, rows, axis=0), columns, axis=1)
    else:
        total = np.add.reduceat(np.add.reduceat(x.astype(np.float32), rows, axis=0), columns, axis=1)
        inside = np.outer(np.minimum(block, height - rows), np.minimum(block, width - columns))
        pooled = total / inside[..., None].astype(np.float32)
    return x - pooled.repeat(block, axis=0)[:height].repeat(block, axis=1)[:, :width]


def differential(
    first: Pixels, second: Pixels, block: int = 2, anchor: Anchor = 1, *, absolute: bool = False
) -> Values:
    """NPR of the first picture minus NPR of the second (the paper's Fig. 1), pixel by pixel.

    Args:
        first: uint8 (H, W, C).
        second: uint8 of the same shape: the same scene, for instance a photo and its reconstruction.
        block: as in `npr`.
        anchor: as in `npr`.
        absolute: give magnitudes instead of signed values.

    Returns:
        (H, W, C) in grey levels.

    Raises:
        ConfigError: the pictures differ in size, or block or anchor is out of range.
    """
    check_same_size(first, second)
    difference: Values = npr(first, block, anchor) - npr(second, block, anchor)
    return np.abs(difference) if absolute else difference


def check_same_size(first: Pixels, second: Pixels) -> None:
    """Raise `ConfigError` unless both pictures have the same height and width."""
    if first.shape != second.shape:
        sizes = " and ".join(f"{p.shape[1]}x{p.shape[0]}" for p in (first, second))
        raise ConfigError(
            f"differential NPR of pictures of {sizes} pixels: expected the same size, because it "
            "compares pixel by pixel; crop both to the same region (resizing would destroy the relations)"
        )


def scale_limit(*maps: Values, percentile: float = PERCENTILE, least: float = 1.0) -> float:
    """One symmetric colour limit for several maps: a percentile of all their magnitudes, at least `least`.

    Maps that are to be compared need the same limit; a percentile keeps a few edges from setting it.
    """
    magnitudes = np.concatenate([np.abs(values).ravel() for values in maps])
    return max(float(np.percentile(magnitudes, percentile)), least)


def reduction(height: int, width: int, longest: int) -> int:
    """The whole number by which a picture is reduced so that its longer side is at most `longest`."""
    return max(1, math.ceil(max(height, width) / longest))


def pool_extreme(values: Values, factor: int) -> Values:
    """Reduce a map by keeping, of every factor x factor square, the value of largest magnitude, signed.

    Averaging or interpolating would cancel the neighbouring signs that NPR maps consist of. Of values
    equal in magnitude the positive one is kept.

    Args:
        values: (H, W, ...).
        factor: at least 1; the last squares may be partial.

    Returns:
        (ceil(H / factor), ceil(W / factor), ...), same dtype.
    """
    if factor == 1:
        return values
    rows, columns = (np.arange(0, n, factor) for n in values.shape[:2])
    high = np.maximum.reduceat(np.maximum.reduceat(values, rows, axis=0), columns, axis=1)
    low = np.minimum.reduceat(np.minimum.reduceat(values, rows, axis=0), columns, axis=1)
    return np.where(high >= -low, high, low)
