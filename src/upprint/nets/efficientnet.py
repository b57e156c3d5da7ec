"""EfficientNet (Tan & Le, ICML 2019) with the layer names and paddings of efficientnet_pytorch.

TensorFlow's "same" padding depends on the size of a layer's input. efficientnet_pytorch fixes it when the
network is
built: from 0.7 on as if pictures had the network's own size (380 for B4), before that as if every layer saw
that size. Weights follow the version they were trained with, so both are here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError

STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
"""Expansion, channels, repeats, stride and kernel of B0's stages."""

VARIANTS = {"b0": (1.0, 1.0, 224, 0.2), "b4": (1.4, 1.8, 380, 0.4)}
"""Width, depth, picture side and dropout."""

STEM, HEAD = 32, 1280
BN_EPS, BN_MOMENTUM = 1e-3, 0.01
DROP_CONNECT = 0.2


def channels_of(channels: int, width: float) -> int:
    """Channels times width to the nearest multiple of 8, never more than 10 % below."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow pads a square input of `size` pixels."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, size: int, groups: int = 1) -> None:
        super().__init__(channels, out, kernel, stride, groups=groups, bias=False)
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        self.before, self.after = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.pad(x, (self.before, self.after) * 2))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


class MBConv(nn.Module):
    """Expand, convolve per channel, squeeze and excite, project; plus the input where shapes allow."""

    def __init__(
        self, channels: int, out: int, expansion: int, stride: int, kernel: int, size: int, drop: float
    ) -> None:
        super().__init__()
        wide = channels * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(channels, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, size, groups=wide)
        self._bn1 = _norm(wide)
        self._se_reduce = nn.Conv2d(wide, max(1, channels // 4), 1)
        self._se_expand = nn.Conv2d(max(1, channels // 4), wide, 1)
        self._project_conv = nn.Conv2d(wide, out, 1, bias=False)
        self._bn2 = _norm(out)
        self.adds, self.drop = stride == 1 and channels == out, drop

    def forward(self, inputs: Tensor) -> Tensor:
        x = functional.silu(self._bn0(self._expand_conv(inputs))) if self.expands else inputs
        x = functional.silu(self._bn1(self._depthwise_conv(x)))
        squeezed = functional.silu(self._se_reduce(x.mean((-2, -1), keepdim=True)))
        x = torch.sigmoid(self._se_expand(squeezed)) * x
        out: Tensor = self._bn2(self._project_conv(x))
        if not self.adds:
            return out
        if self.training and self.drop > 0:
            kept = torch.rand(len(out), 1, 1, 1, device=out.device) >= self.drop
            out = out * kept / (1 - self.drop)
        return out + inputs


class EfficientNet(nn.Module):
    """(N, 3, H, W) -> features (N, C), C = 1792 for B4; with `outputs`, classes (N, outputs).

    Args:
        variant: "b4", or "b0" for small machines.
        outputs: classes of `_fc`; none builds no `_fc`.
        traced: paddings follow the picture through the network (0.7); False takes the picture's size for
            every layer (before 0.7).

    Raises:
        ConfigError: another variant.
    """

    def __init__(self, variant: str = "b4", *, outputs: int | None = None, traced: bool = True) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ConfigError(f"EfficientNet {variant!r}: expected one of {', '.join(VARIANTS)}")
        width, depth, size, dropout = VARIANTS[variant]
        channels = channels_of(STEM, width)
        self._conv_stem = SameConv(3, channels, 3, 2, size)
        self._bn0 = _norm(channels)
        total = sum(math.ceil(repeats * depth) for _, _, repeats, _, _ in STAGES)
        place = math.ceil(size / 2) if traced else size
        self._blocks = nn.ModuleList()
        for expansion, out, repeats, stride, kernel in STAGES:
            out = channels_of(out, width)
            for index in range(math.ceil(repeats * depth)):
                step, drop = (stride if index == 0 else 1), DROP_CONNECT * len(self._blocks) / total
                self._blocks.append(MBConv(channels, out, expansion, step, kernel, place, drop))
                channels, place = out, math.ceil(place / step) if traced else place
        self.features = channels_of(HEAD, width)
        self._conv_head = nn.Conv2d(channels, self.features, 1, bias=False)
        self._bn1 = _norm(self.features)
        self._dropout = nn.Dropout(dropout)
        self._fc: nn.Linear | None = None
        if outputs is not None:
            self._fc = nn.Linear(self.features, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # as in TensorFlow's own code
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.silu(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        pooled: Tensor = self._dropout(functional.silu(self._bn1(self._conv_head(x))).mean((-2, -1)))
        if self._fc is None:
            return pooled
        logits: Tensor = self._fc(pooled)
        return logits
