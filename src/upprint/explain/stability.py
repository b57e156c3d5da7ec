"""Does a verdict survive what the web does to pictures? The picture is saved again and scored again.

A verdict that changes when the picture is re-saved rests on little, and copies found elsewhere may be judged
otherwise. One that holds is not thereby right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upprint import perturb
from upprint.result import Progress, ScanResult, Verdict

STEPS = ("jpeg(85)", "jpeg(70)", "resize(0.75)")
"""What is tried, in the text form of `upprint.perturb`."""

_WORDS = {
    "jpeg(85)": "saved again as a JPEG of quality 85",
    "jpeg(70)": "saved again as a JPEG of quality 70",
    "resize(0.75)": "reduced to three quarters of its width and height",
}


@dataclass(frozen=True)
class Variant:
    """A changed picture's score: what was done as `text` and in `words`, and what came of it."""

    text: str
    words: str
    logit: float
    probability: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Stability:
    """The picture's own verdict and those of its variants."""

    verdict: Verdict | None
    probability: float | None
    logit: float
    variants: tuple[Variant, ...]

    @property
    def holds(self) -> bool | None:
        """Whether every variant has the picture's verdict; None for an uncalibrated system."""
        if self.verdict is None:
            return None
        return all(variant.verdict == self.verdict for variant in self.variants)


def check(
    score: Callable[[NDArray[np.uint8]], ScanResult],
    pixels: NDArray[np.uint8],
    original: ScanResult,
    *,
    steps: Sequence[str] = STEPS,
    progress: Progress | None = None,
) -> Stability:
    """Score every variant of a picture.

    Args:
        score: takes uint8 RGB (H, W, 3) to a row, such as a `Scorer`.
        pixels: uint8 RGB (H, W, 3).
        original: the row of the picture itself.
        steps: perturbations as text.
        progress: called with (variants done, variants).

    Raises:
        ConfigError: a step that `upprint.perturb` does not know.
    """
    variants = []
    for done, text in enumerate(steps, start=1):
        row = score(perturb.parse(text)(pixels, seed=0))
        assert row.logit is not None  # `score` gives a logit or raises
        words = _WORDS.get(text, text)
        variants.append(Variant(text, words, row.logit, row.probability, row.verdict))
        if progress:
            progress(done, len(steps))
    assert original.logit is not None
    return Stability(original.verdict, original.probability, original.logit, tuple(variants))
