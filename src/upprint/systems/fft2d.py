"""FFT-2d: Detecting and simulating artifacts in GAN fake images (Zhang, Karaman, Chang; WIFS 2019).

Idea: up-sampling repeats a picture's spectrum; a classifier on log magnitudes of the two-dimensional FFT sees
the copies.

f   BGR / 255, per channel |FFT| with the zero frequency in the corner, ln(|F| + 1e-3), mapped so that the 5th
    and 95th percentile of the channel become -1 and 1, clipped there.
D   ResNet-34 with two outputs, started from ImageNet weights: 21,285,698 parameters.

Recipe (configs/fft2d_paper.toml): 256² pictures, random crop 224², SGD 0.01 with momentum 0.9 and dampening
0.9, weight decay 1e-4, batch 16, 20 epochs. Test: centre crop 224².
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.margin import Margin
from upprint.nets.resnet import resnet
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import Pretrained
from upprint.systems._registry import register

FLOOR = 1e-3
LOW, HIGH = 0.05, 0.95
BANDS = ("all", "low", "middle", "high")

CARD = SystemCard(
    name="fft2d",
    title="FFT-2d (Zhang et al., AutoGAN)",
    paper="Zhang, Karaman, Chang, Detecting and simulating artifacts in GAN fake images, WIFS 2019",
    year=2019,
    faithful=True,
    idea="log magnitudes of the two-dimensional FFT, scaled by percentiles, into a ResNet-34",
    parameters=21_285_698,
    narrow=False,
    input=InputRule(tile=224, exact=True),
    needs="to train as published: torchvision's ImageNet weights of ResNet-34 (`init` in the config)",
    departures=(
        "The FFT is taken in double precision.",
        "A channel without spread in its spectrum becomes -1 throughout; theirs divides by zero.",
        "Class 1 is generated; theirs is 0. Official checkpoints are turned on their way in.",
        "Their training script does not start as published (an unmade parser); this one does.",
        "Their lists read camera-made pictures as JPEG and generated ones as PNG; ours equalise formats.",
    ),
    limits=(
        "Any resampling and JPEG change the spectrum that it reads.",
        "Percentiles are taken per picture: its size changes them little, its content a lot.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("", "network.net."),),
    head="network.net.fc",
    fake_is_one=False,
    two_class=True,
    wrappers=("state_dict", "model"),
)
"""checkpoint_20.pth: {"epoch", "state_dict": {torchvision's ResNet-34 with two outputs}}; generated = 0."""


class ScaledLogFft(nn.Module):
    """f: (N, 3, H, W) RGB in [0, 255] -> (N, 3, H, W) BGR in [-1, 1], float32."""

    def __init__(self, band: str) -> None:
        super().__init__()
        self.band = band

    def forward(self, images: Tensor) -> Tensor:
        x = images.flip(1).double() / 255
        logs = torch.log(torch.fft.fft2(x).abs() + FLOOR)
        ordered = logs.flatten(2).sort(-1).values
        low, high = (_quantile(ordered, q)[..., None, None] for q in (LOW, HIGH))
        spread = (high - low).clamp(min=1e-12)
        scaled = (2 * ((logs - low) / spread - 0.5)).clamp(-1, 1).float()
        if self.band == "all":
            return scaled
        return scaled * _mask(self.band, images.shape[-2], images.shape[-1]).to(scaled)


def _quantile(ordered: Tensor, q: float) -> Tensor:
    """NumPy's linear percentile of values sorted along the last axis."""
    place = q * (ordered.shape[-1] - 1)
    below = math.floor(place)
    above = min(below + 1, ordered.shape[-1] - 1)
    return ordered[..., below] + (place - below) * (ordered[..., above] - ordered[..., below])


def _mask(band: str, height: int, width: int) -> Tensor:
    """1 in a band of the unshifted spectrum: squares of half width 60 and 91 of 224 round the zero
    frequency."""
    far = torch.maximum(
        torch.fft.fftfreq(height).abs()[:, None].expand(height, width),
        torch.fft.fftfreq(width).abs()[None].expand(height, width),
    )
    inner, outer = far < 60 / 224, far < 91 / 224
    kept = {"low": inner, "middle": outer & ~inner, "high": ~outer}[band]
    return kept.float()


@register
def fft2d(band: str = "all", depth: int = 34, side: int = 224) -> Detector:
    """FFT-2d as published, or with a part of the spectrum.

    Args:
        band: "all", or only "low", "middle" or "high" frequencies (the paper's ablation); others become 0.
        depth: layers of the ResNet.
        side: of the pictures that an exported graph takes; torch takes any.

    Raises:
        ConfigError: another band.
    """
    if band not in BANDS:
        raise ConfigError(f"fft2d: band {band!r}, expected one of {', '.join(BANDS)}")
    network = resnet(depth)
    network.fc = nn.Linear(network.head.in_features, 2)
    card = replace(
        CARD, options={"band": band, "depth": depth, "side": side}, input=replace(CARD.input, tile=side)
    )
    start = Pretrained("resnet34-b627a593.pth, torchvision's ImageNet weights", part="network.net")
    return Detector(ScaledLogFft(band), Margin(network), card, OFFICIAL, start)
