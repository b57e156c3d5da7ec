"""Any folder of camera-made pictures, for what learns from photos alone."""

from __future__ import annotations

import os
from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.protocol import protocol_of
from upprint.data.sample import REAL, Sample
from upprint.images import find_images
from upprint.result import DataError


def read(root: Path) -> Dataset:
    """Every picture below `root` as a real one.

    Its source is its path below the root, as `upprint forge` names it, so that a photo falls into the same
    part of a split here as with its twins there.

    Raises:
        DataError: no picture.
    """
    files = sorted(find_images([root]))
    if not files:
        raise DataError(f"{root}: no image found; expected a folder of photos")
    subset = root.resolve().name
    samples = tuple(Sample(path, REAL, subset, "real", source_of(root, path)) for path in files)
    return Dataset("photos", samples, (), protocol_of("photos"))


def source_of(root: Path, path: str) -> str:
    """The photo's key: its path below the root, its extension kept apart from equal stems."""
    relative = Path(os.path.relpath(path, root))
    return f"{relative.with_suffix('').as_posix()}-{relative.suffix.lstrip('.').lower()}"
