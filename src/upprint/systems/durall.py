"""1-D spectrum: Watch your up-convolution (Durall, Keuper, Keuper; CVPR 2020) and Unmasking deepfakes with
simple features (Durall, Keuper, Pfreundt, Keuper; 2019).

Idea: CNN generators get the power spectrum wrong at high frequencies. The spectrum as a function of its
radius alone, into a support-vector machine or logistic regression, is enough.

f   grey (BT.601, rounded), FFT, 20 ln|F + 1e-8|, mean over whole-number radii round ((W - 1) / 2, (H - 1) /
    2)
    of the shifted spectrum without the first and the last radius: 179 values for 256²; divided by the first.
D   fitted by scikit-learn, not by gradients: "logistic" (the default, 180 numbers), "linear" or "rbf" (C
    6.37, gamma 0.86) support vectors. The score is the decision function.

Recipe (configs/durall_paper.toml): 256² pictures, one fit. Length and normalisation of the profile differ by
data set in the authors' notebooks; `bins` and `normalise` say which is followed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.kernel import FittedClassifier
from upprint.ops.dft import dft2
from upprint.systems._registry import register

EPSILON = 1e-8
BY_MATRIX, VANISHING = 512, 1e-6
LUMA = np.array([0.299, 0.587, 0.114]).reshape(3, 1, 1)
Places = NDArray[np.int64]

CARD = SystemCard(
    name="durall",
    title="1-D spectrum (Durall et al.)",
    paper="Durall, Keuper, Keuper, Watch your up-convolution: CNN based generative deep neural networks are "
    "failing to reproduce spectral distributions, CVPR 2020",
    year=2020,
    faithful=True,
    idea="the spectrum's mean over each radius, into a support-vector machine or logistic regression",
    parameters=180,
    trained_by="fit",
    narrow=False,
    input=InputRule(tile=256, exact=True),
    departures=(
        "The FFT is taken in double precision; parts of a frequency below 1e-6, rounding, count as 0.",
        "Where a picture's profile has another length it is resampled linearly; pictures never are.",
        (
            "The default is logistic regression: support vectors of 144,024 pictures take too long. The "
            "authors' notebooks use both."
        ),
        "Features enter the classifier as they are, as theirs do; nothing is standardised.",
        "Generated is class 1. Their FaceForensics notebook has it the other way round.",
    ),
    limits=(
        "Everything but the radial mean is thrown away; it knows sharpness and noise, and little else.",
        "JPEG and resizing change exactly the tail that it reads.",
    ),
)


class RadialProfile(nn.Module):
    """f: (N, 3, H, W) in [0, 255] -> (N, bins) float32."""

    def __init__(self, bins: int, *, normalise: bool) -> None:
        super().__init__()
        self.bins, self.normalise = bins, normalise

    def forward(self, images: Tensor) -> Tensor:
        # From NumPy: an exporter rounds Python's numbers to single precision.
        luma = torch.from_numpy(LUMA).to(images.device)
        grey = (images.double() * luma).sum(1).round()
        if max(grey.shape[-2:]) <= BY_MATRIX:
            real, imaginary = dft2(grey)
        else:
            spectrum = torch.fft.fft2(grey)
            real, imaginary = spectrum.real, spectrum.imag
        # Frequencies that vanish keep only what was added, not the rounding of one library or another.
        real, imaginary = (torch.where(part.abs() < VANISHING, 0.0, part) for part in (real, imaginary))
        # 20 ln|F + epsilon|, with epsilon brought to 1: exporters drop what they take for adding nothing.
        power = 10 * torch.log((real / EPSILON + 1) ** 2 + (imaginary / EPSILON) ** 2) + 20 * math.log(
            EPSILON
        )
        power = torch.fft.fftshift(power, dim=(-2, -1))
        profile = _ring_means(power.flatten(1), images.shape[-2], images.shape[-1])
        if profile.shape[1] != self.bins:
            profile = nn.functional.interpolate(
                profile[:, None], self.bins, mode="linear", align_corners=True
            )[:, 0]
        return (profile / profile[:, :1] if self.normalise else profile).float()


@lru_cache(maxsize=16)
def rings(height: int, width: int) -> tuple[Places, Places, Places]:
    """Of a shifted spectrum, flattened: entries that count, their place in the profile, entries per place."""
    y = np.arange(height) - (height - 1) / 2
    x = np.arange(width) - (width - 1) / 2
    radius = np.floor(np.hypot(y[:, None], x[None])).astype(np.int64).reshape(-1)
    (entries,) = np.nonzero((radius >= 1) & (radius < radius.max()))
    return entries, radius[entries] - 1, np.bincount(radius[entries] - 1)


def _ring_means(values: Tensor, height: int, width: int) -> Tensor:
    """(N, H W) -> (N, rings)."""
    entries, places, counts = (torch.from_numpy(a).to(values.device) for a in rings(height, width))
    sums = values.new_zeros(values.shape[0], counts.shape[0])
    return sums.index_add(1, places, values.index_select(1, entries)) / counts


@register
def durall(
    classifier: str = "logistic", bins: int = 179, normalise: bool = True, vectors: int = 0, side: int = 256
) -> Detector:
    """The 1-D spectrum as a detector.

    Args:
        classifier: "logistic", "linear" or "rbf".
        bins: length of the profile that the classifier reads; 179 is native at 256², 722 at 1024².
        normalise: divide by the first value (CelebA, FaceForensics) or not (Faces-HQ).
        vectors: how many support vectors "rbf" has; set by the fit.
        side: of the pictures that an exported graph takes.

    Raises:
        ConfigError: another classifier.
    """
    network = FittedClassifier(classifier, bins, vectors)
    options = {
        "classifier": classifier, "bins": bins, "normalise": normalise, "vectors": vectors, "side": side
    }  # fmt: skip
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return Detector(RadialProfile(bins, normalise=normalise), network, card)


def profile_length(height: int, width: int) -> int:
    """How many values a picture of this size has: distinct whole radii, less two."""
    return int(math.hypot((height - 1) / 2, (width - 1) / 2)) - 1
