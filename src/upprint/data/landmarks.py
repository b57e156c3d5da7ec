"""Face landmarks by dlib, written beside the pictures as `selfblend` reads them.

dlib brings its own face detector; the file of its landmark predictor is the user's (68 points, or the 81 with
a forehead that SBI's authors use).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upprint.data.selfblend import SUFFIX, Face
from upprint.images import decode, find_images
from upprint.result import ConfigError, ImageError, Progress, require

Finder = Callable[[NDArray[np.uint8]], Face | None]
"""(H, W, 3) uint8 RGB -> the largest face, or None."""


@dataclass(frozen=True)
class Found:
    """What a run did: files written now, files that were there, and pictures left out with the reason."""

    written: int
    kept: int
    left_out: tuple[str, ...]


def finder(predictor: Path, *, enlarged: int = 1) -> Finder:
    """dlib's frontal face detector with a landmark predictor.

    Args:
        predictor: a file of dlib's `shape_predictor`.
        enlarged: how often the picture is doubled before faces are looked for; 1 finds faces of 40 pixels.

    Raises:
        MissingExtra: dlib is not installed.
        ConfigError: the file is not there, or no predictor.
    """
    dlib = require("dlib", extra="faces", purpose="finding face landmarks")
    try:
        shape = dlib.shape_predictor(str(predictor))
    except RuntimeError as error:
        raise ConfigError(
            f"{predictor}: no landmark predictor ({error}); expected a file of dlib's shape_predictor, "
            "such as shape_predictor_81_face_landmarks.dat"
        ) from error
    detect = dlib.get_frontal_face_detector()

    def find(pixels: NDArray[np.uint8]) -> Face | None:
        boxes: Sequence[Any] = detect(pixels, enlarged)
        if not boxes:
            return None
        box = max(boxes, key=lambda one: (one.right() - one.left()) * (one.bottom() - one.top()))
        points = [(point.x, point.y) for point in shape(pixels, box).parts()]
        sides = (box.left(), box.top(), box.right(), box.bottom())
        return Face(np.array(points, float), tuple(float(side) for side in sides))  # type: ignore[arg-type]

    return find


def write(folder: Path, find: Finder, *, progress: Progress = lambda _done, _total: None) -> Found:
    """Write landmarks beside every picture below `folder` that has none yet; a run that was killed goes on.

    Raises:
        ConfigError: no picture, or a file cannot be written.
    """
    pictures = sorted(find_images([folder]))
    if not pictures:
        raise ConfigError(f"{folder}: no image found; expected a folder of faces")
    written, kept, left_out = 0, 0, []
    for done, name in enumerate(pictures, start=1):
        path = Path(name)
        target = path.with_name(path.name + SUFFIX)
        if target.exists():
            kept += 1
        elif reason := _write_one(path, target, find):
            left_out.append(f"{name}: {reason}")
        else:
            written += 1
        progress(done, len(pictures))
    return Found(written, kept, tuple(left_out))


def _write_one(path: Path, target: Path, find: Finder) -> str:
    """The reason why nothing was written, or "" """
    try:
        face = find(decode(path).pixels)
    except ImageError as error:
        return error.reason
    if face is None:
        return "no face found"
    partial = target.with_name(target.name + ".part")
    try:
        partial.write_text(
            json.dumps({"landmarks": face.landmarks.tolist(), "box": list(face.box)}), encoding="utf-8"
        )
        partial.replace(target)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror})") from error
    return ""
