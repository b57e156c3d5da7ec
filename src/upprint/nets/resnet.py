"""Residual networks (He et al., CVPR 2016): one network with options, no copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from torch import Tensor, nn
from torch.nn import functional


class Bottleneck(nn.Module):
    """1x1, 3x3 (carries the stride), 1x1 with four times the width, plus the shortcut."""

    expansion: ClassVar[int] = 4

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = width * self.expansion
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += shortcut
        out: Tensor = self.relu(y)
        return out


class ResNet(nn.Module):
    """Stem, stages of Bottlenecks, global average pooling, one Linear to one logit.

    Args:
        depths: Bottlenecks per stage; (3, 4, 6, 3) is ResNet-50, (3, 4) NPR's truncation of it.
        stem_kernel: side of the first convolution (7 as published, 3 in NPR).
        head: attribute name of the Linear, so that published checkpoints load by name.
        channels: input channels.

    Kaiming-normal (fan out) convolutions, unit BatchNorm, default Linear.
    """

    def __init__(
        self,
        depths: Sequence[int] = (3, 4, 6, 3),
        *,
        stem_kernel: int = 7,
        head: str = "fc",
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, stem_kernel, 2, padding=stem_kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self._stages: list[str] = []
        features = 64
        for stage, depth in enumerate(depths):
            width = 64 * 2**stage
            blocks: list[nn.Module] = []
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(Bottleneck(features, width, stride))
                features = width * Bottleneck.expansion
            name = f"layer{stage + 1}"
            self.add_module(name, nn.Sequential(*blocks))
            self._stages.append(name)
        self._head = head
        self.add_module(head, nn.Linear(features, 1))
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def head(self) -> nn.Linear:
        """The one Linear, whatever its published name."""
        return cast(nn.Linear, self.get_submodule(self._head))

    def feature_map(self, x: Tensor) -> Tensor:
        """The last stage's output (N, C, h, w), before pooling."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in self._stages:
            x = self.get_submodule(stage)(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1)."""
        logits: Tensor = self.head(self.feature_map(x).mean((-2, -1)))
        return logits

    def class_activation_map(self, x: Tensor) -> Tensor:
        """Exact CAM (Zhou et al., CVPR 2016): head weights times feature map, (N, h, w).

        Its spatial mean plus the head's bias is the logit, because pooling and head are linear.
        """
        return functional.conv2d(self.feature_map(x), self.head.weight[:, :, None, None]).squeeze(1)
