"""Training augmentation of maps that are too costly to compute once per crop."""

from __future__ import annotations

import torch
from torch import Tensor


def random_crop(maps: Tensor, side: int) -> Tensor:
    """One window for the whole batch, each map mirrored or not: (N, C, H, W) -> (N, C, side, side).

    The draws are torch's, so that a seeded run repeats them.
    """
    top, left = (int(torch.randint(size - side + 1, (1,))) for size in maps.shape[-2:])
    window = maps[..., top : top + side, left : left + side]
    mirrored = torch.rand(len(maps), 1, 1, 1, device=maps.device) < 0.5
    return torch.where(mirrored, window.flip(-1), window)
