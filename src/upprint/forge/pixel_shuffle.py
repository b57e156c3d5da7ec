"""Sub-pixel convolution (Shi et al., CVPR 2016): four times the channels, dealt out as 2x2 blocks.

Imitates super-resolution heads and the generators that end in one. Each of the four phases of an output block
comes from kernels of its own, so that phases differ in gain unless training makes them agree.
"""

from __future__ import annotations

from torch import Tensor, nn

from upprint.forge.autoencoder import Recipe

RECIPES = (
    Recipe("pixelshuffle", stages=2, norm="none", seed=10),
    Recipe("pixelshuffle", stages=3, norm="group", seed=11),
)


class PixelShuffle(nn.Module):
    """(N, C, H, W) to (N, C', 2H, 2W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.enlarge = nn.Sequential(nn.Conv2d(inside, 4 * outside, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.enlarge(x)
        return enlarged
