"""Bilinear enlargement and a 3x3 convolution.

Imitates StyleGAN (from version 1's blurred up-sampling on): zero insertion followed by the [1, 3, 3, 1]
filter that StyleGAN2 uses equals bilinear interpolation with half-pixel centres in the interior, which is
how it is computed here; a test compares the two.
"""

from __future__ import annotations

from torch import Tensor, nn

from upprint.forge.autoencoder import Recipe, enlarge

RECIPES = (
    Recipe("bilinear", stages=2, norm="none", seed=4),
    Recipe("bilinear", stages=3, norm="instance", seed=5),
)


class Bilinear(nn.Module):
    """(N, C, H, W) to (N, C', 2H, 2W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.conv(enlarge(x, "bilinear"))
        return enlarged
