"""Co-occurrences of quantised residuals: how often which value stands beside which.

Steganalysis reads hidden messages this way: Pevný, Bas, Fridrich, Steganalysis by subtractive pixel adjacency
matrix (IEEE TIFS 2010); Fridrich, Kodovský, Rich models for steganalysis of digital images (IEEE TIFS 2012).

Everything up to the histograms is whole numbers in float32, below 2^24: every machine counts the same.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

UNIT = 256
"""One grey level, as `plane` counts."""
PLANES = {
    "luma": (77.0, 150.0, 29.0),
    "red-green": (256.0, -256.0, 0.0),
    "blue-green": (0.0, -256.0, 256.0),
}
"""Plane: the weights of R, G and B in 256ths. Luma is BT.601's; the others are differences of colours, in
which a JPEG's luma does not appear at all."""
LEVELS = 7
"""Values of a quantised residual: -3 .. 3."""
SHIFTS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (1, -1))
"""(rows, columns) from a place to its partner."""
MARGIN = 5
"""How far the widest residual and the farthest partner reach."""
GAINS = {"d1": 1.0, "d2": 1.7, "d3": 3.0, "corner": 1.4, "square": 4.0, "edge": 2.4, "diagonal": 1.0}
"""Residual: its unit of quantisation in grey levels, about in proportion to its kernel's norm."""
KINDS = {name: 3 if name in ("corner", "square") else 5 for name in GAINS}
"""Residual: how many joint histograms it gives; those without direction give fewer."""
SMALLEST = 16
"""Pixels of a side at the least, at each scale."""


def plane(images: Tensor, name: str) -> Tensor:
    """(N, 3, H, W) RGB in [0, 255] -> (N, H, W) float32, whole numbers up to +-65,280 for uint8 images."""
    weights = torch.tensor(PLANES[name], device=images.device).reshape(1, 3, 1, 1)
    return (images.float() * weights).sum(1)


def halved(y: Tensor) -> Tensor:
    """Sums of 2x2 blocks, (N, H, W) -> (N, H // 2, W // 2): one grey level is then four times as much."""
    height, width = y.shape[-2] // 2 * 2, y.shape[-1] // 2 * 2
    y = y[:, :height, :width]
    return y[:, ::2, ::2] + y[:, 1::2, ::2] + y[:, ::2, 1::2] + y[:, 1::2, 1::2]


def residuals(y: Tensor) -> dict[str, tuple[Tensor, ...]]:
    """High-pass residuals of (N, H, W), by name: the horizontal and the vertical one, or one alone.

    d1, d2, d3 are differences of the first to third order; `edge` and `square` are the kernels of the rich
    models, `corner` is x of a 2x2 block's one diagonal minus the other's, `diagonal` both diagonal
    differences. All have y's size: the picture is read as a torus, and `within` says where that is of no
    consequence.
    """

    def right(x: Tensor, places: int = 1) -> Tensor:
        return torch.roll(x, -places, 2)

    def below(x: Tensor, places: int = 1) -> Tensor:
        return torch.roll(x, -places, 1)

    across, down = right(y) - y, below(y) - y
    across2, down2 = right(across) - across, below(down) - down
    return {
        "d1": (across, down),
        "d2": (across2, down2),
        "d3": (right(across2) - across2, below(down2) - down2),
        "corner": (below(across) - across,),
        "square": (below(across2, 2) - 2 * below(across2) + across2,),
        "edge": (below(across2) - across2, right(down2) - down2),
        "diagonal": (below(right(y)) - y, below(y) - right(y)),
    }


def padded(y: Tensor, multiple: int) -> Tensor:
    """(N, H, W) with zeros below and to the right, up to multiples."""
    height, width = y.shape[1:]
    return functional.pad(y, (0, -width % multiple, 0, -height % multiple))


def within(padded: Tensor, height: int, width: int) -> Tensor:
    """(H', W') of a padded picture: 1 where no residual and no partner leaves its first rows and columns."""
    rows = torch.arange(padded.shape[1], device=padded.device)[:, None]
    columns = torch.arange(padded.shape[2], device=padded.device)
    return ((rows < height - MARGIN) & (columns > 0) & (columns < width - MARGIN)).float()


def exceeds(residual: Tensor, step: float) -> Tensor:
    """Which of the levels' lower ends a residual exceeds: (N, H, W) -> (N, 7, H, W), 0 or 1, the first 1.

    Level k covers values that value / step, rounded (halves towards zero) and clipped, brings to k - 3. The
    ends lie between whole numbers, so that no value falls on one.
    """
    upper = [float(np.floor((k + 0.5) * step) + 0.5) for k in range(LEVELS // 2)]
    ends = [-float(2**24), *(-end for end in reversed(upper)), *upper]
    above = torch.tensor(ends, device=residual.device).reshape(1, LEVELS, 1, 1)
    return (residual[:, None] > above).float()


def pairs(exceeding: Tensor, inside: Tensor, cell: int) -> Tensor:
    """Counts of places where j is exceeded and, at shift s from there, k, in every cell.

    Args:
        exceeding: (N, 7, H, W), see `exceeds`; sides are multiples of `cell`.
        inside: (H, W), 1 where a place and all its partners lie in the picture, 0 elsewhere.
        cell: side of a cell.

    Returns:
        (N, H / cell, W / cell, 6, 7, 7).
    """

    def cells(part: Tensor) -> Tensor:
        batch, levels, height, width = part.shape
        part = part.reshape(batch, levels, height // cell, cell, width // cell, cell)
        return part.permute(0, 2, 4, 1, 3, 5).flatten(4)

    here = cells(exceeding * inside)
    counts = []
    for down, right in SHIFTS:
        there = cells(torch.roll(exceeding, (-down, -right), (2, 3)))
        counts.append(here @ there.transpose(3, 4))
    return torch.stack(counts, 3)


@lru_cache(maxsize=1)
def folding() -> NDArray[np.float32]:
    """(49, bins): from C to the joint histogram, with bins of equal meaning added up.

    A histogram entry is C[j, k] - C[j+1, k] - C[j, k+1] + C[j+1, k+1]. (a, b), (b, a), (-a, -b) and (-b, -a)
    are one bin: a picture's mirror image and its negative say the same.
    """
    bins: dict[tuple[int, int], int] = {}
    fold = np.zeros((LEVELS, LEVELS, LEVELS * LEVELS), np.float32)
    last = LEVELS - 1
    for a in range(LEVELS):
        for b in range(LEVELS):
            alike = min((a, b), (b, a), (last - a, last - b), (last - b, last - a))
            bin_ = bins.setdefault(alike, len(bins))
            for j, k, sign in ((a, b, 1), (a + 1, b, -1), (a, b + 1, -1), (a + 1, b + 1, 1)):
                if j < LEVELS and k < LEVELS:
                    fold[j, k, bin_] += sign
    return fold[:, :, : len(bins)].reshape(LEVELS * LEVELS, len(bins))


def histograms(horizontal: Tensor, vertical: Tensor | None, step: float, inside: Tensor, cell: int) -> Tensor:
    """Local joint histograms of one residual: (N, kinds, bins, H / cell, W / cell).

    Kinds: partner 1 and 2 places along the residual's own direction, 1 and 2 across it, and diagonally; a
    residual without direction has no "across". Both directions and both diagonals are added up. The mean
    over cells is the picture's histogram, of sum 1.

    Args:
        horizontal: (N, H, W) whole numbers.
        vertical: its transposed counterpart; None where there is but one.
        step: width of a level.
        inside, cell: as in `pairs`.
    """
    first = pairs(exceeds(horizontal, step), inside, cell).unbind(3)
    if vertical is None:
        kinds = [first[0] + first[1], first[2] + first[3], first[4] + first[5]]
    else:
        second = pairs(exceeds(vertical, step), inside, cell).unbind(3)
        kinds = [
            first[0] + second[1],
            first[2] + second[3],
            first[1] + second[0],
            first[3] + second[2],
            first[4] + first[5] + second[4] + second[5],
        ]
    found = torch.stack(kinds, 3).flatten(4) @ torch.from_numpy(folding()).to(inside.device)
    found = found.permute(0, 3, 4, 1, 2)
    return found / found.mean((3, 4), keepdim=True).sum(2, keepdim=True)
