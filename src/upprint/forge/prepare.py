"""What happens to a photo before and beside its twin, so that processing is never the cue.

Before pairing, a share of photos is reduced, as most pictures on the web are; both sides then start from the
reduced pixels and are lossless or JPEG alike. Small autoencoders blur: a share of twins gets the photo's own
radial spectrum back, so that sharpness alone is no cue either, while phases and the grid stay. Beside the
twin, a share of photos passes a null operation (saved again, or resized and back) that the twin does
not pass, so that "was processed" does not mean generated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.attacks.equalise import profile
from upprint.attacks.spectrum import filtered, radial_gain
from upprint.forge.align import History, encode_like
from upprint.result import ConfigError

Pixels = NDArray[np.uint8]
_KERNELS = {
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}
_NULLS = ("resave", "enlarged", "reduced")
_LARGEST_GAIN = 3.0
_PROFILE_SIDE = 128


@dataclass(frozen=True)
class Preparation:
    """Shares and ranges of what is drawn per photo.

    Args:
        reduced: share of photos that are reduced before pairing.
        factors: range of the factor; never so small that a side falls below the smallest side.
        lossless: share of the reduced pairs that stay lossless; the others get one JPEG quality for both.
        qualities: range of that quality, both ends included.
        nulls: share of photos that pass a null operation.
        matched: share of twins that get their photo's radial spectrum.
        seed: of every draw, together with the photo's key and the maker's name.
    """

    reduced: float = 0.0
    factors: tuple[float, float] = (0.35, 0.9)
    lossless: float = 0.5
    qualities: tuple[int, int] = (60, 98)
    nulls: float = 0.0
    matched: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("reduced", "lossless", "nulls", "matched"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} {getattr(self, name)}: expected a share between 0 and 1")
        if not 0 < self.factors[0] <= self.factors[1] < 1:
            raise ConfigError(f"factors {self.factors}: expected two between 0 and 1 in rising order")
        if not 1 <= self.qualities[0] <= self.qualities[1] <= 100:
            raise ConfigError(f"qualities {self.qualities}: expected two between 1 and 100 in rising order")


def reduce_photo(
    photo: Pixels, history: History, preparation: Preparation, smallest: int, rng: np.random.Generator
) -> tuple[Pixels, History, str]:
    """Reduce the photo or leave it; returns pixels, the history that both sides get, and words for it."""
    draw, factor = rng.random(), rng.uniform(*preparation.factors)
    kernel = str(rng.choice(list(_KERNELS)))
    lossless = rng.random() < preparation.lossless
    quality = int(rng.integers(preparation.qualities[0], preparation.qualities[1] + 1))
    factor = max(factor, smallest / min(photo.shape[:2]))
    if draw >= preparation.reduced or factor >= 1:
        return photo, history, ""
    new = History() if lossless else History(quality=quality, subsampling=2, both=True)
    return _scaled(photo, factor, kernel), new, f"resize {factor:.3f} {kernel}"


def match_spectrum(twin: Pixels, photo: Pixels) -> Pixels:
    """The twin with its photo's azimuthal profile: every radius' log magnitude is moved to the photo's mean.

    Gains stay between 1/3 and 3, phases are kept; what a grid adds at single frequencies stays beside its
    radius (E-img of `upprint.attacks.equalise`, with the pair's photo as the target).
    """
    limit = 20 * np.log(_LARGEST_GAIN)
    gains = np.clip(profile(photo, _PROFILE_SIDE) - profile(twin, _PROFILE_SIDE), -limit, limit)
    return filtered(twin, radial_gain(gains, twin.shape[0], twin.shape[1], _PROFILE_SIDE))


def null_operation(
    photo: Pixels, history: History, preparation: Preparation, rng: np.random.Generator
) -> tuple[Pixels, str]:
    """Pass the photo of a pair through something that a twin did not see; same size, same history."""
    kind, factor = str(rng.choice(_NULLS)), rng.uniform(0.5, 0.95)
    kernel = str(rng.choice(list(_KERNELS)))
    if rng.random() >= preparation.nulls:
        return photo, ""
    if kind == "resave":
        again = encode_like(photo, history)
        return again, "" if np.array_equal(again, photo) else "saved again"
    size = photo.shape[1], photo.shape[0]
    first = _scaled(photo, factor if kind == "reduced" else 1 / factor, kernel)
    back = np.asarray(Image.fromarray(first).resize(size, _KERNELS[kernel]))
    return encode_like(back, history), f"{kind} by {factor:.3f} and back, {kernel}"


def _scaled(photo: Pixels, factor: float, kernel: str) -> Pixels:
    size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    return np.asarray(Image.fromarray(photo).resize(size, _KERNELS[kernel]))
