"""Perturbations as seeded pure functions, and their text form.

    parse("jpeg(75)|resize(0.5)")            fixed
    parse("jpeg(75..95)|0.3*resize(0.5..2)") drawn: a range per picture, a step with a probability

The text is the column label, the file name and the config value. The same seed gives the same draws
whatever the picture shows, so that a photo and its twin are treated alike.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.images import decode_bytes
from upprint.result import ConfigError

Pixels = NDArray[np.uint8]
_SUBSAMPLING = {444: 0, 422: 1, 420: 2}


def jpeg(pixels: Pixels, quality: float, subsampling: float = 420) -> Pixels:
    """One JPEG save at an IJG quality 1..100, subsampling 444, 422 or 420."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=round(quality), subsampling=_SUBSAMPLING[int(subsampling)]
    )
    return decode_bytes(buffer.getvalue()).pixels


def webp(pixels: Pixels, quality: float) -> Pixels:
    """One lossy WebP save at quality 1..100."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=round(quality))
    return decode_bytes(buffer.getvalue()).pixels


def resize(pixels: Pixels, factor: float) -> Pixels:
    """Both sides times `factor`, bicubic with anti-aliasing, at least one pixel."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def crop(pixels: Pixels, side: float) -> Pixels:
    """The central crop of at most `side` pixels each way, its corner on the 8x8 JPEG grid."""
    limit = round(side)
    top, left = (max(0, size - limit) // 2 // 8 * 8 for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + limit, left : left + limit])


def noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of standard deviation `sigma` grey levels, clipped to 0..255."""
    drawn = rng.normal(0, sigma, pixels.shape)
    return np.clip(np.rint(pixels + drawn), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class _Kind:
    """A perturbation's function, the bounds of each argument, and how many must be given."""

    function: Callable[..., Pixels]
    bounds: tuple[tuple[float, float], ...]
    required: int
    seeded: bool = False


KINDS = {
    "jpeg": _Kind(jpeg, ((1, 100), (0, 999)), 1),
    "webp": _Kind(webp, ((1, 100),), 1),
    "resize": _Kind(resize, ((0.01, 16),), 1),
    "crop": _Kind(crop, ((1, 100_000),), 1),
    "noise": _Kind(noise, ((0, 255),), 1, seeded=True),
}
"""Every perturbation by its name in the text form."""


@dataclass(frozen=True)
class Step:
    """One perturbation: its name, a (low, high) range per argument, and how often it is applied."""

    name: str
    arguments: tuple[tuple[float, float], ...]
    probability: float = 1.0

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        chance, drawn = rng.random(), rng.random(len(self.arguments))
        child = rng.spawn(1)[0]
        if chance >= self.probability:
            return pixels
        kind = KINDS[self.name]
        values = [low + (high - low) * u for (low, high), u in zip(self.arguments, drawn, strict=True)]
        return kind.function(pixels, *values, child) if kind.seeded else kind.function(pixels, *values)


@dataclass(frozen=True)
class Chain:
    """Steps in order; `text` parses back to an equal chain."""

    text: str
    steps: tuple[Step, ...]

    def __call__(self, pixels: Pixels, seed: int) -> Pixels:
        """Perturb one picture.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            seed: any non-negative integer; equal seeds draw alike.

        Returns:
            (H', W', 3) uint8 RGB.
        """
        rng = np.random.default_rng(seed)
        for step in self.steps:
            pixels = step(pixels, rng)
        return pixels


_STEP = re.compile(r"(?:(?P<p>[0-9.]+)\*)?(?P<name>[a-z]+)\((?P<args>[^()]*)\)")


def parse(text: str) -> Chain:
    """Read the text form; an empty text is the chain that changes nothing.

    Raises:
        ConfigError: malformed or unknown; the message has the position and the nearest valid name.
    """
    steps, position = [], 0
    for part in text.split("|") if text.strip() else []:
        steps.append(_step(part.strip(), text, position + len(part) - len(part.lstrip())))
        position += len(part) + 1
    return Chain(text, tuple(steps))


def _step(part: str, text: str, position: int) -> Step:
    where = f"perturbation {text!r}, position {position}"
    match = _STEP.fullmatch(part)
    if match is None:
        raise ConfigError(f"{where}: {part!r} is not name(arguments), e.g. jpeg(75) or 0.5*resize(0.5..2)")
    name = match["name"]
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, n=1, cutoff=0)[0]
        raise ConfigError(f"{where}: no perturbation {name!r}; nearest: {near!r}; known: {', '.join(KINDS)}")
    probability = _number(match["p"], where) if match["p"] else 1.0
    if not 0 <= probability <= 1:
        raise ConfigError(f"{where}: probability {probability}: expected 0 to 1")
    kind = KINDS[name]
    texts = [a.strip() for a in match["args"].split(",") if a.strip()]
    if not kind.required <= len(texts) <= len(kind.bounds):
        raise ConfigError(
            f"{where}: {name} takes {kind.required} to {len(kind.bounds)} arguments, found {texts}"
        )
    ranges = tuple(_range(a, bounds, where) for a, bounds in zip(texts, kind.bounds, strict=False))
    if (
        name == "jpeg"
        and len(ranges) == 2
        and not (ranges[1][0] == ranges[1][1] and ranges[1][0] in _SUBSAMPLING)
    ):
        raise ConfigError(f"{where}: subsampling {texts[1]}: expected 444, 422 or 420")
    return Step(name, ranges, probability)


def _range(text: str, bounds: tuple[float, float], where: str) -> tuple[float, float]:
    low_text, dots, high_text = text.partition("..")
    low = _number(low_text, where)
    high = _number(high_text, where) if dots else low
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ConfigError(f"{where}: {text}: expected {bounds[0]} <= low <= high <= {bounds[1]}")
    return low, high


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{where}: {text!r} is not a number") from None
