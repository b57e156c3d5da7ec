"""Xception (Chollet, CVPR 2017) with the layer names of Cadene's pretrained-models, whole or cut after a
block."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError

ENTRY = ((64, 128), (128, 256), (256, 728))
MIDDLE = 8


class SeparableConv(nn.Module):
    """A 3x3 convolution per channel, then 1x1 across channels; neither has a bias."""

    def __init__(self, channels: int, width: int, *, padding: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=padding, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.conv1(x))
        return out


class Block(nn.Module):
    """Separable convolutions with BatchNorm, a pooling of the stride, plus the shortcut.

    Args:
        channels, width: in and out.
        reps: separable convolutions.
        stride: 1 or 2.
        relu_first: whether the first convolution has a ReLU before it.
        grow_first: whether the first convolution changes the width, or the last.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        reps: int,
        stride: int = 1,
        *,
        relu_first: bool = True,
        grow_first: bool = True,
    ) -> None:
        super().__init__()
        sizes = [(channels, width), *[(width, width)] * (reps - 1)]
        if not grow_first:
            sizes = [*[(channels, channels)] * (reps - 1), (channels, width)]
        layers: list[nn.Module] = []
        for inner, outer in sizes:
            layers += [nn.ReLU(), SeparableConv(inner, outer), nn.BatchNorm2d(outer)]
        if not relu_first:
            layers = layers[1:]
        if stride != 1:
            layers.append(nn.MaxPool2d(3, stride, padding=1))
        self.rep = nn.Sequential(*layers)
        self.skip: nn.Module | None = None
        if channels != width or stride != 1:
            self.skip = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rep(x)
        return out + (x if self.skip is None else self.skipbn(self.skip(x)))


class Xception(nn.Module):
    """Feature maps (N, 2048, h, w), or those of an earlier block.

    Args:
        channels: input channels.
        stem_stride: of the first convolution, which like the second is not padded.
        last: the block after which the network is cut, 1 to 11; the whole of it if not given.
        middle: how many of the eight middle blocks are built.
    """

    def __init__(
        self, channels: int = 3, *, stem_stride: int = 2, last: int | None = None, middle: int = MIDDLE
    ) -> None:
        super().__init__()
        if last is not None and not 1 <= last <= len(ENTRY) + middle:
            raise ConfigError(f"Xception cut after block {last}: expected 1..{len(ENTRY) + middle}")
        self.conv1 = nn.Conv2d(channels, 32, 3, stem_stride, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        blocks = [Block(*sizes, 2, 2, relu_first=place > 0) for place, sizes in enumerate(ENTRY)]
        blocks += [Block(728, 728, 3) for _ in range(middle)]
        self.names = [f"block{place}" for place in range(1, len(blocks) + 1)][:last]
        for name, block in zip(self.names, blocks[: len(self.names)], strict=True):
            self.add_module(name, block)
        self.whole = last is None
        if self.whole:
            # The last blocks keep their published numbers where fewer middle ones are built.
            self.block12 = Block(728, 1024, 2, 2, grow_first=False)
            self.conv3, self.bn3 = SeparableConv(1024, 1536), nn.BatchNorm2d(1536)
            self.conv4, self.bn4 = SeparableConv(1536, 2048), nn.BatchNorm2d(2048)

    def stem(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)))

    def exit(self, x: Tensor) -> Tensor:
        """From the output of block 12 on."""
        x = functional.relu(self.bn3(self.conv3(x)))
        out: Tensor = self.bn4(self.conv4(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for name in self.names:
            x = self.get_submodule(name)(x)
        return self.exit(self.block12(x)) if self.whole else x
