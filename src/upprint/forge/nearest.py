"""Nearest-neighbour enlargement and a 3x3 convolution.

Imitates ProGAN, BigGAN, StarGAN v2 and the decoders of latent diffusion and VQGAN: every pixel becomes a 2x2
block of equal values, and the convolution that follows cannot tell the four apart except by their
neighbours. With group normalisation and three stages it is the tail of an f8 latent decoder in small.
"""

from __future__ import annotations

from torch import Tensor, nn

from upprint.forge.autoencoder import Recipe, enlarge

RECIPES = (
    Recipe("nearest", stages=3, norm="group", seed=1),
    Recipe("nearest", stages=2, norm="none", seed=2),
    Recipe("nearest", stages=4, norm="group", seed=3),
)


class Nearest(nn.Module):
    """(N, C, H, W) to (N, C', 2H, 2W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.conv(enlarge(x, "nearest"))
        return enlarged
