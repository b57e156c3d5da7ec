"""A fitted attack as an object and as a file: arrays and facts in one .npz, known by its hash."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upprint.attacks import equalise, peaks
from upprint.attacks.spectrum import Pixels
from upprint.perturb.geometry import crop
from upprint.result import ConfigError, DataError, UnsupportedImage

Arrays = dict[str, NDArray[Any]]
_FORMAT = 1
FEWEST = 2
"""Pictures per class below which nothing is fitted."""


@dataclass(frozen=True)
class Method:
    """How an attack is fitted (photos, generated, side) and applied (pixels, arrays, side, strength).

    `square` ones work on the fitted side only; the others on any size.
    """

    fit: Callable[[Sequence[Pixels], Sequence[Pixels], int], Arrays]
    apply: Callable[[Pixels, Arrays, int, float], Pixels]
    square: bool


METHODS: Mapping[str, Method] = {
    "equalise-set": Method(equalise.fit_set, equalise.apply_set, square=False),
    "equalise-image": Method(equalise.fit_image, equalise.apply_image, square=False),
    "equalise-dct": Method(equalise.fit_dct, equalise.apply_dct, square=True),
    "peaks": Method(peaks.fit, peaks.apply, square=True),
}
"""Every fitted attack by name."""


@dataclass(frozen=True)
class Attack:
    """A fitted attack; calling it changes one picture. Two are equal if their hashes are.

    Args:
        method: a key of `METHODS`.
        side: of the central squares it was fitted on.
        strength: 1 does what the method says; 0 nothing.
        photos, generated: how many pictures it was fitted on.
        arrays: what was fitted.
        sha256: of all of this; a saved file has the same.
    """

    method: str = field(compare=False)
    side: int = field(compare=False)
    strength: float = field(compare=False)
    photos: int = field(compare=False)
    generated: int = field(compare=False)
    arrays: Arrays = field(compare=False, repr=False)
    sha256: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.to_bytes()).hexdigest())

    def __call__(self, pixels: Pixels) -> Pixels:
        """uint8 RGB (H, W, 3) in and out.

        Raises:
            UnsupportedImage: another size than a method for squares was fitted on.
        """
        method = METHODS[self.method]
        if method.square and pixels.shape[:2] != (self.side, self.side):
            raise UnsupportedImage(
                "<array>",
                f"{pixels.shape[1]} x {pixels.shape[0]} pixels",
                f"{self.side} x {self.side} for the attack {self.method!r}",
                f"crop first, as in crop({self.side})|fitted(...), or leave the picture out",
            )
        return method.apply(pixels, self.arrays, self.side, self.strength)

    @property
    def short_hash(self) -> str:
        return self.sha256[:8]

    def to_bytes(self) -> bytes:
        """The file's content; equal attacks give equal bytes."""
        facts = {name: getattr(self, name) for name in ("method", "side", "strength", "photos", "generated")}
        text = json.dumps({"upprint_attack": _FORMAT, **facts}, sort_keys=True)
        out = io.BytesIO()
        named: dict[str, Any] = {"facts": np.frombuffer(text.encode("ascii"), np.uint8), **self.arrays}
        np.savez_compressed(out, **named)
        return out.getvalue()

    def save(self, path: Path) -> None:
        """Write the file, replacing an older one as a whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_bytes(self.to_bytes())
        temporary.replace(path)


def fit(
    method: str,
    photos: Iterable[Pixels],
    generated: Iterable[Pixels],
    *,
    side: int = 256,
    strength: float = 1.0,
) -> Attack:
    """Fit an attack on central squares of both classes, their corner on the 8x8 grid.

    Args:
        method: a key of `METHODS`.
        photos, generated: uint8 RGB (H, W, 3); those smaller than `side` are left out.
        side: of the squares, at least 8.
        strength: how much of it is applied.

    Raises:
        ConfigError: unknown method, a side below 8.
        DataError: fewer than two pictures of that size in a class, or nothing to remove.
    """
    if method not in METHODS:
        near = difflib.get_close_matches(method, METHODS, n=1, cutoff=0)[0]
        raise ConfigError(f"no attack {method!r}; nearest: {near!r}; known: {', '.join(METHODS)}")
    if side < 8:
        raise ConfigError(f"side {side}: expected at least 8 pixels")
    classes = {"photos": _squares(photos, side), "generated": _squares(generated, side)}
    for name, found in classes.items():
        needed = name == "photos" or method != "equalise-image"
        if needed and len(found) < FEWEST:
            raise DataError(
                f"{len(found)} {name} of at least {side} x {side} pixels; expected {FEWEST} or more, "
                "or fit with a smaller side"
            )
    arrays = METHODS[method].fit(classes["photos"], classes["generated"], side)
    return Attack(method, side, strength, len(classes["photos"]), len(classes["generated"]), arrays)


def load(path: str | Path) -> Attack:
    """Read a fitted attack; nothing is unpickled.

    Raises:
        DataError: no such file, or not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        if facts.pop("upprint_attack") != _FORMAT or facts["method"] not in METHODS:
            raise ValueError(f"format or method {facts.get('method')!r} of another version")
        return Attack(**facts, arrays=arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{str(path)!r} cannot be read as a fitted attack ({error}); make one with `upprint attack`"
        ) from error


def _squares(pictures: Iterable[Pixels], side: int) -> list[Pixels]:
    return [crop(p, side) for p in pictures if min(p.shape[:2]) >= side]
