"""The discriminator of StyleGAN (Karras et al., CVPR 2019) at full resolution, with the layer names that the
converted weights of genforce have: input0, layer0, layer1, ...

Weights are drawn from N(0, 1) and scaled when used (equalised learning rate). Halving layers blur first;
from 128
pixels on their convolution is a strided one with a 4x4 kernel, below it is followed by averaging. The
standard
deviation over a batch, which the last convolution reads as a channel, is that of one picture alone: a
constant.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError

FUSED_FROM = 128
SLOPE = 0.2
ALONE = math.sqrt(1e-8)
"""The deviation channel of a picture in a batch of its own."""


class Layer(nn.Module):
    """A convolution or Dense layer, its weights scaled by gain / sqrt(fan in) in use."""

    def __init__(self, shape: tuple[int, ...], *, gain: float = math.sqrt(2), down: str = "") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self.scale, self.down, self.linear = gain / math.sqrt(math.prod(shape[1:])), down, gain == 1

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        if weight.ndim == 2:
            x = functional.linear(x.flatten(1), weight, self.bias)
        else:
            x = self._convolve(blur(x) if self.down else x, weight) + self.bias[:, None, None]
        return x if self.linear else functional.leaky_relu(x, SLOPE)

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.down == "fused":
            wide = functional.pad(weight, (1, 1, 1, 1))
            wide = (wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]) / 4
            return functional.conv2d(x, wide, stride=2, padding=1)
        x = functional.conv2d(x, weight, padding=weight.shape[-1] // 2)
        return functional.avg_pool2d(x, 2) if self.down else x


def blur(x: Tensor) -> Tensor:
    """[1 2 1] / 4 in both directions, zeros outside."""
    row = torch.tensor([1.0, 2.0, 1.0], device=x.device, dtype=x.dtype) / 4
    kernel = (row[:, None] * row[None])[None, None].expand(x.shape[1], 1, 3, 3)
    return functional.conv2d(x, kernel, padding=1, groups=x.shape[1])


class StyleGanDiscriminator(nn.Module):
    """(N, 3, side, side) in [-1, 1] -> (N, 1), every picture on its own.

    Args:
        side: a power of two, at least 8.
        base, most: channels at s pixels are min(base / s, most); 16384 and 512 as published.
    """

    loaded = False
    """Whether weights have been put in since they were drawn."""

    def __init__(self, side: int = 256, base: int = 16384, most: int = 512) -> None:
        super().__init__()
        if side < 8 or side & (side - 1):
            raise ConfigError(f"StyleGAN discriminator of {side} pixels: expected a power of two, at least 8")
        self.side = side

        def width(pixels: int) -> int:
            return min(base // pixels, most)

        self.input0 = Layer((width(side), 3, 1, 1))
        self.count, pixels = 0, side
        while pixels > 4:
            here, below = width(pixels), width(pixels // 2)
            self._append(Layer((here, here, 3, 3)))
            self._append(Layer((below, here, 3, 3), down="fused" if pixels >= FUSED_FROM else "average"))
            pixels //= 2
        self._append(Layer((width(4), width(4) + 1, 3, 3)))
        self._append(Layer((width(2), 16 * width(4))))
        self._append(Layer((1, width(2)), gain=1))
        self.register_load_state_dict_post_hook(_note_loading)  # type: ignore[no-untyped-call]

    def _append(self, layer: Layer) -> None:
        self.add_module(f"layer{self.count}", layer)
        self.count += 1

    def forward(self, x: Tensor) -> Tensor:
        x = self.input0(x)
        for place in range(self.count):
            if place == self.count - 3:
                x = torch.cat((x, torch.full_like(x[:, :1], ALONE)), 1)
            x = self.get_submodule(f"layer{place}")(x)
        return x


def _note_loading(module: nn.Module, _keys: object) -> None:
    assert isinstance(module, StyleGanDiscriminator)
    module.loaded = True
