"""Every perturbation by its name: its function and what its arguments may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from upprint.perturb import chains, codec, filters, geometry, tone

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Number:
    """A number between two bounds; `odd` takes odd whole numbers only."""

    name: str
    low: float
    high: float
    odd: bool = False


@dataclass(frozen=True)
class Word:
    """One of some words."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """The file of a fitted attack (`upprint.attacks`)."""

    name: str


Parameter = Number | Word | File


@dataclass(frozen=True)
class Kind:
    """A perturbation: what it takes, and what does it.

    Args:
        parameters: of the text form, in order.
        required: how many must be given.
        function: (pixels, *values), with a generator of random numbers last if `seeded`.
        texts: instead of a function, the chain that each choice of words stands for.
        group: the argument is itself a chain.
    """

    parameters: tuple[Parameter, ...] = ()
    required: int = 0
    function: Callable[..., Pixels] | None = None
    seeded: bool = False
    texts: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    group: bool = False


def _fitted(pixels: Pixels, attack: Callable[[Pixels], Pixels]) -> Pixels:
    return attack(pixels)


_QUALITY = Number("quality", 1, 100)
_FACTOR = Number("factor", 0.01, 16)
_KERNEL = Word("kernel", tuple(geometry.KERNELS))
_SUBSAMPLING = Word("subsampling", tuple(str(name) for name in codec.SUBSAMPLING))
_SOCIAL = Word("chain", tuple(name for (name,) in chains.SOCIAL))
_ORDER = Word("order", ("stated", "restated"))
_UNIT = Word("noise", ("variance", "deviation"))

KINDS: Mapping[str, Kind] = {
    "jpeg": Kind((_QUALITY, _SUBSAMPLING), 1, codec.jpeg),
    "webp": Kind((_QUALITY,), 1, codec.webp),
    "resize": Kind((_FACTOR, _KERNEL), 1, geometry.resize),
    "fit": Kind((Number("side", 1, 100_000), _KERNEL), 1, geometry.fit),
    "crop": Kind((Number("side", 1, 100_000),), 1, geometry.crop),
    "zoom": Kind((Number("percent", 0, 90),), 1, geometry.zoom, seeded=True),
    "through": Kind((Number("side", 1, 10_000), _KERNEL), 1, geometry.through),
    "blur": Kind((Number("sigma", 0, 50),), 1, filters.blur),
    "kernel": Kind((Number("size", 1, 99, odd=True),), 1, filters.kernel),
    "median": Kind((Number("size", 1, 15, odd=True),), 1, filters.median),
    "sharpen": Kind((Number("amount", 0, 10), Number("sigma", 0.1, 50)), 1, filters.sharpen),
    "noise": Kind((Number("sigma", 0, 255),), 1, tone.noise, seeded=True),
    "noisevar": Kind((Number("variance", 0, 65_025),), 1, tone.noise_of_variance, seeded=True),
    "gamma": Kind((Number("exponent", 0.1, 10),), 1, tone.gamma),
    "screenshot": Kind((_FACTOR, Number("amount", 0, 10)), 1, filters.screenshot),
    "social": Kind((_SOCIAL,), 1, texts=chains.SOCIAL),
    "combination": Kind((_ORDER, _UNIT), 2, texts=chains.COMBINATION),
    "fitted": Kind((File("file"),), 1, _fitted),
    "chain": Kind(group=True),
}
"""Every perturbation by its name in the text form."""
