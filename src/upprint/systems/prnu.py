"""PRNU: Do GANs leave artificial fingerprints? (Marra, Gragnaniello, Verdoliva, Poggi; MIPR 2019), in the
runnable form of Frank et al.'s baseline.

Idea: a denoiser's residual, averaged over many pictures of one source, is that source's fingerprint; a
picture belongs to the source whose fingerprint its own residual correlates with most.

f   residual of each channel: db4 wavelet, four levels, in every detail band c s²/(v + s²) with v the
    smallest local variance over windows of 3, 5, 7 and 9 pixels less s² (s = 5), approximation dropped.
D   one fingerprint of camera-made and one of generated pictures, estimated as for cameras; grey, means of
    rows and
    columns removed on the four sub-grids, Wiener filter on the DFT magnitude. The score is the difference
    of the normalised correlations.

Recipe (configs/prnu_paper.toml): pictures of one size, cut and never resized; one fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Batches, Detector
from upprint.ops.noise import noise_residual, remove_means, whiten
from upprint.ops.sizes import check_side
from upprint.result import DataError
from upprint.systems._registry import register

GREY = (0.29893602, 0.58704307, 0.11402090)
KNEE, SPREAD = 252.0, 6.0
SATURATED = 250

CARD = SystemCard(
    name="prnu",
    title="PRNU fingerprints (Marra et al.)",
    paper="Marra et al., Do GANs leave artificial fingerprints?, MIPR 2019",
    year=2019,
    faithful=True,
    idea="correlation of a picture's noise residual with the fingerprints of both classes",
    parameters=2 * 256 * 256,
    trained_by="fit",
    narrow=False,
    input=InputRule(tile=256, exact=True),
    departures=(
        "The paper averages residuals; this is the camera estimator that Frank et al. run as its baseline.",
        "Two fingerprints, camera-made and generated; theirs has one for each generator.",
        (
            "A pixel counts as saturated where it is its channel's maximum, above 250, and a neighbour has "
            "the same value. Their differences of bytes wrap around, so theirs marks others too."
        ),
    ),
    limits=(
        "Fingerprints are per position: cropping, resizing or turning a picture destroys the match.",
        "It knows the generators it was fitted on; across generators it is at chance.",
    ),
)


class Residual(nn.Module):
    """f: (N, 3, side, side) in [0, 255] -> (N, 6, side, side): residual, then the picture itself."""

    def __init__(self, side: int, levels: int, sigma: float) -> None:
        super().__init__()
        self.side, self.levels, self.sigma = side, levels, sigma

    def forward(self, images: Tensor) -> Tensor:
        check_side(images, self.side, "prnu")
        x = images.float()
        return torch.cat((noise_residual(x, self.levels, self.sigma), x), 1)


def intensity(x: Tensor) -> Tensor:
    """The weight of a grey level: I / 252 up to 252, falling above."""
    return torch.where(x < KNEE, x / KNEE, torch.exp(-((x - KNEE) ** 2) / SPREAD))


def unsaturated(x: Tensor) -> Tensor:
    """0 where a pixel is its channel's maximum, above 250, and equals one of its four neighbours; else 1."""
    top = (x == x.amax((-2, -1), keepdim=True)) & (x > SATURATED)
    equal = torch.zeros_like(top)
    for dim in (-2, -1):
        for shift in (1, -1):
            equal |= x == x.roll(shift, dim)
    return (~(top & equal)).to(x.dtype)


def clean(residual: Tensor) -> Tensor:
    """Grey, without row and column means, whitened: (N, 3, H, W) -> (N, H, W)."""
    red, green, blue = residual.unbind(1)
    return whiten(remove_means(GREY[0] * red + GREY[1] * green + GREY[2] * blue))


class Fingerprints(nn.Module):
    """D: f's output -> difference of correlations (N,)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.fingerprints = nn.Parameter(torch.zeros(2, side, side), requires_grad=False)

    def correlations(self, x: Tensor) -> Tensor:
        """Normalised correlation with each class's fingerprint, (N, 2)."""
        residual = clean(x[:, :3]).flatten(1)
        known = self.fingerprints.flatten(1)
        residual = residual - residual.mean(1, keepdim=True)
        known = known - known.mean(1, keepdim=True)
        norms = residual.norm(dim=1)[:, None] * known.norm(dim=1)[None]
        rho: Tensor = residual @ known.T / norms.clamp(min=1e-12)
        return rho

    def forward(self, x: Tensor) -> Tensor:
        rho = self.correlations(x)
        return rho[:, 1] - rho[:, 0]

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Sum of W I / 255 over sum of (weight x mask)² + 1, per class; then cleaned like a residual."""
        shape = (2, 3, *self.fingerprints.shape[1:])
        above, below = torch.zeros(shape), torch.zeros(shape)
        seen = set()
        for x, labels in batches():
            residual, pixels = x[:, :3].cpu(), x[:, 3:].cpu()
            for label in (0, 1):
                chosen = labels.cpu() == label
                if chosen.any():
                    seen.add(label)
                    w, i = residual[chosen], pixels[chosen]
                    above[label] += (w * i / 255).sum(0)
                    below[label] += ((intensity(i) * unsaturated(i)) ** 2).sum(0)
        if seen != {0, 1}:
            raise DataError(f"prnu: fingerprints need both classes, found labels {sorted(seen)}")
        self.fingerprints.copy_(clean(above / (below + 1)))
        return {}


@register
def prnu(side: int = 256, levels: int = 4, sigma: float = 5.0) -> Detector:
    """PRNU fingerprints.

    Args:
        side: of the pictures, in pixels.
        levels: of the wavelet transform.
        sigma: standard deviation of the noise that the residual keeps, in grey levels.
    """
    options = {"side": side, "levels": levels, "sigma": sigma}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return Detector(Residual(side, levels, sigma), Fingerprints(side), card)
