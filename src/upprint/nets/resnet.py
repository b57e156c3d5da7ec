"""Residual networks (He et al., CVPR 2016): one network with options, no copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, cast

from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError


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


class BasicBlock(nn.Module):
    """3x3 (carries the stride), 3x3, plus the shortcut: ResNet-18 and -34."""

    expansion: ClassVar[int] = 1

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += shortcut
        out: Tensor = self.relu(y)
        return out


def _deep_stem(channels: int, width: int, strides: tuple[int, int]) -> nn.Sequential:
    """Three 3x3 convolutions; BatchNorm and ReLU of the last one follow as `bn1` and `relu`."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, strides[0], padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 3, strides[1], padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
    )


class ResNet(nn.Module):
    """Stem, stages of Bottlenecks, global average pooling, one Linear to one logit.

    Args:
        depths: Bottlenecks per stage; (3, 4, 6, 3) is ResNet-50, (3, 4) NPR's truncation of it.
        stem_kernel: side of the first convolution (7 as published, 3 in NPR).
        head: attribute name of the Linear, so that published checkpoints load by name.
        channels: input channels.
        strides: of the stages; 1, then 2 each, if not given.
        stem: "plain" is one convolution of stride 2, BatchNorm, ReLU, maximum pooling; "deep" has three 3x3
            convolutions in its place, the last to twice the width (as in PyTorch-Encoding's networks).
        stem_strides: of the first two convolutions of a deep stem.
        pool: 3x3 maximum pooling of stride 2 behind the stem.
        block: Bottleneck, or BasicBlock: (2, 2, 2, 2) is ResNet-18 then, (3, 4, 6, 3) ResNet-34.
        width: channels of the stem's first convolution and of the first stage's bottlenecks.

    Kaiming-normal (fan out) convolutions, unit BatchNorm, default Linear.
    """

    def __init__(
        self,
        depths: Sequence[int] = (3, 4, 6, 3),
        *,
        stem_kernel: int = 7,
        head: str = "fc",
        channels: int = 3,
        strides: Sequence[int] | None = None,
        stem: Literal["plain", "deep"] = "plain",
        stem_strides: tuple[int, int] = (2, 2),
        pool: bool = True,
        block: type[Bottleneck] | type[BasicBlock] = Bottleneck,
        width: int = 64,
    ) -> None:
        super().__init__()
        features = width if stem == "plain" else 2 * width
        self.conv1: nn.Module
        if stem == "plain":
            self.conv1 = nn.Conv2d(channels, width, stem_kernel, 2, padding=stem_kernel // 2, bias=False)
        else:
            self.conv1 = _deep_stem(channels, width, stem_strides)
        self.bn1 = nn.BatchNorm2d(features)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if pool else nn.Identity()
        self._stages: list[str] = []
        steps = [1] + [2] * (len(depths) - 1) if strides is None else strides
        for stage, (depth, step) in enumerate(zip(depths, steps, strict=True)):
            planes = width * 2**stage
            blocks: list[nn.Module] = []
            for index in range(depth):
                blocks.append(block(features, planes, step if index == 0 else 1))
                features = planes * block.expansion
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


DEPTHS: dict[int, tuple[type[Bottleneck] | type[BasicBlock], tuple[int, ...]]] = {
    10: (BasicBlock, (1, 1, 1, 1)),
    14: (Bottleneck, (1, 1, 1, 1)),
    18: (BasicBlock, (2, 2, 2, 2)),
    26: (Bottleneck, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}
"""Layers to blocks: 18, 34 and 50 as published, the others for small machines."""


def resnet(depth: int, *, channels: int = 3, head: str = "fc") -> ResNet:
    """A whole ResNet by its number of layers, with the keys of torchvision's and one logit.

    Raises:
        ConfigError: no such depth.
    """
    if depth not in DEPTHS:
        raise ConfigError(f"ResNet of depth {depth!r}: expected one of {', '.join(map(str, DEPTHS))}")
    block, depths = DEPTHS[depth]
    return ResNet(depths, head=head, channels=channels, block=block)
