"""localnet: ours, a network that scores every place; what the default detector was chosen against.

Idea: the print of up-sampling lies in how a pixel relates to the others of its 2x2 block, whichever of them
one starts from, and in how blocks relate to each other; and it lies everywhere, so every place can be asked.

f   all four phases of each 2x2 block against the block's mean, and the block's mean against its
    neighbourhood (`upprint.ops.phases`): 15 channels at half the resolution, exact on integers, free of
    brightness and colour.
D   a small residual network whose output is a map of local logits; their mean is the picture's logit
    (`upprint.nets.local`).

Recipe (configs/localnet.toml): photos and their aligned twins by makers of several families, same size, same
history, in pairs that share every random draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import SystemCard
from upprint.detector import Detector
from upprint.nets.local import LocalNet
from upprint.ops.npr import npr
from upprint.ops.phases import CHANNELS, phases
from upprint.systems._registry import register

Input = Literal["phases", "npr", "npr3", "median", "wavelet", "noise", "pixels"]

CARD = SystemCard(
    name="localnet",
    title="Local scores",
    paper="none: ours; the idea comes from Tan et al., CVPR 2024 (NPR)",
    year=2026,
    faithful=False,
    idea="all four phases of every 2x2 block, into a small network that scores every place",
    parameters=994_337,
    limits=(
        "Strong JPEG, resizing and blur remove the evidence; what is left is weak below JPEG quality 75.",
        "A picture that a camera, an editor or a super-resolution network enlarged can carry a like print.",
    ),
)


class Representation(nn.Module):
    """f: (N, 3, H, W) in [0, 255] to residuals of about unit size, (N, C, h, w), float32."""

    def __init__(self, kind: Input) -> None:
        super().__init__()
        self.of, self.channels, self.stride, self.scale = _REPRESENTATIONS[kind]

    def forward(self, images: Tensor) -> Tensor:
        residual = self.of(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        if not residual.is_floating_point():
            residual = residual.float()
        return residual * self.scale


def _median(images: Tensor) -> Tensor:
    """x minus the median of its 3x3 neighbourhood, the border repeated."""
    x = functional.pad(images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="replicate")
    windows = x.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)
    return images.float() - windows.median(-1).values.permute(0, 2, 3, 1)


def _wavelet(images: Tensor) -> Tensor:
    """Haar details (horizontal, vertical, diagonal) of every 2x2 block: 9 channels at half resolution."""
    a, b, c, d = torch.split(phases(images)[..., :12], 3, dim=3)
    return torch.cat((a - b + c - d, a + b - c - d, a - b - c + d), 3)


def _noise(images: Tensor) -> Tensor:
    """x minus the mean of its 3x3 neighbourhood."""
    x = images.permute(0, 3, 1, 2).float()
    mean = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (x - mean).permute(0, 2, 3, 1)


def _pixels(images: Tensor) -> Tensor:
    return images.float() - 127.5


_REPRESENTATIONS: dict[str, tuple[Callable[[Tensor], Tensor], int, int, float]] = {
    "phases": (phases, CHANNELS, 1, 1 / 32),
    "npr": (lambda x: npr(x, 2, 1, dims=(1, 2)), 3, 2, 1 / 8),
    "npr3": (lambda x: npr(x, 3, 1, dims=(1, 2)), 3, 2, 1 / 8),
    "median": (_median, 3, 2, 1 / 8),
    "wavelet": (_wavelet, 9, 1, 1 / 32),
    "noise": (_noise, 3, 2, 1 / 8),
    "pixels": (_pixels, 3, 2, 1 / 64),
}
"""Input: function on (N, H, W, 3), channels, stride of the stem, scale."""


@register
def localnet(
    representation: Input = "phases",
    widths: Sequence[int] = (32, 64, 128),
    depths: Sequence[int] = (2, 2, 3),
    experts: int = 1,
) -> Detector:
    """The network on one of seven inputs.

    Args:
        representation: f; "phases" unless another is tried.
        widths, depths: of the network's stages.
        experts: heads that a gate weighs at every place.
    """
    f = Representation(representation)
    network = LocalNet(f.channels, widths, depths, stem_stride=f.stride, experts=experts)
    options = {
        "representation": representation,
        "widths": list(widths),
        "depths": list(depths),
        "experts": experts,
    }
    return Detector(f, network, replace(CARD, options=options))
