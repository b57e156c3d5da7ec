"""Un-pooling: every value goes back to the place of the maximum that its pooling found, zeros elsewhere.

Imitates SegNet-style decoders. Of the families here it is the one whose print depends on the picture: where
the values land was read from the photo itself.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from upprint.forge.autoencoder import Recipe

RECIPES = (
    Recipe("unpool", stages=2, norm="none", seed=12),
    Recipe("unpool", stages=3, norm="instance", seed=13),
)


class Unpool(nn.Module):
    """(N, C, H, W) and the places (N, C, H, W) of the maxima to (N, C', 2H, 2W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        enlarged: Tensor = self.conv(functional.max_unpool2d(x, places, [2, 2]))
        return enlarged
