"""Image classifier: Attributing fake images to GANs (Yu, Davis, Fritz; ICCV 2019), the classifier on
pictures.

Idea: every generator, and even every training run of one, leaves its own fingerprint; a plain network on
pixels
learns to tell them apart. Beyond the Spectrum (IJCAI 2021) uses it with two classes as its baseline "Image".

f   x / 127.5 - 1.
D   at 128, 64, 32, 16 and 8 pixels two 3x3 convolutions (reflected border, leaky ReLU 0.2) and an average
    pooling, at 4
    pixels one convolution and two Dense layers; no normalisation, weights N(0, 1) scaled at run time
    (equalised learning rate): 8,912,258 parameters with two classes.

Recipe (configs/image_paper.toml): 128², mirrored half the time, Adam (0, 0.99) 1e-3, batch 32.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.margin import margin
from upprint.ops.sizes import check_side
from upprint.ops.standardise import Standardise
from upprint.systems._registry import register

SIDE = 128
BASE, MAX = 1024, 512
SLOPE = 0.2

CARD = SystemCard(
    name="image",
    title="Image classifier (Yu et al.)",
    paper="Yu, Davis, Fritz, Attributing fake images to GANs: learning and analyzing GAN fingerprints, "
    "ICCV 2019",
    year=2019,
    faithful=True,
    idea="a plain convolutional network on small pictures, with equalised learning rates",
    parameters=8_912_258,
    input=InputRule(tile=SIDE, exact=True),
    departures=(
        "Two classes, camera-made and generated; theirs has one for each generator.",
        "Class 1 is generated; in theirs the order of folders on disk decides.",
        "Pictures are cut or resized to 128 by our protocols (bilinear); theirs by Lanczos.",
        "Their checkpoints are pickled TensorFlow objects, which are never loaded here.",
    ),
    limits=(
        "At 128 pixels most of a large picture's evidence is lost by resizing, or unseen by cropping.",
        "Widths shrink with resolution: the design does not scale to larger pictures.",
    ),
)


def width(level: int) -> int:
    """Channels at level s: min(1024 / 2^s, 512)."""
    return min(BASE >> level, MAX)


class Equalised(nn.Module):
    """A convolution or Dense layer whose weights are scaled by gain / sqrt(fan in) when they are used."""

    def __init__(self, shape: tuple[int, ...], gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self.scale = gain / math.sqrt(math.prod(shape[1:]))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return functional.linear(x, self.weight * self.scale, self.bias)
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.weight * self.scale, self.bias)


class PatchNetwork(nn.Module):
    """D: (N, 3, 128, 128) -> logits (N,)."""

    def __init__(self, slim: int = 1) -> None:
        super().__init__()
        sizes = {level: max(2, width(level) // slim) for level in range(1, 7)}
        self.convolutions = nn.ModuleList()
        channels = 3
        for level in range(7, 2, -1):
            for out in (sizes[level - 1], sizes[level - 2]):
                self.convolutions.append(Equalised((out, channels, 3, 3)))
                channels = out
        self.last = Equalised((sizes[1], channels, 3, 3))
        self.dense0 = Equalised((sizes[1], 16 * sizes[1]))
        self.dense1 = Equalised((2, sizes[1]), gain=1)

    def forward(self, x: Tensor) -> Tensor:
        check_side(x, SIDE, "image")
        for place, convolution in enumerate(self.convolutions):
            x = functional.leaky_relu(convolution(x), SLOPE)
            if place % 2:
                x = functional.avg_pool2d(x, 2)
        x = functional.leaky_relu(self.last(x), SLOPE).flatten(1)
        return margin(self.dense1(functional.leaky_relu(self.dense0(x), SLOPE)))


@register
def image(slim: int = 1) -> Detector:
    """The image classifier with two classes.

    Args:
        slim: divides every width; 1 as published.
    """
    return Detector(Standardise.symmetric(), PatchNetwork(slim), replace(CARD, options={"slim": slim}))
