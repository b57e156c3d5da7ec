"""Training terms that teach a maker to hide its spectrum, so that detectors can be tested on makers that do.

+R  spectral regularisation (Durall, Keuper and Keuper, CVPR 2020): binary cross-entropy between a rebuilt
    picture's azimuthal profile and the photos' mean profile. The authors' code detaches the profile, so that
    no gradient reaches the generator, and swaps input and target; here it flows, towards the photos.
+A  spectral discriminator (Jung and Keuper, AAAI 2021): one linear layer on the same profile, trained and
    fooled with the losses of the picture discriminator, which it joins with equal weight.

Profile: luma (0.299, 0.587, 0.114), one-sided FFT, 20 ln(|F|² + 1e-8), mean over integer radius (floor),
minimum to maximum mapped to [0, 1] per picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LUMA = (0.299, 0.587, 0.114)
_TINY = 1e-8


def profile(images: Tensor) -> Tensor:
    """Azimuthal profiles (N, R) in [0, 1] of square images (N, 3, S, S); radii 0 .. R-1, all that occur."""
    grey = torch.einsum("nchw,c->nhw", images.float(), images.new_tensor(LUMA, dtype=torch.float32))
    power = torch.fft.rfft2(grey).abs().square()
    level = 20 * torch.log(power + _TINY)
    radius = radii(grey.shape[-1]).to(grey.device).flatten()
    count = torch.bincount(radius)
    summed = level.new_zeros(len(level), len(count)).index_add(1, radius, level.flatten(1))
    mean = summed / count
    low, high = mean.amin(1, keepdim=True), mean.amax(1, keepdim=True)
    return (mean - low) / (high - low + _TINY)


def radii(side: int) -> Tensor:
    """Integer radius of each frequency of `torch.fft.rfft2`, (side, side // 2 + 1), int64."""
    vertical = torch.fft.fftfreq(side, 1 / side)[:, None]
    horizontal = torch.fft.rfftfreq(side, 1 / side)[None]
    return torch.sqrt(vertical**2 + horizontal**2).floor().long()


def regulariser(rebuilt: Tensor, photos: Tensor) -> Tensor:
    """+R: cross-entropy of the rebuilt pictures' profiles against the photos' mean profile."""
    target = profile(photos).mean(0, keepdim=True).detach()
    found = profile(rebuilt).clamp(1e-6, 1 - 1e-6)
    return functional.binary_cross_entropy(found, target.expand_as(found))


class SpectralDiscriminator(nn.Module):
    """+A: profiles of (N, 3, S, S) images to one score each, (N, 1)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.score = nn.Linear(int(radii(side).max()) + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.score(profile(images))
        return scores
