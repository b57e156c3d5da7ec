"""Sides brought to a multiple by repeating the last row and column, in a way that an exported graph keeps."""

from __future__ import annotations

import torch
from torch import Tensor


def extend(images: Tensor, multiple: int, least: int = 1) -> Tensor:
    """(N, C, H, W) -> (N, C, H', W'), each side the next multiple that is at least `least`.

    The picture stays at the top-left corner, so that block grids keep their phase.
    """
    for dim in (-2, -1):
        size = images.shape[dim]
        whole = (size + multiple - 1) // multiple * multiple
        wanted = torch.sym_max(whole, least)  # type: ignore[no-untyped-call]
        if torch.compiler.is_exporting() or wanted != size:
            inside = torch.arange(wanted, device=images.device).clamp(max=size - 1)
            images = images.index_select(dim, inside)
    return images
