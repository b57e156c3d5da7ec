"""Residual dense network (Zhang et al., CVPR 2018), the re-synthesiser of Re-Synthesis (IJCAI 2021).

Parameter names are those of the authors' checkpoints (sr*.pth), so that these load by name.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor, nn

from upprint.result import ConfigError

SCALES = (2, 3, 4)


class DenseLayer(nn.Module):
    """3x3 convolution and ReLU; the result is appended to the input's channels."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, torch.relu(self.conv(x))), 1)


class DenseBlock(nn.Module):
    """Dense layers, fused by a 1x1 convolution, plus the block's input."""

    def __init__(self, features: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(DenseLayer(features + i * growth, growth) for i in range(layers)))
        self.lff = nn.Conv2d(features + layers * growth, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        fused: Tensor = self.lff(self.layers(x))
        return x + fused


class RDN(nn.Module):
    """(N, 3, h, w) in [0, 1] -> (N, 3, scale * h, scale * w), neither clamped nor activated.

    No normalisation layers, so that training and evaluation mode are the same function.

    Args:
        features: channels between the blocks (64 in the paper).
        growth: channels that a dense layer adds (64).
        blocks: residual dense blocks (16).
        layers: dense layers per block (8).
        scale: 2, 3 or 4 (4).

    Raises:
        ConfigError: a size below 1, or another scale.
    """

    def __init__(
        self, features: int = 64, growth: int = 64, blocks: int = 16, layers: int = 8, scale: int = 4
    ) -> None:
        super().__init__()
        if min(features, growth, blocks, layers) < 1:
            raise ConfigError(
                f"RDN of {features} features, growth {growth}, {blocks} blocks, {layers} layers: "
                "expected at least 1 of each"
            )
        if scale not in SCALES:
            raise ConfigError(f"RDN scale {scale}: expected one of {', '.join(map(str, SCALES))}")
        self.scale = scale
        self.reach = blocks * layers + 6
        """Low-resolution pixels beyond which an input pixel has no influence (rounded up)."""
        self.sfe1 = nn.Conv2d(3, features, 3, padding=1)
        self.sfe2 = nn.Conv2d(features, features, 3, padding=1)
        self.rdbs = nn.ModuleList(DenseBlock(features, growth, layers) for _ in range(blocks))
        self.gff = nn.Sequential(
            nn.Conv2d(features * blocks, features, 1), nn.Conv2d(features, features, 3, padding=1)
        )
        steps = (2, 2) if scale == 4 else (scale,)
        self.upscale = nn.Sequential(
            *(
                part
                for step in steps
                for part in (nn.Conv2d(features, features * step**2, 3, padding=1), nn.PixelShuffle(step))
            )
        )
        self.output = nn.Conv2d(features, 3, 3, padding=1)

    @staticmethod
    def shipped_file() -> Path:
        """The weights that come with upprint: features 32, growth 32, 4 blocks, 4 layers, x4."""
        return Path(str(files("upprint") / "weights" / "parts" / "rdn.safetensors"))

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.sfe1(x)
        y = self.sfe2(shallow)
        found = []
        for block in self.rdbs:
            y = block(y)
            found.append(y)
        fused = self.gff(torch.cat(found, 1)) + shallow
        out: Tensor = self.output(self.upscale(fused))
        return out
