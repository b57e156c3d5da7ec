"""Perturbations as seeded pure functions, and their text form.

    parse("jpeg(75)|resize(0.5)")            fixed
    parse("jpeg(75..95)|0.3*resize(0.5..2)") drawn: a range per picture, a step with a probability
    parse("resize(0.5,bilinear/lanczos)")    drawn: one of several values
    parse("0.5*chain(blur(1)|jpeg(80))")     steps taken together

The text is the column label, the file name and the config value. The same seed gives the same draws
whatever the picture shows, so that a photo and its twin are treated alike.

One family, one file: `codec`, `geometry`, `filters`, `tone`, and `chains` for what is made of others.
"""

from __future__ import annotations

from upprint.perturb.codec import jpeg, webp
from upprint.perturb.filters import blur, kernel, median, screenshot, sharpen
from upprint.perturb.geometry import crop, fit, resize, through, zoom
from upprint.perturb.kinds import KINDS, Pixels
from upprint.perturb.text import Chain, Step, parse
from upprint.perturb.tone import gamma, noise, noise_of_variance

__all__ = [
    "KINDS",
    "Chain",
    "Pixels",
    "Step",
    "blur",
    "crop",
    "fit",
    "gamma",
    "jpeg",
    "kernel",
    "median",
    "noise",
    "noise_of_variance",
    "parse",
    "resize",
    "screenshot",
    "sharpen",
    "through",
    "webp",
    "zoom",
]
