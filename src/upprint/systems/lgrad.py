"""LGrad: Learning on gradients: generalized artifacts representation for GAN-generated images detection
(Tan, Zhao, Wei, Gu, Wei; CVPR 2023).

Idea: ask a network that was trained to judge pictures, a GAN's discriminator, how its output changes with
every pixel. This gradient drops the scene and keeps the artefacts.

f   the gradient of the discriminator of StyleGAN (bedrooms, 256²) with respect to the picture in [-1, 1],
    scaled per picture from its least to its greatest value to 0..255, rounded; ImageNet standardisation.
D   ResNet-50 with one logit, started from ImageNet weights: 23,510,081 parameters.

Recipe (configs/lgrad_paper.toml): 256² without regard to aspect, gradient, crop 224² of it, flip, Adam
5e-4, batch 16, 100 epochs, times 0.8 every 10. Test: the whole gradient of 256².
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Batches, Detector
from upprint.nets.resnet import resnet
from upprint.nets.stylegan import StyleGanDiscriminator
from upprint.ops.augment import random_crop
from upprint.ops.sizes import check_side
from upprint.ops.standardise import Standardise
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import RESNET50, Pretrained
from upprint.systems._registry import register

HEAD_STD = 0.02
OWN_BASE, OWN_MOST, OWN_RATE = 2048, 64, 1e-3

CARD = SystemCard(
    name="lgrad",
    title="LGrad (Tan et al.)",
    paper="Tan et al., Learning on gradients: generalized artifacts representation for GAN-generated images "
    "detection, CVPR 2023",
    year=2023,
    faithful=True,
    idea="the gradient of a GAN discriminator with respect to the picture, into a ResNet-50",
    parameters=23_510_081,
    input=InputRule(tile=256, exact=True),
    exportable=False,
    export_note="its representation is a gradient that is taken for every picture; an ONNX graph has no such "
    "operation",
    needs="the discriminator of StyleGAN bedrooms 256² in PyTorch (`init` in the config, or beside the "
    "official classifier at import), or option discriminator=own; ImageNet weights of ResNet-50",
    departures=(
        "Gradients go from discriminator to classifier directly, rounded as their PNG files are.",
        "Each picture is a batch of its own in the discriminator, as in the official scripts.",
        "Official classifier weights saw gradients of a TensorFlow discriminator; small differences remain.",
        (
            "With option discriminator=own a small discriminator, trained for one pass on the training "
            "pictures, stands in for StyleGAN's. That is not the paper's system."
        ),
    ),
    limits=(
        "A discriminator's gradient costs about three passes through it for every picture.",
        "Pictures are brought to 256²: resizing removes part of the evidence.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("", "network."),),
    head="network.fc",
    fake_is_one=True,
    file="LGrad-*class-Trainon-Progan_*.pth",
    beside=(
        OfficialLayout(
            rename=(("", "representation.discriminator."),),
            head="",
            fake_is_one=True,
            ignore=(
                "lod",
                *(f"input{place}." for place in range(1, 9)),
                *(f"layer{place}.blur." for place in range(16)),
            ),
            file="karras2019stylegan-bedrooms-256x256_discriminator.pth",
            licence="CC BY-NC 4.0 (NVIDIA)",
        ),
    ),
)
"""Classifier: a plain state dict. Discriminator: genforce's conversion; lower resolutions' inputs are
unused."""


def _used(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if not key.startswith(OFFICIAL.beside[0].ignore)}


DISCRIMINATOR = Pretrained(
    "karras2019stylegan-bedrooms-256x256_discriminator.pth, genforce's conversion",
    part="representation.discriminator",
    ignore=("lod",),
    fresh=(),
    adapt=_used,
    beside=(RESNET50,),
)


class DiscriminatorGradient(nn.Module):
    """f: (N, 3, side, side) in [0, 255] -> standardised gradient maps (N, 3, s, s).

    s is `crop` in training, at a random place and mirrored half the time, and `side` otherwise.
    """

    def __init__(self, side: int, crop: int, *, own: bool) -> None:
        super().__init__()
        self.side, self.crop, self.own = side, crop, own
        sizes = (OWN_BASE, OWN_MOST) if own else (16384, 512)
        self.discriminator = StyleGanDiscriminator(side, *sizes).requires_grad_(False)
        self.standardise = Standardise.imagenet()

    @property
    def precision(self) -> torch.dtype:
        return self.discriminator.input0.weight.dtype

    def gradients(self, images: Tensor) -> Tensor:
        """Rounded gradients in 0..255, (N, 3, side, side)."""
        check_side(images, self.side, "lgrad")
        maps = []
        for image in images:  # alone: a sum over a batch rounds otherwise for other neighbours
            with (
                torch.inference_mode(False),
                torch.enable_grad(),
                torch.autocast(image.device.type, enabled=False),
            ):
                x = (image.clone().to(self.precision) / 127.5 - 1)[None].requires_grad_()
                (gradient,) = torch.autograd.grad(self.discriminator(x).sum(), x)
            low, high = gradient.amin(), gradient.amax()
            spread = torch.where(high > low, high - low, torch.ones_like(high))
            maps.append(((gradient - low) / spread * 255).round())
        return torch.cat(maps) if maps else images.float()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.gradients(images)
        if self.training and self.crop < self.side:
            maps = random_crop(maps, self.crop)
        standard: Tensor = self.standardise(maps)
        return standard

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Train the stand-in for one pass; leave StyleGAN's as it was loaded.

        Raises:
            ConfigError: StyleGAN's discriminator was asked for and has no weights yet.
        """
        if not self.own:
            if not self.discriminator.loaded:
                raise ConfigError(
                    "lgrad: the discriminator has no weights; give StyleGAN's by `init`, or set "
                    'discriminator = "own"'
                )
            return {}
        with torch.inference_mode(False), torch.enable_grad():
            self.discriminator.requires_grad_(True)
            optimiser = torch.optim.Adam(self.discriminator.parameters(), lr=OWN_RATE, betas=(0.0, 0.99))
            for images, labels in batches():
                x = images.to(self.standardise.gain.device).float() / 127.5 - 1
                judged = self.discriminator(x)[:, 0]
                loss = functional.binary_cross_entropy_with_logits(judged, 1 - labels.to(judged))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            self.discriminator.requires_grad_(False)
        return {}


@register
def lgrad(discriminator: str = "stylegan", depth: int = 50, side: int = 256, crop: int = 224) -> Detector:
    """LGrad.

    Args:
        discriminator: "stylegan", whose weights the user brings, or "own", a small one trained by us.
        depth: layers of the classifier.
        side: of the pictures.
        crop: of the gradient maps in training.

    Raises:
        ConfigError: another discriminator.
    """
    if discriminator not in ("stylegan", "own"):
        raise ConfigError(f"lgrad: discriminator {discriminator!r}, expected 'stylegan' or 'own'")
    network = resnet(depth)
    network.head.weight.data.normal_(0, HEAD_STD)
    network.head.bias.data.zero_()
    options = {"discriminator": discriminator, "depth": depth, "side": side, "crop": crop}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    f = DiscriminatorGradient(side, crop, own=discriminator == "own")
    return Detector(f, network, card, OFFICIAL, RESNET50 if f.own else DISCRIMINATOR)
