"""upprint: ours, the default detector.

Idea: a decoder that up-samples ties neighbouring pixels to each other in ways that no sensor does. Which
value of a small residual stands beside which, counted over a tile, says so; a linear rule on counts has few
parameters, so that what is learnt from twins by some makers holds for pictures by others.

f   luma in whole numbers, at full and half size; four high-pass residuals of each, quantised to seven levels;
    joint histograms of neighbours along, across and diagonally (`upprint.ops.cooccurrence`), folded by
    symmetry, and their square roots. After steganalysis (SPAM, rich models); Nataraj et al., Detecting GAN
    generated fake images using co-occurrence matrices (2019), counted pixels in this way.
D   Fisher's linear discriminant, fitted in one pass (`upprint.nets.discriminant`). Its output is log odds.

Recipe (configs/upprint.toml): photos and their aligned twins by makers of several families, same size, same
history, random crops in pairs that share every draw. Why this and not a network: docs/default.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.discriminant import HistogramDiscriminant
from upprint.ops.cooccurrence import (
    GAINS,
    KINDS,
    SMALLEST,
    UNIT,
    folding,
    halved,
    histograms,
    luma,
    padded,
    within,
)
from upprint.ops.cooccurrence import residuals as residuals_of
from upprint.result import ConfigError
from upprint.systems._registry import register

CARD = SystemCard(
    name="upprint",
    title="upprint",
    paper="none: ours; features after Fridrich and Kodovský, Rich models for steganalysis, IEEE TIFS 2012",
    year=2026,
    faithful=False,
    idea="which value of a small residual stands beside which, counted, into a linear discriminant",
    parameters=513,
    trained_by="fit",
    narrow=False,
    input=InputRule(tile=256, batch=1),
    limits=(
        "Strong JPEG, resizing and blur remove the evidence; what is left is weak below JPEG quality 75.",
        "A picture that a camera, an editor or a super-resolution network enlarged can carry a like print.",
        "A score is about a whole tile: small generated regions are diluted.",
        (
            "Residuals, ridge and makers were chosen with an eye on the generators that its numbers are "
            "about: expect less of others."
        ),
    ),
)


CELL = 32
"""Side of a cell of the map, in pixels."""


class Cooccurrences(nn.Module):
    """f: (N, 3, H, W) in [0, 255] to local histograms, (N, d, ceil(H / 32), ceil(W / 32)) float32.

    Args:
        residuals: names of `upprint.ops.cooccurrence.GAINS`.
        steps: widths of a level, in units of the residual's gain.
        scales: 1 is full size, 2 is half.
    """

    def __init__(self, names: Sequence[str], steps: Sequence[float], scales: Sequence[int]) -> None:
        super().__init__()
        unknown = sorted(set(names) - set(GAINS))
        if unknown or not names:
            raise ConfigError(f"residuals {unknown or 'none'}: expected some of {', '.join(GAINS)}")
        if not scales or not set(scales) <= {1, 2}:
            raise ConfigError(f"scales {list(scales)}: expected 1, 2 or both")
        self.names, self.steps, self.scales = tuple(names), tuple(steps), tuple(scales)

    def forward(self, images: Tensor) -> Tensor:
        smallest = SMALLEST * max(self.scales)
        if min(images.shape[-2:]) < smallest:
            raise ConfigError(
                f"upprint: a picture of {images.shape[-1]}x{images.shape[-2]} pixels, expected {smallest} or "
                "more each way; repeat it up to a tile"
            )
        # Counts are exact in float32 and in nothing narrower.
        with torch.autocast(images.device.type, enabled=False):
            if torch.compiler.is_exporting():
                return self._histograms(luma(images))
            # One by one: what is counted of a batch is too much for a cache and takes twice the time.
            return torch.cat([self._histograms(luma(image[None])) for image in images])

    def _histograms(self, y: Tensor) -> Tensor:
        found = []
        height, width = y.shape[1:]
        y = padded(y, CELL)
        for scale in self.scales:
            if scale == 2:
                y, height, width = halved(y), height // 2, width // 2
            maps, inside = residuals_of(y), within(y, height, width)
            for name in self.names:
                horizontal, *vertical = maps[name]
                other = vertical[0] if vertical else None
                for step in self.steps:
                    level = step * GAINS[name] * UNIT * scale**2
                    found.append(histograms(horizontal, other, level, inside, CELL // scale))
        return torch.cat(found, 1).flatten(1, 2)

    @property
    def size(self) -> int:
        """d."""
        kinds = sum(KINDS[name] for name in self.names)
        return kinds * len(self.steps) * len(self.scales) * int(folding().shape[1])


@register
def upprint(
    residuals: Sequence[str] = ("d1", "d2", "corner", "square"),
    steps: Sequence[float] = (1.0,),
    scales: Sequence[int] = (1, 2),
    ridge: float = 5e-3,
) -> Detector:
    """The default detector, or one of the variants that it was chosen from.

    Args:
        residuals: which are counted.
        steps: widths of a level; several give several histograms of each residual.
        scales: 1 is full size, 2 is half.
        ridge: of the discriminant.

    Raises:
        ConfigError: an unknown residual or scale.
    """
    f = Cooccurrences(residuals, steps, scales)
    options = {
        "residuals": list(residuals), "steps": list(steps), "scales": list(scales), "ridge": ridge
    }  # fmt: skip
    return Detector(f, HistogramDiscriminant(f.size, ridge), replace(CARD, options=options))
