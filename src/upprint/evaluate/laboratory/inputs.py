"""What the variants look at: representations f for one and the same network D, or for a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from upprint.detector import Detector
from upprint.evaluate.laboratory.config import VariantConfig
from upprint.nets.resnet import ResNet
from upprint.ops.azimuthal import azimuthal_average
from upprint.ops.dct import log_dct2
from upprint.ops.fft import log_spectrum
from upprint.resynthesis.parts import load_phi
from upprint.systems.npr import IMAGENET_STD, NeighbouringPixelRelationships, npr
from upprint.systems.resynthesis import Residuals

IMAGENET_MEAN = (0.485, 0.456, 0.406)
LUMA = (0.299, 0.587, 0.114)

FLOOR = 0.01
"""Grey levels added before a logarithm; rounding to 8 bits alone puts 0.29 into every coefficient."""


class Plain(nn.Module):
    """(N, 3, H, W) in [0, 255] -> ImageNet standardisation, float32."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images.to(self.mean.dtype) - self.mean) / self.std


class LogDct(nn.Module):
    """(N, 3, H, W) -> log magnitude of each channel's DCT."""

    def forward(self, images: Tensor) -> Tensor:
        return log_dct2(images, FLOOR)


class LogSpectrum(nn.Module):
    """(N, 3, H, W) -> log magnitude of each channel's FFT, zero frequency in the middle."""

    def forward(self, images: Tensor) -> Tensor:
        return log_spectrum(images, FLOOR)


class Azimuthal(nn.Module):
    """(N, 3, H, W) -> (N, R): azimuthal average of the log spectrum of the luma."""

    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("luma", torch.tensor(LUMA).reshape(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        grey = (images.to(self.luma.dtype) * self.luma).sum(1)
        return azimuthal_average(log_spectrum(grey, FLOOR))


class Standardised(nn.Module):
    """A representation, then every entry minus its mean over `examples`, divided by its deviation there.

    Frank et al. (ICML 2020) do so with DCT coefficients, whose sizes differ by orders of magnitude.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, inner: nn.Module, examples: Tensor) -> None:
        super().__init__()
        self.inner = inner
        with torch.no_grad():
            values = inner(examples)
        self.register_buffer("mean", values.mean(0, keepdim=True))
        self.register_buffer("scale", values.std(0, keepdim=True).clamp(min=1e-3))

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, (self.inner(images) - self.mean) / self.scale)


class Scaled(nn.Module):
    """A residual times 16: it is a few grey levels in [0, 1], and the network else reads numbers near 1."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        return 16 * cast(Tensor, self.inner(images))


class FullPrecision(nn.Module):
    """A layer that autocast leaves alone.

    bfloat16 holds eight bits: rounded to it, a bright plain pixel loses its last grey level, and with it the
    trace. Differences of neighbours do not, so the plain picture would be wronged. Every variant's first
    convolution runs so.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return cast(Tensor, self.inner(x))


READ: dict[str, Callable[[], nn.Module]] = {
    "image": Plain,
    "dct": LogDct,
    "fft": LogSpectrum,
    "azimuthal": Azimuthal,
}


def representation(variant: VariantConfig) -> nn.Module:
    """f of a variant: (N, 3, H, W) uint8 to (N, C, H, W) or (N, features), float32, before `Standardised`."""
    if variant.input == "npr":
        return NeighbouringPixelRelationships(variant.block, variant.anchor)
    if variant.input == "residual":
        return Scaled(Residuals([load_phi(variant.phi)], None, [0]))
    return READ[variant.input]()


def spectral(variant: VariantConfig) -> bool:
    """Whether f's entries need to be standardised one by one."""
    return variant.input in ("dct", "fft", "azimuthal")


def network(variant: VariantConfig, examples: Tensor | None = None) -> Detector:
    """NPR's network on a variant's f; equal torch seeds give equal initial weights whatever f is.

    Args:
        examples: (N, 3, crop, crop) uint8 training crops, from which spectra are standardised; needed for
            those alone.

    Returns:
        Maps (N, 3, crop, crop) uint8 to logits (N,).
    """
    detector = npr()
    f = representation(variant)
    detector.representation = f if examples is None else Standardised(f, examples)
    resnet = cast(ResNet, detector.network)
    resnet.conv1 = FullPrecision(resnet.conv1)
    return detector


def features(variant: VariantConfig, images: Tensor) -> Tensor:
    """What a logistic regression reads: f averaged over channels, flattened, (N, features) float32."""
    with torch.no_grad():
        values: Tensor = representation(variant)(images)
    return values if values.ndim == 2 else values.mean(1).flatten(1)
