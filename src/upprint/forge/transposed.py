"""Transposed convolutions with stride 2.

The 4x4 kernel imitates DCGAN, pix2pix and SNGAN-style decoders: every output phase is fed by four weights.
The 3x3 kernel with one column of output padding imitates CycleGAN and StarGAN: its phases are fed by one,
two, two and four weights, which is the chequerboard that AutoGAN's scripts simulate.
"""

from __future__ import annotations

from torch import Tensor, nn

from upprint.forge.autoencoder import Recipe

RECIPES = (
    Recipe("transposed4", stages=2, norm="instance", seed=6),
    Recipe("transposed4", stages=3, norm="none", seed=7),
    Recipe("transposed3", stages=2, norm="instance", seed=8),
    Recipe("transposed3", stages=1, norm="none", seed=9),
)


class Transposed4(nn.Module):
    """(N, C, H, W) to (N, C', 2H, 2W) by a 4x4 kernel."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.conv(x)
        return enlarged


class Transposed3(nn.Module):
    """(N, C, H, W) to (N, C', 2H, 2W) by a 3x3 kernel."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inside, outside, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.conv(x)
        return enlarged
