"""DIRE: DIRE for diffusion-generated image detection (Wang, Bao, Zhou, Wang, Hu, Chen, Li; ICCV 2023).

Idea: a diffusion model rebuilds pictures of diffusion models better than camera-made ones. Invert a picture
to noise, sample it back, and classify what is lost.

f   |x - R(x)| with x in [-1, 1], R 20 DDIM steps to noise and 20 back, times 127.5, cut down to whole grey
    levels; ImageNet standardisation.
D   ResNet-50 with one logit, started from ImageNet weights: 23,510,081 parameters.

R is the user's model (`denoiser` names a folder in diffusers' layout; the paper has ADM 256²
unconditional), or a
small one that we train on the camera-made training pictures ("own"), or already done ("maps": the pictures
given are DIRE maps, which is how the official classifiers are fed).

Recipe (configs/dire_paper.toml): 256², map, crop 224² and flip of it, Adam 1e-4, batch 64, early stopping.
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
from upprint.nets.denoiser import DiffusersDenoiser, SmallDenoiser
from upprint.nets.resnet import resnet
from upprint.ops.augment import random_crop
from upprint.ops.ddim import STEPS, chosen_steps, reconstruct, signal_shares
from upprint.ops.sizes import check_side
from upprint.ops.standardise import Standardise
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import RESNET50
from upprint.systems._registry import register

OWN_RATE = 1e-3

CARD = SystemCard(
    name="dire",
    title="DIRE (Wang et al.)",
    paper="Wang et al., DIRE for diffusion-generated image detection, ICCV 2023",
    year=2023,
    faithful=True,
    idea="what a diffusion model loses in rebuilding the picture, into a ResNet-50",
    parameters=23_510_081,
    input=InputRule(tile=256, exact=True),
    exportable=False,
    export_note="rebuilding a picture takes 40 passes through a diffusion model; only denoiser=maps, which "
    "is given the finished maps, can be exported",
    needs="a diffusion model in diffusers' layout (option denoiser=FOLDER, package diffusers), or DIRE maps "
    "(denoiser=maps); without either denoiser=own; ImageNet weights of ResNet-50 to train as published",
    departures=(
        (
            "Maps go to the classifier directly. The authors save them under the picture's own name and "
            "format: camera-made ones are JPEG then and generated ones PNG, which alone separates them."
        ),
        (
            "With denoiser=own a small model, trained for one pass over the camera-made training pictures, "
            "stands in for ADM. That is not the paper's system."
        ),
        "Single precision throughout; the authors' diffusion model runs in half precision.",
    ),
    limits=(
        "It sees diffusion models near to the one that rebuilds; others look like camera-made pictures.",
        "Forty passes through the diffusion model for every picture.",
    ),
)

OFFICIAL = OfficialLayout(rename=(("", "network."),), head="network.fc", fake_is_one=True)
"""lsun_adm.pth and others: {"model": {torchvision's ResNet-50 with one output}}; use with denoiser=maps."""


class Dire(nn.Module):
    """f: (N, 3, side, side) in [0, 255] -> standardised maps (N, 3, s, s), s = `crop` in training."""

    def __init__(self, denoiser: str, side: int, crop: int, steps: int, width: int) -> None:
        super().__init__()
        self.kind, self.side, self.crop, self.steps = denoiser, side, crop, steps
        self.standardise = Standardise.imagenet()
        if denoiser == "own":
            self.denoiser: nn.Module = SmallDenoiser(width).requires_grad_(False)
        elif denoiser != "maps":
            self.denoiser = DiffusersDenoiser(denoiser)

    def maps(self, images: Tensor) -> Tensor:
        """Whole grey levels 0..255, (N, 3, side, side)."""
        check_side(images, self.side, "dire")
        if self.kind == "maps":
            return images.float()
        x = images.float() / 127.5 - 1
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            # One by one: sums over a batch round otherwise for other neighbours, and the levels are cut down.
            rebuilt = [reconstruct(one[None], self.denoiser, self.steps) for one in x]
        again = torch.cat(rebuilt) if rebuilt else x
        return ((x - again).abs() * 127.5).clamp(0, 255).floor()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(images)
        if self.training and self.crop < self.side:
            maps = random_crop(maps, self.crop)
        out: Tensor = self.standardise(maps)
        return out

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Train the stand-in for one pass over camera-made pictures; other denoisers stay as they are."""
        if self.kind != "own":
            return {}
        shares, draw = signal_shares(), torch.Generator().manual_seed(0)
        with torch.inference_mode(False), torch.enable_grad():
            self.denoiser.requires_grad_(True)
            optimiser = torch.optim.Adam(self.denoiser.parameters(), lr=OWN_RATE)
            for images, labels in batches():
                x = images[labels == 0].float() / 127.5 - 1
                if not len(x):
                    continue
                step = torch.randint(STEPS, (len(x),), generator=draw)
                noise = torch.randn(x.shape, generator=draw)
                share = shares[step].float()[:, None, None, None]
                noised = (share.sqrt() * x.cpu() + (1 - share).sqrt() * noise).to(x.device)
                loss = functional.mse_loss(self.denoiser(noised, step.to(x.device)), noise.to(x.device))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            self.denoiser.requires_grad_(False)
        return {}


@register
def dire(
    denoiser: str = "own", side: int = 256, crop: int = 224, steps: int = 20, width: int = 32, depth: int = 50
) -> Detector:
    """DIRE.

    Args:
        denoiser: a folder in diffusers' layout, "own", or "maps" where the pictures are DIRE maps already.
        side: of the pictures.
        crop: of the maps in training.
        steps: of DDIM each way.
        width: of our own denoiser.
        depth: layers of the classifier.

    Raises:
        ConfigError: a number of steps that does not divide a thousand evenly.
    """
    try:
        chosen_steps(steps)
    except StopIteration:
        raise ConfigError(f"dire: {steps} steps, expected a number like 10, 20, 25, 50 or 100") from None
    options = {
        "denoiser": denoiser, "side": side, "crop": crop, "steps": steps, "width": width, "depth": depth
    }  # fmt: skip
    exportable = denoiser == "maps"
    card = replace(
        CARD,
        options=options,
        input=replace(CARD.input, tile=side),
        exportable=exportable,
        export_note="" if exportable else CARD.export_note,
    )
    layout = OFFICIAL if denoiser != "own" else None
    return Detector(Dire(denoiser, side, crop, steps, width), resnet(depth), card, layout, RESNET50)
