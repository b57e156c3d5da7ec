"""+E: spectrum equalisation after Beyond the Spectrum (IJCAI 2021, sections 4.3 and 4.4).

The paper calibrates "the frequency distributions of generated images using the equalization operation" and
gives no algorithm; no published code has one. Three readings, S being the azimuthal mean of 20 ln|F|:

    equalise-set    gain g(r) = exp((mean S of photos - mean S of generated) / 20), one for the whole set
    equalise-image  the same with the S of the single picture: each profile lands on the photos' mean
    equalise-dct    subtract the difference of the classes' mean DCT coefficients, signed, zero frequency kept
                    (the "mean" attack of Wesselkamp et al. 2022)

By the paper's Table 1 a right +E hurts a classifier of radial profiles and spares one of DCT coefficients:
the signature of the first reading. `signature.py` tests it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upprint.attacks import spectrum
from upprint.attacks.spectrum import Floats, Pixels

Arrays = dict[str, NDArray[Any]]


def profile(pixels: Pixels, side: int) -> Floats:
    """Azimuthal mean of a picture's log magnitude, (bins(side),)."""
    return spectrum.radial_mean(spectrum.log_magnitude(spectrum.grey(pixels)), side)


def fit_set(photos: Sequence[Pixels], generated: Sequence[Pixels], side: int) -> Arrays:
    """Both classes' mean profiles."""
    return {
        "photos": np.mean([profile(p, side) for p in photos], axis=0),
        "generated": np.mean([profile(p, side) for p in generated], axis=0),
    }


def apply_set(pixels: Pixels, arrays: Arrays, side: int, strength: float) -> Pixels:
    """Multiply by the set's radial gain, `strength` times in the logarithm."""
    gains = strength * (arrays["photos"] - arrays["generated"])
    return spectrum.filtered(pixels, spectrum.radial_gain(gains, pixels.shape[0], pixels.shape[1], side))


def fit_image(photos: Sequence[Pixels], _generated: Sequence[Pixels], side: int) -> Arrays:
    """The photos' mean profile; generated pictures are not needed."""
    return {"photos": np.mean([profile(p, side) for p in photos], axis=0)}


def apply_image(pixels: Pixels, arrays: Arrays, side: int, strength: float) -> Pixels:
    """Bring this picture's own profile to the photos' mean."""
    gains = strength * (arrays["photos"] - profile(pixels, side))
    return spectrum.filtered(pixels, spectrum.radial_gain(gains, pixels.shape[0], pixels.shape[1], side))


def coefficients(pixels: Pixels) -> Floats:
    """DCT coefficients (3, side, side) of a square picture."""
    return spectrum.dct(np.moveaxis(pixels, -1, 0).astype(np.float64))


def fit_dct(photos: Sequence[Pixels], generated: Sequence[Pixels], _side: int) -> Arrays:
    """Mean DCT of generated pictures less that of photos, (3, side, side)."""
    excess = _mean(generated) - _mean(photos)
    excess[:, 0, 0] = 0.0  # brightness is no print
    return {"excess": excess.astype(np.float32)}


def _mean(pictures: Sequence[Pixels]) -> Floats:
    """Mean DCT, one picture at a time: the set never lies in memory as floats."""
    total = np.zeros((3, *pictures[0].shape[:2]))
    for pixels in pictures:
        total += coefficients(pixels)
    return total / len(pictures)


def apply_dct(pixels: Pixels, arrays: Arrays, _side: int, strength: float) -> Pixels:
    """Subtract the excess."""
    changed = spectrum.inverse_dct(coefficients(pixels) - strength * arrays["excess"])
    return spectrum.to_bytes(np.moveaxis(changed, 0, -1))
