"""FrePGAN: Robust deepfake detection using frequency-level perturbations (Jeong, Kim, Ro, Choi; AAAI 2022),
in our interpretation: no code is public.

Idea: a generator adds a perturbation, made in the frequency domain, to every picture, camera-made and
generated, so
that what is peculiar to the training generator's frequencies is hidden; the classifier has to find what is
general.

f   x / 127.5 - 1 + G(x), with G(x) = F^-1(H(F(x))): FFT, real and imaginary parts as six channels, an
    encoder-decoder H, back to pixels.
D   ResNet-50 with one logit.
    Beside them a discriminator of four strided convolutions, which tells G's maps from camera-made pictures.

Known: these parts, their inputs, and that both are updated in each iteration. Not known: exact losses and
weights,
widths, depth, rates, sizes. Ours: L_D = BCE(D(x_real), 0) + BCE(D(G(x)), 1) and L_G = BCE(D(G(x)), 0) as
the paper writes them ("map"), or with x + G(x) in the place of G(x) and |G(x)| beside it ("sum").
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.resnet import resnet
from upprint.ops.fft import widened
from upprint.result import ConfigError
from upprint.systems._pretrained import RESNET50
from upprint.systems._registry import register

ENCODER = (64, 128, 256)
DISCRIMINATOR = (64, 128, 256, 512)
SLOPE = 0.2

CARD = SystemCard(
    name="frepgan",
    title="FrePGAN (our interpretation)",
    paper="Jeong et al., FrePGAN: Robust deepfake detection using frequency-level perturbations, AAAI 2022",
    year=2022,
    faithful=False,
    idea="an adversarial perturbation made in the frequency domain, then a ResNet-50",
    parameters=28_964_680,
    narrow=False,
    input=InputRule(tile=256, exact=True),
    needs="ImageNet weights of ResNet-50 to start the classifier from, if wanted (`init` in the config)",
    departures=(
        "Our interpretation: the paper's code is not public; losses, widths, rates and sizes are our choice.",
        (
            "One optimiser steps all parts at once, each on its own loss; the paper updates generator and "
            "classifier in turn within each iteration."
        ),
    ),
    limits=(
        "Numbers of this system say nothing about the paper's, and the other way round.",
        "Adversarial training varies from run to run.",
    ),
)


def _conv(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, 2, padding=1), nn.InstanceNorm2d(width), nn.LeakyReLU(SLOPE)
    )


def _up(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels, width, 4, 2, padding=1), nn.InstanceNorm2d(width), nn.ReLU()
    )


class Perturbation(nn.Module):
    """G: (N, 3, H, W) in [-1, 1] -> a map of the same shape; H and W are multiples of 8."""

    def __init__(self, slim: int = 1) -> None:
        super().__init__()
        a, b, c = (width // slim for width in ENCODER)
        self.down = nn.ModuleList((_conv(6, a), _conv(a, b), _conv(b, c)))
        self.middle = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.InstanceNorm2d(c), nn.ReLU())
        self.up = nn.ModuleList((_up(2 * c, b), _up(2 * b, a), _up(2 * a, a)))
        self.out = nn.Conv2d(a, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2] % 8 or x.shape[-1] % 8:
            raise ConfigError(
                f"frepgan: a picture of {x.shape[-1]} x {x.shape[-2]} pixels, expected multiples of 8"
            )
        spectrum = torch.fft.fft2(widened(x), norm="ortho")
        y, kept = torch.cat((spectrum.real, spectrum.imag), 1), []
        for layer in self.down:
            y = layer(y)
            kept.append(y)
        y = self.middle(y)
        for layer, before in zip(self.up, reversed(kept), strict=True):
            y = layer(torch.cat((y, before), 1))
        real, imaginary = self.out(y).chunk(2, 1)
        made: Tensor = torch.fft.ifft2(torch.complex(widened(real), widened(imaginary)), norm="ortho").real
        return made


class Perturbed(nn.Module):
    """f: (N, 3, H, W) in [0, 255] -> x + G(x)."""

    def __init__(self, slim: int) -> None:
        super().__init__()
        self.generator = Perturbation(slim)

    def pixels(self, images: Tensor) -> Tensor:
        return images.to(self.generator.out.weight.dtype) / 127.5 - 1

    def forward(self, images: Tensor) -> Tensor:
        x = self.pixels(images)
        out: Tensor = x + self.generator(x)
        return out


class FrepGan(Detector):
    """Three losses: classifier on x + G(x), discriminator, generator."""

    def __init__(self, slim: int, depth: int, target: str, card: SystemCard) -> None:
        super().__init__(Perturbed(slim), resnet(depth), card, None, RESNET50)
        widths = [width // slim for width in DISCRIMINATOR]
        layers = [_conv(c, w) for c, w in zip((3, *widths[:-1]), widths, strict=True)]
        self.discriminator = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 1)
        )
        self.target = target

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        f = self.representation
        assert isinstance(f, Perturbed)
        x = f.pixels(images)
        made = f.generator(x)
        still = made.detach()
        logits = self.network(x + still).reshape(len(x)).float()
        classifier = functional.binary_cross_entropy_with_logits(logits, labels.float())
        shown = made if self.target == "map" else x + made
        judged = [self.discriminator(shown.detach())]
        wanted = [torch.ones_like(judged[0])]
        if (labels == 0).any():
            judged.append(self.discriminator(x[labels == 0]))
            wanted.append(torch.zeros_like(judged[1]))
        discriminator = sum(
            functional.binary_cross_entropy_with_logits(a.float(), b.float())
            for a, b in zip(judged, wanted, strict=True)
        )
        # The generator's loss must not move the discriminator: its parameters are constants here.
        constant = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        fooled = functional_call(self.discriminator, constant, (shown,)).float()
        generator = functional.binary_cross_entropy_with_logits(fooled, torch.zeros_like(fooled))
        if self.target == "sum":
            generator = generator + made.abs().mean()
        return classifier + discriminator + generator


@register
def frepgan(target: str = "map", slim: int = 1, depth: int = 50, side: int = 256) -> Detector:
    """FrePGAN in our interpretation.

    Args:
        target: what the discriminator judges, "map" (G's output) or "sum" (the perturbed picture).
        slim: divides the widths of generator and discriminator.
        depth: layers of the classifier.
        side: of the pictures that an exported graph takes; torch takes any multiple of 8.

    Raises:
        ConfigError: another target.
    """
    if target not in ("map", "sum"):
        raise ConfigError(f"frepgan: target {target!r}, expected 'map' or 'sum'")
    options = {"target": target, "slim": slim, "depth": depth, "side": side}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return FrepGan(slim, depth, target, card)
