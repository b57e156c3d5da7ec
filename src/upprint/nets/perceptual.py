"""A small perceptual network of five stages: the stated substitute where VGG-19's weights are not at hand.

Strides and cuts are those of VGG-19's relu1_1 ... relu5_1, at an eighth to a quarter of the channels: 321,232
parameters. It is trained without labels on real photos: from a grayed or noisy picture every stage must give
the clean one back through one linear map per cell, which is dropped afterwards
(`upprint train configs/resynthesis_perceptual.toml`); weights come with upprint, as the part "shipped".
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError

CHANNELS = (16, 32, 64, 96, 128)


class SmallPerceptual(nn.Module):
    """Five stages of 3x3 convolutions with ReLU; stage k has stride 2^(k-1).

    Args:
        stages: how many are built.
    """

    channels = CHANNELS
    reach = (1, 4, 10, 22, 46)
    """Pixels beyond which an input pixel has no influence on a stage (rounded up)."""

    def __init__(self, stages: int = 5) -> None:
        super().__init__()
        if stages not in range(1, 6):
            raise ConfigError(f"perceptual network with {stages} stages: expected 1 to 5")
        self.stages = stages
        parts: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, CHANNELS[0], 3, padding=1), nn.ReLU())]
        for before, after in pairwise(CHANNELS[:stages]):
            parts.append(
                nn.Sequential(
                    nn.Conv2d(before, before, 3, padding=1),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    nn.Conv2d(before, after, 3, padding=1),
                    nn.ReLU(),
                )
            )
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] -> `stages` maps; stage k is (N, C, H >> (k - 1), W >> (k - 1))."""
        found = []
        for part in self.parts:
            x = part(x)
            found.append(x)
        return found

    @staticmethod
    def shipped_file() -> Path:
        """The weights that come with upprint, of five stages."""
        return Path(str(files("upprint") / "weights" / "parts" / "perceptual.safetensors"))

    def accept(self, state: Mapping[str, Tensor], _origin: str) -> dict[str, Tensor]:
        """A five-stage file's tensors without those of stages that are not built."""
        unused = tuple(f"parts.{stage}." for stage in range(self.stages, 5))
        return {key: value for key, value in state.items() if not unused or not key.startswith(unused)}


class Restorer(nn.Module):
    """The perceptual network with the linear maps that train it."""

    def __init__(self, network: SmallPerceptual) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ModuleList(nn.Conv2d(CHANNELS[k], 3 * 4**k, 1) for k in range(network.stages))

    def forward(self, degraded: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1], sides multiples of 16 -> one restored picture per stage, (N, 3, H, W)."""
        maps = self.network(degraded)
        return [
            functional.pixel_shuffle(head(found), 2**k)
            for k, (head, found) in enumerate(zip(self.heads, maps, strict=True))
        ]


def restoration_loss(restored: list[Tensor], clean: Tensor) -> Tensor:
    """Mean over the stages of the mean absolute error."""
    return torch.stack([(picture - clean).abs().mean() for picture in restored]).mean()
