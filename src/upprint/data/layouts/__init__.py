"""Readers of published layouts, one file each: `read(root, "forensynths", split="test")`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from upprint.data.layouts import (
    _detect,
    aigcdetect,
    diffusion1kstep,
    diffusionforensics,
    forensynths,
    gangen,
    genimage,
    manifest,
    photos,
    plain,
    twins,
    universalfakedetect,
)
from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._detect import Guess
from upprint.result import ConfigError, DataError

__all__ = ["LAYOUTS", "TABLE_LAYOUTS", "TABLE_SUBSETS", "Dataset", "Guess", "detect", "read"]

LAYOUTS: Mapping[str, Callable[..., Dataset]] = {
    "forensynths": forensynths.read,
    "gangen-detection": gangen.read,
    "diffusionforensics": diffusionforensics.read,
    "universalfakedetect": universalfakedetect.read,
    "diffusion1kstep": diffusion1kstep.read,
    "aigcdetectbenchmark": aigcdetect.read,
    "genimage": genimage.read,
    "plain": plain.read,
    "photos": photos.read,
    "twins": twins.read,
    "manifest": manifest.read,
}
"""Name -> reader: (root, its own keyword options) -> Dataset."""

TABLE_LAYOUTS: Mapping[int, str] = {
    1: "forensynths",
    2: "gangen-detection",
    3: "diffusionforensics",
    4: "universalfakedetect",
    5: "diffusion1kstep",
}
"""NPR's table -> layout."""

TABLE_SUBSETS: Mapping[int, tuple[str, ...]] = {
    1: tuple(forensynths.CORE),
    2: tuple(gangen.CORE),
    3: tuple(diffusionforensics.CORE),
    4: tuple(universalfakedetect.CORE),
    5: tuple(diffusion1kstep.CORE),
}
"""NPR's table -> its columns in order; 38 in all. The same name in two tables means two different sets."""


def read(
    root: str | os.PathLike[str],
    layout: str | None = None,
    *,
    subsets: Collection[str] | None = None,
    **options: Any,
) -> Dataset:
    """Read a data set.

    Args:
        root: its folder, or a manifest.
        layout: a key of `LAYOUTS`; guessed by `detect` if None.
        subsets: keep these only.
        options: the reader's own, e.g. split="train", classes=("car", "cat"), extras=True.

    Raises:
        ConfigError: an unknown layout, or an option that its reader does not have.
        DataError: the data are laid out otherwise; the message names the place.
    """
    path = _existing(root)
    layout = layout or _detect.detect(path).layout
    if layout not in LAYOUTS:
        raise ConfigError(f"no layout {layout!r}; known: {', '.join(LAYOUTS)}")
    reader = LAYOUTS[layout]
    known = [p.name for p in inspect.signature(reader).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if unknown := sorted(set(options) - set(known)):
        raise ConfigError(
            f"layout {layout!r} has no option {', '.join(unknown)}; known: {', '.join(known) or 'none'}"
        )
    data = reader(path, **options)
    return data if subsets is None else data.only(subsets)


def detect(root: str | os.PathLike[str]) -> Guess:
    """Guess the layout of `root` and say why.

    Raises:
        DataError: nothing known, or two layouts fit; lists what was seen and the known layouts.
    """
    return _detect.detect(_existing(root))


def _existing(root: str | os.PathLike[str]) -> Path:
    path = Path(root)
    if not path.exists():
        raise DataError(f"{path}: no such folder or file; expected the root of a data set, or a manifest")
    return path
