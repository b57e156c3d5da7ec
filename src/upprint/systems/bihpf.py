"""BiHPF: Bilateral high-pass filters for robust deepfake detection (Jeong, Kim, Min, Joe, Gwon, Choi; WACV
2022), in our interpretation: no code is public, and the paper's formulas are not.

Idea: artefacts of generators are strong at high frequencies and in the background rather than the middle of a
picture. Two high-pass filters amplify them, one over frequencies and one over places; a network classifies
the result.

f   (ours) x / 127.5 - 1, less its Gaussian blur, times a weight that rises from 0 in the middle to 1 at
    half the
    shorter side; FFT; magnitudes times a weight that is 0 below a quarter of the side and rises along a
    cosine to 1; ln(1 + |.|), zero frequency in the middle.
D   ResNet-50 with one logit: 23,510,081 parameters.

Known: both filters and their aims, ProGAN training on 1, 2 or 4 classes. Not known: formulas, gains, order,
what the
network sees, which network, every training setting. No agreement with printed numbers is to be expected.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.resnet import resnet
from upprint.systems._pretrained import RESNET50
from upprint.systems._registry import register

EDGE = 1 / 16
"""Width of the cosine edge, as a share of the side."""

CARD = SystemCard(
    name="bihpf",
    title="BiHPF (our interpretation)",
    paper="Jeong et al., BiHPF: Bilateral high-pass filters for robust deepfake detection, WACV 2022",
    year=2022,
    faithful=False,
    idea="high-pass filters over places and over frequencies, log magnitudes into a ResNet-50",
    parameters=23_510_081,
    narrow=False,
    input=InputRule(tile=256, exact=True),
    departures=(
        "Our interpretation: the paper's code is not public, and its filters are not known as formulas.",
        "Filters, their order, cut-off, network and every training setting are our choice.",
        "The paper's artifact compression map shows where artefacts lie; detection does without it.",
    ),
    limits=(
        "Numbers of this system say nothing about the paper's, and the other way round.",
        "Resizing and JPEG remove the high frequencies that it reads.",
    ),
)


def background(height: int, width: int) -> Tensor:
    """Weights of places: 0 in the middle, 1 from half the shorter side on, a cosine between; (H, W)."""
    y, x = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    return _edge(np.hypot(y[:, None], x[None]) / (min(height, width) / 2))


def high_pass(height: int, width: int, cut: float) -> Tensor:
    """Weights of shifted frequencies: 0 up to `cut` cycles per pixel, 1 from `cut` + 1/16 on; (H, W)."""
    y, x = (np.fft.fftshift(np.fft.fftfreq(size)) for size in (height, width))
    return _edge((np.hypot(y[:, None], x[None]) - cut) / EDGE)


def _edge(place: NDArray[np.float64]) -> Tensor:
    """0 up to 0, 1 from 1 on, half a cosine between. In NumPy, so that a graph holds it as a constant."""
    weights = (1 - np.cos(math.pi * np.clip(place, 0, 1))) / 2
    return torch.from_numpy(weights.astype(np.float32))


class Bilateral(nn.Module):
    """f: (N, 3, H, W) in [0, 255] -> (N, 3, H, W) float32, not negative."""

    kernel: Tensor

    def __init__(self, cut: float, sigma: float) -> None:
        super().__init__()
        self.cut = cut
        reach = math.ceil(3 * sigma)
        places = torch.arange(-reach, reach + 1, dtype=torch.float64, device="cpu")
        row = torch.exp(-0.5 * (places / sigma) ** 2)
        row = row / row.sum()
        self.register_buffer("kernel", (row[:, None] * row[None]).float()[None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        x = images.to(self.kernel.dtype) / 127.5 - 1
        reach = self.kernel.shape[-1] // 2
        padded = functional.pad(x, (reach,) * 4, mode="reflect")
        smooth = functional.conv2d(padded, self.kernel.expand(3, 1, -1, -1), groups=3)
        weighed = (x - smooth) * background(height, width).to(x)
        spectrum = torch.fft.fftshift(torch.fft.fft2(weighed.double()), dim=(-2, -1)).abs()
        return torch.log1p(spectrum * high_pass(height, width, self.cut).to(spectrum)).to(x.dtype)


@register
def bihpf(cut: float = 0.25, sigma: float = 1.0, depth: int = 50, side: int = 256) -> Detector:
    """BiHPF in our interpretation.

    Args:
        cut: cycles per pixel below which frequencies are dropped; 0.25 is a quarter of the side.
        sigma: of the blur whose difference is the high-pass over pixels.
        depth: layers of the ResNet.
        side: of the pictures that an exported graph takes; torch takes any.
    """
    options = {"cut": cut, "sigma": sigma, "depth": depth, "side": side}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return Detector(Bilateral(cut, sigma), resnet(depth), card, None, RESNET50)
