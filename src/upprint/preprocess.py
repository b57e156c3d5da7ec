"""From a decoded picture to the network's input, as the card's `InputRule` says. Nothing is ever enlarged.

Phase matters: up-sampling and JPEG leave their print on fixed grids that start at the top-left corner, so
tile origins and repetition periods are multiples of `rule.grid`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from upprint.card import InputRule
from upprint.result import ConfigError, UnsupportedImage


def tile_origins(height: int, width: int, rule: InputRule, budget: int | None) -> list[tuple[int, int]]:
    """Top-left corners (row, column) of the tiles to score, row by row.

    All tiles (`budget` None): on each axis the fewest that cover it, spread evenly from 0 to the last
    multiple of `rule.grid` at which a tile fits, so that at most `rule.grid` - 1 pixels stay unseen at the
    right and bottom border. With a budget that is too small for that: of the r x c lattices with
    r * c <= budget, the one whose longer cell side max(height / r, width / c) is smallest, then the one with
    most tiles, spread in the same way; an axis with a single tile has it in the middle. A side shorter than
    a tile counts as one tile, because `tiles` repeats it.

    Raises:
        ConfigError: a side, the budget or the rule is not positive, or the grid is wider than the tile.
    """
    _check_rule(rule)
    if height < 1 or width < 1:
        raise ConfigError(f"a picture of {width} x {height} pixels: expected at least 1 x 1")
    if budget is not None and budget < 1:
        raise ConfigError(f"tile budget {budget}: expected at least 1, or None for all tiles")
    last_row, last_column = (max(side - rule.tile, 0) // rule.grid for side in (height, width))
    reach = rule.tile // rule.grid
    rows, columns = (-(-last // reach) + 1 for last in (last_row, last_column))
    if budget is not None and rows * columns > budget:
        rows, columns = _lattice(height, width, rows, columns, budget)
    return [
        (row * rule.grid, column * rule.grid)
        for row in _spread(last_row, rows)
        for column in _spread(last_column, columns)
    ]


def _lattice(height: int, width: int, rows: int, columns: int, budget: int) -> tuple[int, int]:
    choices = ((r, min(columns, budget // r)) for r in range(1, min(rows, budget) + 1))
    return min(choices, key=lambda rc: (max(height / rc[0], width / rc[1]), -rc[0] * rc[1]))


def _spread(last: int, count: int) -> list[int]:
    """`count` integers from 0 to `last`, evenly; neighbours differ by at most ceil(last / (count - 1))."""
    if count == 1:
        return [last // 2]
    return [index * last // (count - 1) for index in range(count)]


def repeat_to(pixels: NDArray[np.uint8], side: int, *, grid: int = InputRule.grid) -> NDArray[np.uint8]:
    """Repeat a picture (H, W, 3) until no side is shorter than `side`; longer sides are left alone.

    A short axis becomes exactly `side` long and starts at the picture's own origin. Its period is its length
    cut to a multiple of `grid`, or of 2 where it is shorter than `grid`, so that the second copy continues
    the first one's phase; up to `grid` - 1 border pixels are lost by that. `grid=1` repeats all of it.
    """
    _check_pixels(pixels)
    if side < 1 or grid < 1:
        raise ConfigError(f"repetition to {side} pixels on a grid of {grid}: expected at least 1 for both")
    for axis in (0, 1):
        length = pixels.shape[axis]
        if length < side:
            step = grid if length >= grid else min(2, length)
            pixels = pixels.take(np.arange(side) % (length - length % step), axis=axis)
    return pixels


def tiles(pixels: NDArray[np.uint8], rule: InputRule, budget: int | None) -> NDArray[np.uint8]:
    """The tiles of a picture, uint8 (n, tile, tile, 3), in the order of `tile_origins`."""
    _check_pixels(pixels)
    origins = tile_origins(pixels.shape[0], pixels.shape[1], rule, budget)
    pixels = repeat_to(pixels, rule.tile, grid=rule.grid)
    out = np.empty((len(origins), rule.tile, rule.tile, 3), np.uint8)
    for tile, (row, column) in zip(out, origins, strict=True):
        tile[...] = pixels[row : row + rule.tile, column : column + rule.tile]
    return out


def pool(logits: Sequence[float] | ArrayLike, rule: InputRule) -> float:
    """The picture's logit from those of its tiles (n,), in double precision."""
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ConfigError(f"logits of shape {values.shape} to pool: expected one per tile, at least one")
    if rule.pooling == "mean":
        return float(values.mean())
    if rule.pooling == "max":
        return float(values.max())
    if rule.pooling == "median":
        return float(np.median(values))
    raise ConfigError(f"pooling {rule.pooling!r}: expected 'mean', 'max' or 'median'")


def resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize to (height, width) by Pillow's antialiased bilinear filter, aspect ratio not kept.

    For the published protocols that resize. It destroys the print; no system of ours uses it.
    """
    _check_pixels(pixels)
    height, width = size
    if height < 1 or width < 1:
        raise ConfigError(f"resize to {size}: expected (height, width), each at least 1")
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def center_crop(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The central side x side pixels; half pixels round to even, as torchvision's CenterCrop does.

    Raises:
        ConfigError: the picture is smaller; `repeat_to` first, or `resize` where the protocol does.
    """
    _check_pixels(pixels)
    height, width = pixels.shape[:2]
    if not 1 <= side <= min(height, width):
        raise ConfigError(
            f"centre crop of {side} pixels from {width} x {height}: expected 1..{min(height, width)}; "
            "repeat the picture first (repeat_to)"
        )
    top, left = round((height - side) / 2), round((width - side) / 2)
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drop the last row and column where their number is odd, as the authors' evaluation does. A view."""
    _check_pixels(pixels)
    height, width = pixels.shape[:2]
    if min(height, width) < 2:
        raise UnsupportedImage("<array>", f"{width} x {height} pixels", "at least 2 x 2", "leave it out")
    return pixels[: height // 2 * 2, : width // 2 * 2]


def _check_rule(rule: InputRule) -> None:
    if not 1 <= rule.grid <= rule.tile:
        raise ConfigError(
            f"input rule with tile {rule.tile} and grid {rule.grid}: expected 1 <= grid <= tile"
        )


def _check_pixels(pixels: NDArray[np.uint8]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise UnsupportedImage(
            "<array>",
            f"{pixels.dtype} of shape {pixels.shape}",
            "uint8 of shape (H, W, 3), not empty",
            "pass the picture through upprint.images.as_pixels",
        )
