"""Neighbouring pixel relationships (Tan et al., CVPR 2024, Eq. 4).

In every non-overlapping l x l block v = {w_1, ..., w_l²} (row-major, per colour channel) the
relationship is w_i - w_j for one anchor j; the paper takes l = 2, j = 1, the top-left pixel, and
compares it in Table 7 with other j and with the mean and the maximum of the block as anchor.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from upprint.ops.anchor import Anchor, check_block_anchor


def npr(images: Tensor, block: int = 2, anchor: Anchor = 1, dims: tuple[int, int] = (-2, -1)) -> Tensor:
    """w_i minus the anchor of its own block, for every pixel.

    Blocks are laid from the top-left corner. Where H or W is not a multiple of `block`, the last
    blocks are partial: mean and max run over the pixels that exist, and an index anchor that falls
    outside the image is moved to the block's last row or column inside it.

    Args:
        images: (..., H, W), real. Integers are subtracted as int32 (so values must fit), which is exact.
        block: l, at least 2.
        anchor: j in 1..l² (row-major), or "mean", or "max".
        dims: the axes of H and W, in this order; (1, 2) for (N, H, W, 3).

    Returns:
        The shape of `images`; int32 for integer input and an index or max anchor, float32 for integer
        input and the mean, otherwise the dtype given.

    Raises:
        ConfigError: block or anchor outside these ranges.
    """
    check_block_anchor(block, anchor)
    row, column = (dim % images.ndim for dim in dims)
    x = images if images.is_floating_point() else images.to(torch.int32)
    if anchor == "mean":
        anchors = _block_mean(x, block, row, column)
    elif anchor == "max":
        anchors = _block_max(x, block, row, column)
    else:
        # Taken from `images`, not from x: bytes are quicker to move than int32.
        down, right = divmod(int(anchor) - 1, block)
        anchors = _every(_every(images, block, down, row), block, right, column)
    spread = _repeat(_repeat(anchors, block, column, x.shape[column]), block, row, x.shape[row])
    return x - spread.to(anchors.dtype if anchors.is_floating_point() else torch.int32)


def _every(x: Tensor, block: int, offset: int, dim: int) -> Tensor:
    """Entry `offset` of each block along `dim`; the last entry is appended for a block that lacks its own."""
    taken = x[(slice(None),) * dim + (slice(offset, None, block),)]
    return taken if offset == 0 else torch.cat((taken, x.narrow(dim, x.shape[dim] - 1, 1)), dim)


def _repeat(anchors: Tensor, block: int, dim: int, size: int) -> Tensor:
    """Each entry along `dim` `block` times, cut to `size`. Runtimes copy a stack quicker than a gather."""
    repeated = torch.stack((anchors,) * block, dim + 1).flatten(dim, dim + 1)
    return repeated[(slice(None),) * dim + (slice(size),)]


def _blocks(x: Tensor, block: int, row: int, column: int, fill: float) -> Tensor:
    """H -> (blocks, l) and W -> (blocks, l), with `fill` where a partial block has no pixel."""
    padding = [0] * (2 * (x.ndim - row))
    for dim in (row, column):
        size = x.shape[dim]
        padding[2 * (x.ndim - 1 - dim) + 1] = (size + block - 1) // block * block - size
    full = functional.pad(x, padding, value=fill)
    rows, columns = full.shape[row] // block, full.shape[column] // block
    return full.reshape(
        *x.shape[:row], rows, block, *x.shape[row + 1 : column], columns, block, *x.shape[column + 1 :]
    )


def _block_max(x: Tensor, block: int, row: int, column: int) -> Tensor:
    lowest = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    return _blocks(x, block, row, column, lowest).amax((row + 1, column + 2))


def _block_mean(x: Tensor, block: int, row: int, column: int) -> Tensor:
    """Mean of the pixels that exist in each block."""
    rows = _counts(x, block, row)
    columns = _counts(x, block, column)
    return _blocks(x, block, row, column, 0).sum((row + 1, column + 2)) / (rows * columns)


def _counts(x: Tensor, block: int, dim: int) -> Tensor:
    """How many entries each block along `dim` has, shaped to broadcast against x."""
    size = x.shape[dim]
    counts = (size - torch.arange(0, size, block, device=x.device)).clamp(max=block)
    return counts.reshape(-1, *(1,) * (x.ndim - dim - 1))
