"""Up-sampling autoencoders: small networks that pass a photo through a generator's last stages.

After AutoGAN (Zhang, Karaman and Chang, WIFS 2019): an encoder-decoder trained on photos alone, whose decoder
enlarges the way a family of generators does, leaves that family's print on a photo and changes little else.
Ours are smaller than AutoGAN's CycleGAN generator, differ in the unit that enlarges, in the number of x2
stages and in normalisation, and may quantise their code (`upprint.forge.vq`) or read a reduced photo instead
of encoding a whole one (`upprint.forge.superres`).

The units stand in one file per family; `upprint.forge.makers` lists what can be built and what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError

Norm = Literal["none", "instance", "group"]
Reader = Literal["encode", "reduce"]
Unit = Callable[[int, int], nn.Module]
"""(channels in, channels out) -> a module that doubles height and width."""

WIDTHS = (24, 32, 64, 96, 128)
"""Channels at full size, 1/2, 1/4, 1/8, 1/16."""
LOCAL_MEAN = 16
"""Side, in pixels, of the means that a rebuilt picture shares with its photo."""
_GROUPS = 8
_SLOPE = 0.2


@dataclass(frozen=True)
class Recipe:
    """One maker: everything that its network and its training depend on.

    Args:
        unit: name of the up-sampling unit, a key of `upprint.forge.makers.UNITS`.
        stages: how many times the decoder doubles, 1 to 4.
        norm: of the decoder's and encoder's features: none, instance (CycleGAN's, without affine) or group.
        seed: of initial weights and of the training crops.
        codes: size of the code book between encoder and decoder; 0 for none.
        reader: "encode" learns the way down; "reduce" shrinks the photo and learns the way up alone.
        spectral: weight of the spectral regularisation (+R) in training; see `upprint.forge.hide`.
        spectral_discriminator: whether a discriminator on the spectrum (+A) takes part in training.
    """

    unit: str
    stages: int
    norm: Norm = "none"
    seed: int = 0
    codes: int = 0
    reader: Reader = "encode"
    spectral: float = 0.0
    spectral_discriminator: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.stages < len(WIDTHS):
            raise ConfigError(f"maker of {self.stages} stages: expected 1 to {len(WIDTHS) - 1}")
        if self.codes < 0 or self.spectral < 0:
            raise ConfigError(
                f"maker with {self.codes} codes and spectral {self.spectral}: expected 0 or more"
            )

    @property
    def name(self) -> str:
        """Tells recipes apart: unit, stages, norm, what is unusual, seed."""
        parts = [self.unit, str(self.stages)]
        parts += [self.norm] if self.norm != "none" else []
        parts += [f"vq{self.codes}"] if self.codes else []
        parts += ["sr"] if self.reader == "reduce" else []
        parts += ["r"] if self.spectral else []
        parts += ["a"] if self.spectral_discriminator else []
        return "-".join([*parts, f"s{self.seed}"])

    @property
    def stride(self) -> int:
        """Heights and widths are multiples of this."""
        return int(2**self.stages)


class UpsamplingAutoencoder(nn.Module):
    """Images (N, 3, H, W) in [0, 1], H and W multiples of the recipe's stride, to the same.

    Args:
        recipe: what to build.
        unit: the up-sampling unit that the recipe names.
        code: what happens to the latents (N, C, H/stride, W/stride) between the halves; gives them back
            with a loss of its own.
        remembers: the unit takes the places of the maxima that the encoder's pooling found.
    """

    def __init__(
        self, recipe: Recipe, unit: Unit, code: nn.Module | None = None, *, remembers: bool = False
    ) -> None:
        super().__init__()
        if remembers and recipe.reader == "reduce":
            raise ConfigError("a maker that reads reduced photos has no pooling to remember")
        self.recipe, self.code, self.remembers = recipe, code, remembers
        levels = list(range(recipe.stages))
        self.stem = _conv(3, WIDTHS[recipe.stages if recipe.reader == "reduce" else 0])
        if recipe.reader == "encode":
            self.down = nn.ModuleList(_Down(i, recipe.norm, pools=remembers) for i in levels)
        else:
            self.body = nn.Sequential(*(_Residual(WIDTHS[recipe.stages]) for _ in range(2)))
        self.up = nn.ModuleList(_Up(i, recipe.norm, unit) for i in reversed(levels))
        self.head = _conv(WIDTHS[0], 3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Rebuilt images, not clamped, and the code's own loss (0 without a code book).

        What is slower than 16 pixels is the photo's own: brightness and colour are content, not print, and
        normalisation would lose them.
        """
        latents, places = self.encode(images)
        loss = latents.new_zeros(())
        if self.code is not None:
            latents, loss = self.code(latents)
        rebuilt = self.decode(latents, places)
        return rebuilt + _local_mean(images - rebuilt), loss

    def encode(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Latents (N, C, H/stride, W/stride), and the places of the maxima where the units want them."""
        if self.recipe.reader == "reduce":
            small = functional.interpolate(
                images.float(), scale_factor=1 / self.recipe.stride, mode="bicubic", antialias=True
            )
            x: Tensor = self.body(self.stem(small.to(images.dtype)))
            return x, []
        x, places = self.stem(images), []
        for down in self.down:
            x, place = down(x)
            if place is not None:
                places.append(place)
        return x, places

    def decode(self, latents: Tensor, places: list[Tensor]) -> Tensor:
        x = latents
        for up in self.up:
            x = up(x, places.pop() if self.remembers else None)
        rebuilt: Tensor = self.head(x)
        return rebuilt


class _Down(nn.Module):
    """Half the size: a strided convolution, or a convolution and max-pooling that keeps its places."""

    def __init__(self, level: int, norm: Norm, *, pools: bool) -> None:
        super().__init__()
        self.pools = pools
        self.conv = _conv(WIDTHS[level], WIDTHS[level + 1], stride=1 if pools else 2)
        self.norm = _norm(norm, WIDTHS[level + 1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        x = functional.leaky_relu(self.norm(self.conv(x)), _SLOPE)
        if not self.pools:
            return x, None
        pooled, places = functional.max_pool2d(x, 2, return_indices=True)
        return pooled, places


class _Up(nn.Module):
    """Twice the size, then one more convolution, each with normalisation and a leaky ReLU."""

    def __init__(self, level: int, norm: Norm, unit: Unit) -> None:
        super().__init__()
        self.unit = unit(WIDTHS[level + 1], WIDTHS[level])
        self.conv = _conv(WIDTHS[level], WIDTHS[level])
        self.norms = nn.ModuleList(_norm(norm, WIDTHS[level]) for _ in range(2))

    def forward(self, x: Tensor, places: Tensor | None) -> Tensor:
        x = self.unit(x) if places is None else self.unit(x, places)
        x = functional.leaky_relu(self.norms[0](x), _SLOPE)
        return functional.leaky_relu(self.norms[1](self.conv(x)), _SLOPE)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width), nn.LeakyReLU(_SLOPE), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.convs(x)
        return summed


def _local_mean(x: Tensor) -> Tensor:
    """Means over 16x16 blocks, spread bilinearly over x's size."""
    means = functional.avg_pool2d(x, LOCAL_MEAN, ceil_mode=True, count_include_pad=False)
    return functional.interpolate(means, x.shape[-2:], mode="bilinear", align_corners=False)


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride, padding=1)


def _norm(kind: Norm, width: int) -> nn.Module:
    if kind == "instance":
        return nn.InstanceNorm2d(width)
    return nn.GroupNorm(_GROUPS, width) if kind == "group" else nn.Identity()


def enlarge(x: Tensor, mode: Literal["nearest", "bilinear"]) -> Tensor:
    """Twice the height and width by interpolation."""
    if mode == "nearest":
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


@torch.no_grad()
def rebuild(model: UpsamplingAutoencoder, images: Tensor) -> Tensor:
    """The generated twins of a batch, clamped to [0, 1]."""
    rebuilt: Tensor = model(images)[0].clamp(0, 1)
    return rebuilt
