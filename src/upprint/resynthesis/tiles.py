"""Residual maps of large pictures, tile by tile, equal to those of the whole picture.

Each tile is computed with a margin that is cut away. As wide as the networks' reach, it makes every value the
one of a single run, the picture's borders included; a narrower one saves time and changes the values beside
the seams. Memory depends on the tile, not on the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from upprint.nets.perceptual import SmallPerceptual
from upprint.nets.rdn import RDN
from upprint.nets.vgg import Vgg19
from upprint.ops.extend import extend
from upprint.result import ConfigError
from upprint.systems.resynthesis import SCALE, Residuals


@dataclass(frozen=True)
class Window:
    """A tile's rows or columns: what is kept, and what is computed around it, in pixels."""

    first: int
    last: int
    low: int
    high: int


def reach(f: Residuals, stage: int) -> int:
    """Pixels beyond which an input pixel has no influence on a branch's map."""
    pixels = SCALE + SCALE * max(cast(RDN, phi).reach for phi in f.phi)
    if stage:
        pixels += cast(Vgg19 | SmallPerceptual, f.theta).reach[stage - 1]
    return pixels


def residual_map(
    f: Residuals, image: Tensor, *, branch: int = 0, tile: int = 512, margin: int | None = None
) -> Tensor:
    """One branch's map of one picture.

    Args:
        f: the representation; `branch` counts its branches from 0.
        image: (3, H, W) in [0, 255], any device; tiles go to the device of f.
        branch: which map.
        tile: side of what is kept of a tile, a multiple of 16.
        margin: pixels computed around it; None takes all that matter.

    Returns:
        float32 (C, h, w) on the device of `image`, the shape of f's own map.

    Raises:
        ConfigError: another tile or margin.
    """
    if tile < 16 or tile % 16:
        raise ConfigError(f"residual tiles of {tile} pixels: expected a multiple of 16, at least 16")
    stage = f.stages[branch]
    wide = reach(f, stage) if margin is None else margin
    if wide < 0:
        raise ConfigError(f"margin of {margin} pixels: expected at least 0")
    wide = -(-wide // 16) * 16
    device = next(f.parameters()).device
    whole = extend(image[None], SCALE, f.least)
    height, width = whole.shape[-2:]
    stride = 2 ** max(0, stage - 1)
    out: Tensor | None = None
    phi = cast(RDN, f.phi[branch if len(f.phi) > 1 else 0])
    alone = Residuals([phi], f.theta, [stage])
    with torch.no_grad():
        for rows in _windows(height, tile, wide):
            for columns in _windows(width, tile, wide):
                part = whole[..., rows.low : rows.high, columns.low : columns.high].to(device)
                found = alone(part)
                kept = found[
                    0,
                    :,
                    (rows.first - rows.low) // stride : (rows.last - rows.low) // stride,
                    (columns.first - columns.low) // stride : (columns.last - columns.low) // stride,
                ]
                if out is None:
                    shape = (len(kept), height // stride, width // stride)
                    out = torch.empty(shape, dtype=kept.dtype, device=image.device)
                top, left = rows.first // stride, columns.first // stride
                out[:, top : top + kept.shape[1], left : left + kept.shape[2]] = kept.to(image.device)
    if out is None:
        raise ConfigError(f"a picture of shape {tuple(image.shape)}: expected (3, H, W), not empty")
    return out if stage else out[:, : image.shape[-2], : image.shape[-1]]


def _windows(size: int, tile: int, margin: int) -> Iterator[Window]:
    for first in range(0, size, tile):
        last = min(first + tile, size)
        yield Window(first, last, max(0, first - margin), min(size, last + margin))
