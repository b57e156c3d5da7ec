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

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.cooccurrences import Cooccurrences
from upprint.nets.discriminant import HistogramDiscriminant
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
