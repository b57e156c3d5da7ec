"""All four phases of every 2x2 block at once: what NPR takes from one anchor, without choosing one.

Exact on integers: every value is a sum of at most 45 pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHANNELS = 15
"""12 of differences within a block, 3 of differences between blocks."""


def phases(images: Tensor) -> Tensor:
    """Differences within 2x2 blocks, and of the blocks from their neighbourhood.

    Args:
        images: (N, H, W, 3); an odd last row or column is left out. Integer dtypes are computed in int32.

    Returns:
        (N, H // 2, W // 2, 15). Channels 3k .. 3k+2 hold 4 x_k - (x_1 + x_2 + x_3 + x_4) in RGB for the
        block's pixels k = 0 .. 3 in reading order: four times the difference from the block's mean, which
        holds every NPR anchor's differences; channels 12 .. 14 hold 9 s - (sum of s over 3x3 blocks), s being
        the block's sum, with the border repeated: 36 times a difference of means.
    """
    count, height, width, channels = images.shape
    x = images if images.is_floating_point() else images.to(torch.int32)
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    blocks = x.reshape(count, height // 2, 2, width // 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
    blocks = blocks.reshape(count, height // 2, width // 2, 4, channels)
    summed = blocks.sum(3, dtype=x.dtype)
    within = 4 * blocks - summed[:, :, :, None]
    between = 9 * summed - _sum3(_sum3(summed, 1), 2)
    return torch.cat((within.flatten(3), between), 3)


def _sum3(x: Tensor, dim: int) -> Tensor:
    """Sum of each value and its two neighbours along `dim`, the ends repeated."""
    size = x.shape[dim]
    padded = torch.cat((x.narrow(dim, 0, 1), x, x.narrow(dim, size - 1, 1)), dim)
    return padded.narrow(dim, 0, size) + x + padded.narrow(dim, 2, size)
