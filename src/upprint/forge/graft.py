"""Spectral grafts: traces of up-sampling put on a photo by formula, as stress tests.

They look like prints of generators in the spectrum and are none, so they test what a detector reacts to; they
are not training data, and `--maker all` leaves them out.

zeros   reduced by 2 (area), enlarged again by zero insertion and a 4-tap FIR filter whose response keeps some
        of the replicated spectrum: what an untrained transposed convolution leaves.
peaks   faint periodic noise at the frequencies 1/2, 1/4 and 1/8 in both directions: grid peaks without any
        loss of detail.
gain    the radial gain of a generator that falls short of high frequencies: 1 at zero, 0.7 at Nyquist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from upprint.forge.run import Maker
from upprint.result import ConfigError

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]

_TAPS = np.array([0.2, 0.8, 0.8, 0.2])
_PEAK_LEVELS = 1.5
_NYQUIST_GAIN = 0.7


def zeros(photo: Plane) -> Plane:
    """Area reduction, zero insertion, separable FIR (0.2, 0.8, 0.8, 0.2); (H, W, 3), H and W even."""
    height, width = photo.shape[:2]
    small = photo.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    wide = np.zeros_like(photo)
    wide[::2, ::2] = small
    for axis in (0, 1):
        padded = np.pad(wide, [(2, 1) if a == axis else (0, 0) for a in range(3)], mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 4, axis=axis)
        wide = windows @ _TAPS
    return wide


def peaks(photo: Plane) -> Plane:
    """Cosines of 1.5 levels at 1/2, 1/4 and 1/8 cycles per pixel, along rows and along columns."""
    y, x = np.indices(photo.shape[:2])
    wave = sum(np.cos(2 * np.pi * f * x) + np.cos(2 * np.pi * f * y) for f in (1 / 2, 1 / 4, 1 / 8))
    return photo + _PEAK_LEVELS * np.asarray(wave)[..., None] / 3


def gain(photo: Plane) -> Plane:
    """Radial gain falling linearly from 1 to 0.7 at the Nyquist frequency and on towards the corners."""
    fy = np.fft.fftfreq(photo.shape[0])[:, None]
    fx = np.fft.rfftfreq(photo.shape[1])[None]
    weight = 1 - (1 - _NYQUIST_GAIN) * 2 * np.hypot(fy, fx)
    spectrum = np.fft.rfft2(photo, axes=(0, 1)) * weight[..., None]
    filtered: Plane = np.fft.irfft2(spectrum, s=photo.shape[:2], axes=(0, 1))
    return filtered


GRAFTS: dict[str, Callable[[Plane], Plane]] = {"graft-zeros": zeros, "graft-peaks": peaks, "graft-gain": gain}


def maker(name: str) -> Maker:
    """The graft as a maker; pictures are cropped to even sides.

    Raises:
        ConfigError: no such graft.
    """
    if name not in GRAFTS:
        raise ConfigError(f"no spectral graft {name!r}; known: {', '.join(GRAFTS)}")

    def make(photos: Sequence[Pixels]) -> list[Pixels]:
        return [
            np.clip(np.rint(GRAFTS[name](photo.astype(np.float64))), 0, 255).astype(np.uint8)
            for photo in photos
        ]

    return Maker(name, 2, {"graft": name}, make)
