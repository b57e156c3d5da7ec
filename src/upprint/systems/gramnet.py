"""GramNet: Global texture enhancement for fake face detection in the wild (Liu, Qi, Torr; CVPR 2020).

Idea: generated faces differ from camera-made ones in large textures. Gram matrices of a network's feature
maps,
taken at six depths, are texture descriptions that survive resizing; they join the network's own features.

f   BGR in [0, 255], not standardised.
D   ResNet-18 trunk; at the input, after the stem, after pooling and after three stages a branch: 3x3
    convolution to
    32 channels, Gram matrix / (32 H W), two 3x3 convolutions of stride 2, mean: 32 numbers times one learnt
    scale. 704 features, Linear 512, dropout, two outputs: 11,734,723 parameters, any picture size.

Recipe (configs/gramnet_paper.toml): 512², every picture through 64² to 256² and back, Adam 1e-5 with weight
decay 1e-4, batch 16, 5 epochs.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.margin import margin
from upprint.nets.resnet import resnet
from upprint.systems._registry import register

WIDTH = 32

CARD = SystemCard(
    name="gramnet",
    title="GramNet (Liu et al.)",
    paper="Liu, Qi, Torr, Global texture enhancement for fake face detection in the wild, CVPR 2020",
    year=2020,
    faithful=True,
    idea="Gram matrices of six feature maps join the features of a ResNet-18",
    parameters=11_734_723,
    input=InputRule(tile=256),
    departures=(
        "Class 1 is generated; theirs is 0.",
        (
            "Weights are those of the last step. Theirs are chosen on test pictures after every step, and "
            "start from a file that is not published."
        ),
        (
            "Training pictures are reduced to 64..256 pixels with anti-aliasing before they are enlarged "
            "again; OpenCV's bilinear, which theirs use, has none."
        ),
        "Their lists read camera-made faces as JPEG and generated ones as PNG; ours equalise formats.",
        "Their checkpoints are whole pickled objects, which are never loaded here.",
    ),
    limits=("Made for faces of up to 1024 pixels; textures of other subjects were never its aim.",),
)


class Swapped(nn.Module):
    """f: (N, 3, H, W) RGB in [0, 255] -> the same, BGR float32."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flip(1).float()


def gram(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, C, C): inner products of channels, divided by C H W."""
    flat = features.flatten(2)
    channels, pixels = flat.shape[1:]
    return (flat @ flat.transpose(1, 2) / (channels * pixels))[:, None]


def _conv(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


class GramBranch(nn.Module):
    """(N, C, H, W) -> (N, 32)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = _conv(channels, WIDTH)
        self.head = nn.Sequential(_conv(1, 16, 2), _conv(16, WIDTH, 2))

    def forward(self, x: Tensor) -> Tensor:
        described: Tensor = self.head(gram(self.reduce(x)))
        return described.mean((-2, -1))


class GramResNet(nn.Module):
    """D: (N, 3, H, W) -> logits (N,)."""

    def __init__(self, depth: int = 18) -> None:
        super().__init__()
        self.trunk = resnet(depth)
        self.trunk.fc = nn.Identity()
        self.branches = nn.ModuleList(GramBranch(channels) for channels in (3, 64, 64, 64, 128, 256))
        self.scale = nn.Parameter(torch.ones(1))
        self.fc1 = nn.Linear(512 + 6 * WIDTH, 512)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(512, 2)

    def forward(self, x: Tensor) -> Tensor:
        trunk, maps = self.trunk, [x]
        maps.append(functional.relu(trunk.bn1(trunk.conv1(x))))
        for stage in (trunk.maxpool, trunk.layer1, trunk.layer2, trunk.layer3):
            maps.append(stage(maps[-1]))  # type: ignore[operator]
        described = [self.scale * branch(y) for branch, y in zip(self.branches, maps, strict=True)]
        features = trunk.layer4(maps[-1]).mean((-2, -1))  # type: ignore[operator]
        hidden = functional.relu(self.fc1(torch.cat((features, *described), 1)))
        return margin(self.fc2(self.dropout(hidden)))


@register
def gramnet(depth: int = 18) -> Detector:
    """GramNet as published, or on a smaller trunk.

    Args:
        depth: layers of the trunk, 18, or 10 for tests.
    """
    return Detector(Swapped(), GramResNet(depth), replace(CARD, options={"depth": depth}))
