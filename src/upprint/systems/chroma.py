"""chroma: ours, the default's counts on colour differences; a warning more than a detector.

Idea: the colours of a camera's picture have been interpolated from a mosaic, smoothed against noise and, in
nearly every file, kept at half the resolution; a decoder paints them at full resolution like all else.
Trained on aligned twins, the counts tell generated PNGs from camera JPEGs far better than luma does, as
they come. But nothing of it is left once both have been saved again, even with whole colours, or have got
some noise (docs/colours.md): what it sees cannot be told apart from the history of a file. Therefore no
weights are shipped.

f   red minus green and blue minus green in whole numbers, at full size; four high-pass residuals of each,
    quantised to seven levels; joint histograms of neighbours (`upprint.nets.cooccurrences`), as `upprint`
    counts luma.
D   Fisher's linear discriminant, fitted in one pass (`upprint.nets.discriminant`). Its output is log odds.

Recipe (configs/chroma.toml): that of `upprint`, with the same pairs and the same degradations.
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
    name="chroma",
    title="Chroma",
    paper="none: ours; features after Fridrich and Kodovský, Rich models for steganalysis, IEEE TIFS 2012",
    year=2026,
    faithful=False,
    idea="`upprint` on colour differences: good as files come, for a reason that may be the files' history",
    parameters=513,
    trained_by="fit",
    narrow=False,
    input=InputRule(tile=256, batch=1),
    limits=(
        (
            "What it sees may be the history of a file, not a generator's print: nothing is left once both "
            "classes have been saved again or have got some noise (docs/colours.md)."
        ),
        "Grey pictures carry no evidence either way.",
        "A score is about a whole tile: small generated regions are diluted.",
    ),
)


@register
def chroma(
    planes: Sequence[str] = ("red-green", "blue-green"),
    residuals: Sequence[str] = ("d1", "d2", "corner", "square"),
    steps: Sequence[float] = (1.0,),
    scales: Sequence[int] = (1,),
    ridge: float = 5e-3,
) -> Detector:
    """The discriminant on colour differences.

    Args:
        planes: which are counted, names of `upprint.ops.cooccurrence.PLANES`.
        residuals: which residuals of them.
        steps: widths of a level; several give several histograms of each residual.
        scales: 1 is full size, 2 is half.
        ridge: of the discriminant.

    Raises:
        ConfigError: an unknown plane, residual or scale.
    """
    f = Cooccurrences(residuals, steps, scales, planes)
    options = {
        "planes": list(planes),
        "residuals": list(residuals),
        "steps": list(steps),
        "scales": list(scales),
        "ridge": ridge,
    }
    return Detector(f, HistogramDiscriminant(f.size, ridge), replace(CARD, options=options))
