"""Self-blended faces: a pseudo-fake is a photo blended with a slightly changed copy of itself inside the
face.

Source: Shiohara & Yamasaki, Detecting deepfakes with self-blended images, CVPR 2022; numbers from the
authors' code.
Landmarks lie beside a picture, PICTURE.landmarks.json: {"landmarks": [[x, y], ...], "box": [left, top, right,
bottom]}; `upprint landmarks` writes them with dlib, any other face detector can. With dlib's 81 points the
last 13 are the forehead; `box` may be left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from upprint.perturb import jpeg
from upprint.result import DataError, require

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

SUFFIX = ".landmarks.json"
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
WITHOUT_FOREHEAD = 68


@dataclass(frozen=True)
class Face:
    """Landmarks (n, 2) as (x, y) pixels, and the face's box (left, top, right, bottom)."""

    landmarks: Floats
    box: tuple[float, float, float, float]


def read_face(path: Path) -> Face:
    """The landmarks beside a picture.

    Raises:
        DataError: there are none, or fewer than three points.
    """
    file = path.with_name(path.name + SUFFIX)
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        points = np.array(raw["landmarks"], dtype=np.float64).reshape(-1, 2)
        box = raw.get("box") or [*points.min(0), *points.max(0)]
        left, top, right, bottom = (float(value) for value in box)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{file}: no landmarks ({error}); expected what `upprint landmarks` or another detector writes"
        ) from error
    if len(points) < 3 or not np.isfinite(points).all() or right <= left or bottom <= top:
        raise DataError(
            f"{file}: {len(points)} landmarks, box {box}: expected at least 3 and a box with area"
        )
    return Face(points, (left, top, right, bottom))


def self_blend(
    pixels: Pixels, face: Face, side: int, rng: np.random.Generator, *, training: bool = True
) -> tuple[Pixels, Pixels]:
    """(real, fake), each (side, side, 3), that share every draw but the blend.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        face: where the face is.
        side: of the pictures returned.
        rng: draws.
        training: mirror, jitter colours, save as JPEG and draw the crop; otherwise only blend.
    """
    if training and rng.random() < 0.5:
        pixels, face = _mirrored(pixels, face)
    target, face = _around(pixels, face)
    points = face.landmarks[:WITHOUT_FOREHEAD] if rng.random() < 0.25 else face.landmarks
    mask = hull_mask(points, target.shape[:2])
    source = target.copy()
    if rng.random() < 0.5:
        source = _source_look(source, rng)
    else:
        target = _source_look(target, rng)
    source, mask = _moved(source, mask, rng)
    weight = blend_weight(_elastic(mask, rng), rng)[..., None]
    fake = np.rint(weight * source + (1 - weight) * target).astype(np.uint8)
    pair = np.stack((target, fake))
    if training:
        pair = _both(pair, rng)
    box = _crop_box(face, target.shape[:2], rng, training=training)
    real, blended = (
        np.asarray(Image.fromarray(x).crop(box).resize((side, side), Image.Resampling.BILINEAR)) for x in pair
    )
    return real, blended


def hull_mask(points: Floats, size: tuple[int, ...]) -> Floats:
    """1 inside the convex hull of the points, (H, W)."""
    hull = require("scipy.spatial", extra="train", purpose="self-blending").ConvexHull(points)
    canvas = Image.new("L", (size[1], size[0]))
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in points[hull.vertices]], fill=1, outline=1)
    return np.asarray(canvas, dtype=np.float64)


def blend_weight(mask: Floats, rng: np.random.Generator) -> Floats:
    """A soft mask inside the given one, scaled by a drawn ratio; (H, W) in [0, 1]."""
    height, width = (int(v) for v in rng.integers(192, 257, 2))
    small = _resized(mask, height, width)
    first = int(rng.integers(2, 13))
    small = _blurred(small, 0.3 * (first - 1) + 0.8, first)
    if small.max() > 0:
        small = small / small.max()
    small[small < 1 - 1e-9] = 0
    second, sigma = int(rng.integers(2, 13)), float(rng.integers(5, 46))
    small = _blurred(small, sigma, second)
    if small.max() > 0:
        small = small / small.max()
    return np.clip(_resized(small, *mask.shape) * RATIOS[rng.integers(len(RATIOS))], 0, 1)


def _blurred(x: Floats, sigma: float, radius: int) -> Floats:
    ndimage = require("scipy.ndimage", extra="train", purpose="self-blending")
    out: Floats = ndimage.gaussian_filter(x, sigma, radius=radius, mode="mirror")
    return out


def _resized(x: Floats, height: int, width: int) -> Floats:
    image = Image.fromarray(x.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float64)


def _mirrored(pixels: Pixels, face: Face) -> tuple[Pixels, Face]:
    last = pixels.shape[1] - 1
    left, top, right, bottom = face.box
    points = face.landmarks * (-1, 1) + (last, 0)
    return np.ascontiguousarray(pixels[:, ::-1]), Face(points, (last - right, top, last - left, bottom))


def _around(pixels: Pixels, face: Face) -> tuple[Pixels, Face]:
    """A wide window: half the landmarks' width to each side, their height above, 2/5 of it below."""
    (left, top), (right, bottom) = face.landmarks.min(0), face.landmarks.max(0)
    width, height = right - left, bottom - top
    x0, y0 = max(0, int(left - width / 2)), max(0, int(top - height))
    x1, y1 = int(right + width / 2) + 1, int(bottom + 2 * height / 5) + 1
    window = pixels[y0:y1, x0:x1]
    if window.size == 0:
        raise DataError(
            f"landmarks from ({left:.0f}, {top:.0f}) lie outside a picture of {pixels.shape[1::-1]}"
        )
    a, b, c, d = face.box
    return window, Face(face.landmarks - (x0, y0), (a - x0, b - y0, c - x0, d - y0))


def _shift_colours(x: Floats, rng: np.random.Generator) -> Floats:
    return np.clip(x + rng.integers(-20, 21, 3), 0, 255)


def _light(x: Floats, limit: float, rng: np.random.Generator) -> Floats:
    contrast, brightness = 1 + rng.uniform(-limit, limit), rng.uniform(-limit, limit)
    return np.clip(x * contrast + brightness * 255, 0, 255)


def _source_look(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Colours, light, then either less resolution or more sharpness."""
    x = pixels.astype(np.float64)
    if rng.random() < 0.3:
        x = _shift_colours(x, rng)
    x = _light(x, 0.1, rng)
    if rng.random() < 0.5:
        height, width = x.shape[:2]
        factor = int(rng.choice((2, 4)))
        image = Image.fromarray(np.rint(x).astype(np.uint8))
        small = image.resize((max(1, width // factor), max(1, height // factor)), Image.Resampling.NEAREST)
        return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))
    alpha, lightness = rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.0)
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    total = sum(padded[i : i + x.shape[0], j : j + x.shape[1]] for i in range(3) for j in range(3))
    sharp = (9 + lightness) * x - total
    return np.rint(np.clip((1 - alpha) * x + alpha * sharp, 0, 255)).astype(np.uint8)


def _moved(pixels: Pixels, mask: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Shift by up to 3 % and 1.5 %, scale by 0.95..1/0.95 round the middle."""
    height, width = mask.shape
    dx, dy = rng.uniform(-0.03, 0.03) * width, rng.uniform(-0.015, 0.015) * height
    scale = rng.uniform(0.95, 1 / 0.95)
    x0, y0 = (width - 1) / 2, (height - 1) / 2
    affine = (1 / scale, 0, x0 - (x0 + dx) / scale, 0, 1 / scale, y0 - (y0 + dy) / scale)
    size = (width, height)
    image = Image.fromarray(pixels).transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    moved = Image.fromarray(mask.astype(np.float32)).transform(
        size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    return np.asarray(image), np.asarray(moved, dtype=np.float64)


def _elastic(mask: Floats, rng: np.random.Generator) -> Floats:
    """Random smooth displacements: 50 times noise blurred by 7 pixels."""
    ndimage = require("scipy.ndimage", extra="train", purpose="self-blending")
    rows, columns = np.meshgrid(*(np.arange(n) for n in mask.shape), indexing="ij")
    shifts = [50 * ndimage.gaussian_filter(rng.uniform(-1, 1, mask.shape), 7) for _ in range(2)]
    moved: Floats = ndimage.map_coordinates(
        mask, (rows + shifts[0], columns + shifts[1]), order=1, mode="mirror"
    )
    return moved


def _both(pair: Pixels, rng: np.random.Generator) -> Pixels:
    """The same colours, light and JPEG for both pictures."""
    x = pair.astype(np.float64)
    if rng.random() < 0.3:
        x = _shift_colours(x, rng)
    if rng.random() < 0.3:
        x = _light(x, 0.3, rng)
    out = np.rint(x).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(40, 101))
        out = np.stack([jpeg(one, quality) for one in out])
    return out


def _crop_box(
    face: Face, size: tuple[int, ...], rng: np.random.Generator, *, training: bool
) -> tuple[int, int, int, int]:
    """The face's box with margins of a quarter of its sides, times 0.2..0.8 each in training, else times
    0.5."""
    left, top, right, bottom = face.box
    shares = rng.uniform(0.2, 0.8, 4) if training else np.full(4, 0.5)
    dx, dy = (right - left) / 4, (bottom - top) / 4
    x0, y0 = max(0, int(left - dx * shares[0])), max(0, int(top - dy * shares[1]))
    x1 = min(size[1], int(right + dx * shares[2]) + 1)
    y1 = min(size[0], int(bottom + dy * shares[3]) + 1)
    if x1 - x0 < 2 or y1 - y0 < 2:
        raise DataError(f"face box {face.box} lies outside a picture of {size[1]} x {size[0]} pixels")
    return x0, y0, x1, y1
