"""From a torch network on images in [0, 1] to what a maker's `make` must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]


def batched(network: Callable[[Tensor], Tensor]) -> Callable[[Sequence[Pixels]], list[Pixels]]:
    """Pictures (H, W, 3) uint8 RGB of one size to their twins, rounded to the nearest level.

    Args:
        network: (N, 3, H, W) float in [0, 1] to the same, clamped.
    """

    def make(photos: Sequence[Pixels]) -> list[Pixels]:
        stacked = torch.from_numpy(np.stack(photos))
        # A permuted view of (N, H, W, 3) is channels-last already.
        images = stacked.permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            rebuilt = network(images).permute(0, 2, 3, 1)
        twins: NDArray[np.uint8] = (rebuilt * 255).round().to(torch.uint8).numpy()
        return list(twins)

    return make
