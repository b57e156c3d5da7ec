"""A small residual network that scores places, not pictures: a map of logits whose mean is the logit.

Its map is the "where", and every place is trained. The receptive field is set by the depths, so that a score
is about its surroundings and not about the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.nets.resnet import BasicBlock


class LocalNet(nn.Module):
    """Stem, stages of BasicBlocks, a 1x1 head; mean of the head's map.

    Args:
        channels: of the input.
        widths: channels of each stage; every stage but the first halves the resolution.
        depths: BasicBlocks of each stage.
        stem_stride: 2 where the input has the picture's full resolution.
        experts: 1, or more heads that each score every place, weighed by a gate (softmax over heads).
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int] = (32, 64, 128),
        depths: Sequence[int] = (2, 2, 3),
        *,
        stem_stride: int = 1,
        experts: int = 1,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        inside = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for index in range(depth):
                blocks.append(BasicBlock(inside, width, 2 if stage and not index else 1))
                inside = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inside, 1)
        self.gate = nn.Conv2d(inside, 2 * experts, 1) if experts > 1 else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def class_activation_map(self, x: Tensor) -> Tensor:
        """Scores of places (N, h, w); exact: their mean plus the head's bias is the logit."""
        features = self.blocks(self.stem(x))
        scores = functional.conv2d(features, self.head.weight[:, :, None, None]).squeeze(1)
        if self.gate is None:
            return scores
        weights, own = self.gate(features).chunk(2, 1)
        gated: Tensor = scores + (torch.softmax(weights, 1) * own).sum(1)
        return gated

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1)."""
        return self.class_activation_map(x).mean((-2, -1))[:, None] + self.head.bias
