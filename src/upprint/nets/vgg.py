"""VGG-19's first convolutions (Simonyan & Zisserman, ICLR 2015) as a perceptual network of five stages.

Keys and shapes are those of torchvision's `vgg19` weights, which load strictly from a file that the user
has; torchvision itself is not needed, and the weights are not part of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from upprint.result import ConfigError, WeightsError

CACHED = "vgg19-dcbb9e9d.pth"
"""The name under which torch's cache keeps torchvision's ImageNet weights."""

_LAYOUT = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
"""Output channels of the convolutions in order; 0 is a 2x2 max pooling."""
_CUTS = (0, 2, 7, 12, 21, 30)
"""Stage k, relu k_1, is what stands before this index of `features`."""


class Vgg19(nn.Module):
    """Maps relu1_1 ... relu5_1 of pictures in [0, 1], which are not standardised (as the authors do it).

    Args:
        stages: how many of the five are built; the rest of a weights file is then left out.
    """

    channels = (64, 128, 256, 512, 512)
    reach = (1, 4, 10, 30, 70)
    """Pixels beyond which an input pixel has no influence on a stage (rounded up)."""

    def __init__(self, stages: int = 5) -> None:
        super().__init__()
        if stages not in range(1, 6):
            raise ConfigError(f"VGG-19 with {stages} stages: expected 1 to 5")
        layers: list[nn.Module] = []
        before = 3
        for width in _LAYOUT:
            if width:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.stages = stages
        self.features = nn.Sequential(*layers[: _CUTS[stages]])

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] -> `stages` maps; stage k is (N, C, H >> (k - 1), W >> (k - 1))."""
        found = []
        for first, last in list(pairwise(_CUTS))[: self.stages]:
            for index in range(first, last):
                x = self.features[index](x)
            found.append(x)
        return found

    @staticmethod
    def cached_file() -> Path:
        """Torchvision's weights in torch's own cache.

        Raises:
            WeightsError: not there; says what to do.
        """
        path = Path(torch.hub.get_dir()) / "checkpoints" / CACHED
        if not path.is_file():
            raise WeightsError(
                f"{path}: no VGG-19 weights in torch's cache; put torchvision's {CACHED} there, name the "
                "file, or take the perceptual network 'small'"
            )
        return path

    def accept(self, state: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
        """Of torchvision's state dict, what the stages use. What they do not is dropped by intent.

        Raises:
            WeightsError: keys that VGG-19 does not have: the file is of another network.
        """
        whole: dict[str, Any] = {}
        index = 0
        for width in _LAYOUT:
            if width:
                whole |= {f"features.{index}.weight": None, f"features.{index}.bias": None}
            index += 2 if width else 1
        whole |= {f"classifier.{i}.{kind}": None for i in (0, 3, 6) for kind in ("weight", "bias")}
        if foreign := [key for key in state if key not in whole]:
            raise WeightsError(
                f"{origin}: holds {foreign[0]!r} and {len(foreign) - 1} more keys that VGG-19 does not have; "
                f"expected torchvision's vgg19 weights ({CACHED})"
            )
        mine = self.state_dict()
        return {
            key: value for key, value in state.items() if key in mine or not key.startswith(_unused(mine))
        }


def _unused(mine: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Starts of keys beyond the last stage built."""
    last = max(int(key.split(".")[1]) for key in mine)
    return ("classifier.", *(f"features.{index}." for index in range(last + 1, 37)))
