"""Composites with known masks: a region of a photo replaced by its generated twin, and controls.

From aligned pairs as `upprint forge` writes them. A random ellipse, polygon or rectangle of a stated share of
the picture is taken from the twin, blended in over a soft seam, and the whole is encoded once more (JPEG of a
drawn quality, or lossless), so that the region differs by the generator's print and not by its last encoding.

The control ("null") has the same region, seam and encoding, and a re-saved copy of the photo itself in it:
a map that finds that region too responds to pasting, or to what the photo shows there, not to generation.
Pixels of the seam belong to neither side.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from upprint.data.layouts import twins as layout
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.images import decode, decode_bytes
from upprint.record import build
from upprint.result import ConfigError, DataError, Progress

Pixels = NDArray[np.uint8]
Kind = Literal["twin", "null"]
Shape = Literal["ellipse", "polygon", "rectangle"]

OUTSIDE, SEAM, INSIDE = 0, 128, 255
"""Values of a mask picture."""
GRID = 8
_SHAPES: tuple[Shape, ...] = ("ellipse", "polygon", "rectangle")
_EDGE = 0.02
"""Share of the other side up to which a blended pixel still counts as one side's."""
_TOLERANCE = 0.1
_BEYOND = 0.1
"""How far outside the picture a region's centre may lie, as a share of its sides."""
_SETTINGS = "composites.json"


@dataclass(frozen=True)
class Plan:
    """What is drawn for every composite; ranges are (low, high).

    Args:
        share: of the picture's area that is replaced, drawn evenly in its logarithm.
        aligned: chance that the region consists of whole 8 x 8 blocks.
        seam: standard deviation of the seam's blur in pixels; below 0.3 the seam is hard.
        lossless: chance of a PNG; else JPEG.
        quality: of the JPEG, and of the control's re-saved copy.
        seed: of all draws, together with each pair's source.
    """

    share: tuple[float, float] = (0.05, 0.35)
    aligned: float = 0.5
    seam: tuple[float, float] = (0.0, 4.0)
    lossless: float = 0.3
    quality: tuple[int, int] = (75, 95)
    seed: int = 0

    def __post_init__(self) -> None:
        bounds = {
            "share": (self.share, 0.005, 0.4),
            "seam": (self.seam, 0, 50),
            "quality": (self.quality, 1, 100),
        }
        for name, ((low, high), least, most) in bounds.items():
            if not least <= low <= high <= most:
                raise ConfigError(f"{name} ({low}, {high}): expected {least} <= low <= high <= {most}")
        for name, chance in (("aligned", self.aligned), ("lossless", self.lossless)):
            if not 0 <= chance <= 1:
                raise ConfigError(f"{name} {chance}: expected a chance from 0 to 1")


@dataclass(frozen=True)
class Row:
    """One composite in the manifest; paths are relative to it. Label 1: a region is generated."""

    path: str
    label: int
    subset: str
    generator: str
    source: str
    mask: str
    kind: Kind
    shape: Shape
    share: float
    aligned: bool
    seam: float
    encoding: str
    sha256: str


@dataclass(frozen=True)
class Composed:
    """What a run left behind: composites written now, and found from before."""

    manifest: Path
    made: int
    kept: int


def compose(
    root: Path,
    out: Path,
    *,
    sources: Sequence[str] = (),
    count: int | None = None,
    plan: Plan | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Composed:
    """Write one composite and one control for every pair: `out/images/`, `out/masks/`, `out/manifest.csv`.

    A killed run goes on; the result is the same. Pairs come in a drawn order: the first n of a run are a run
    over n, and a later one may ask for more. The manifest is one that `upprint evaluate` reads too.

    Args:
        root: pairs, as `upprint forge` writes them.
        out: folder to write; may hold an earlier run with the same arguments, but for `count`.
        sources: patterns such as "kodak_suite/*"; only pairs whose source fits one are used. None: all.
        count: how many pairs; None takes all.
        plan: what is drawn.
        progress: called with (composites done, composites).

    Raises:
        DataError: no pair is left, a pair differs in size, or `out` holds another run.
    """
    plan = plan or Plan()
    every = choose(root, sources, plan.seed)
    pairs = every[:count]
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(photo.source for photo, _ in every).encode("utf-8", "surrogateescape")
    settings = {**json.loads(json.dumps(asdict(plan))), "sources_sha256": hashlib.sha256(text).hexdigest()}
    _same_settings(out / _SETTINGS, settings)
    manifest = out / "manifest.csv"
    done = _rows(manifest)[: 2 * len(pairs)]
    names = [field.name for field in fields(Row)]
    jobs = [(index, pair, kind) for index, pair in enumerate(pairs) for kind in ("twin", "null")]
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(asdict(row) for row in done)
        file.flush()
        for number, (index, pair, kind) in enumerate(jobs[len(done) :], start=len(done) + 1):
            writer.writerow(asdict(_write(out, index, pair, kind, plan)))  # type: ignore[arg-type]
            file.flush()
            progress(number, len(jobs))
    return Composed(manifest, len(jobs) - len(done), len(done))


def read(folder: Path) -> list[Row]:
    """The composites below `folder`.

    Raises:
        DataError: no manifest of composites, or a malformed one.
    """
    manifest = folder / "manifest.csv"
    if not (folder / _SETTINGS).is_file() or not manifest.is_file():
        raise DataError(f"{folder}: expected composites ({_SETTINGS} and manifest.csv)")
    return _rows(manifest)


def choose(root: Path, sources: Sequence[str], seed: int) -> list[tuple[Sample, Sample]]:
    """Photo and twin of every wanted pair, in an order drawn by the seed.

    Raises:
        DataError: none fits.
    """
    found: dict[tuple[str, str], dict[int, Sample]] = {}
    for sample in layout.read(root).samples:
        found.setdefault((sample.subset, sample.source), {})[sample.label] = sample
    keys = [key for key in sorted(found) if not sources or any(fnmatchcase(key[1], p) for p in sources)]
    if not keys:
        raise DataError(f"{root}: no pair's source fits {', '.join(sources) or 'anything'}")
    drawn = [keys[index] for index in np.random.default_rng(seed).permutation(len(keys))]
    return [(found[key][REAL], found[key][GENERATED]) for key in drawn]


def region(
    height: int, width: int, share: float, rng: np.random.Generator, *, aligned: bool
) -> tuple[NDArray[np.bool_], Shape]:
    """A random region that covers about `share` of a picture; the border may cut it.

    Centres are drawn a little beyond the border too: were regions to lie inside, a guess at the centre would
    find most of them.

    Args:
        height, width: of the picture, at least 32.
        share: 0.005 to 0.4; the region's own is within a tenth of it, or within half a block.
        rng: draws shape, proportions, angle and place.
        aligned: made of whole 8 x 8 blocks.

    Returns:
        Mask (height, width), True inside, and the shape's name.

    Raises:
        DataError: no region of that share fits.
    """
    step = GRID if aligned else 1
    rows, columns = height // step, width // step
    wanted = share * height * width
    for _ in range(200):
        shape = _SHAPES[rng.integers(len(_SHAPES))]
        outline = _outline(shape, rng)
        centre = rng.uniform(-_BEYOND, 1 + _BEYOND, 2) * [columns, rows]
        scale = math.sqrt(wanted / _area(outline)) / step
        for _ in range(6):  # what the border cuts off is made up for
            mask = np.zeros((height, width), bool)
            coarse = _inside(outline * scale + centre, rows, columns)
            mask[: rows * step, : columns * step] = coarse.repeat(step, axis=0).repeat(step, axis=1)
            covered = int(mask.sum())
            if abs(covered - wanted) <= max(_TOLERANCE * wanted, step**2 / 2):
                return mask, shape
            scale *= math.sqrt(wanted / covered) if covered else 2.0
    raise DataError(f"no region of {100 * share:.1f} % fits into {width} x {height} pixels")


def blend(photo: Pixels, other: Pixels, mask: NDArray[np.bool_], seam: float) -> tuple[Pixels, Pixels]:
    """Put `other` into `photo` where the mask is set, over a seam blurred by `seam` pixels.

    Returns:
        The composite, uint8 (H, W, 3), and its mask picture, uint8 (H, W), of OUTSIDE, SEAM and INSIDE.

    Raises:
        DataError: the pictures' sizes differ.
    """
    if photo.shape != other.shape or photo.shape[:2] != mask.shape:
        raise DataError(f"photo {photo.shape}, twin {other.shape}, mask {mask.shape}: expected one size")
    hard = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    soft = hard.filter(ImageFilter.GaussianBlur(seam)) if seam >= 0.3 else hard
    weight = np.asarray(soft, np.float32) / 255
    mixed = photo + weight[..., None] * (other.astype(np.float32) - photo)
    truth = np.full(mask.shape, SEAM, np.uint8)
    truth[weight <= _EDGE] = OUTSIDE
    truth[weight >= 1 - _EDGE] = INSIDE
    return np.rint(mixed).clip(0, 255).astype(np.uint8), truth


def _outline(shape: Shape, rng: np.random.Generator) -> NDArray[np.float64]:
    """Vertices (n, 2) round the origin: proportions up to 2 : 1, any angle (rectangles stay upright)."""
    ratio = math.exp(rng.uniform(-math.log(2), math.log(2)) / 2)
    if shape == "rectangle":
        return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [ratio, 1 / ratio]
    if shape == "ellipse":
        angles, radii = np.linspace(0, 2 * np.pi, 64, endpoint=False), np.ones(64)
    else:
        corners = int(rng.integers(5, 10))
        angles = (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) * 2 * np.pi / corners
        radii = rng.uniform(0.5, 1, corners)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] * [ratio, 1 / ratio]
    turn = rng.uniform(0, 2 * np.pi)
    return np.asarray(points @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _inside(points: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.bool_]:
    """Cells (rows, columns) whose centre lies in the polygon of (x, y) points: even-odd rule."""
    y, x = np.arange(rows)[:, None] + 0.5, np.arange(columns)[None] + 0.5
    inside = np.zeros((rows, columns), bool)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        crosses = (y1 <= y) != (y2 <= y)
        if y1 != y2:
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def _area(outline: NDArray[np.float64]) -> float:
    x, y = outline.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _write(out: Path, index: int, pair: tuple[Sample, Sample], kind: Kind, plan: Plan) -> Row:
    photo, twin = pair
    text = f"{plan.seed}\0{photo.subset}\0{photo.source}"  # equal for both kinds
    rng = np.random.default_rng(list(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()))
    pixels = decode(photo.path).pixels
    low, high = plan.share
    share = math.exp(rng.uniform(math.log(low), math.log(high)))
    aligned = bool(rng.random() < plan.aligned)
    mask, shape = region(pixels.shape[0], pixels.shape[1], share, rng, aligned=aligned)
    seam = float(rng.uniform(*plan.seam))
    quality = int(rng.integers(plan.quality[0], plan.quality[1] + 1))
    other = decode(twin.path).pixels if kind == "twin" else _resaved(pixels, quality)
    mixed, truth = blend(pixels, other, mask, seam)
    if not (truth == INSIDE).any():
        raise DataError(f"{photo.path!r}: too small for a seam of {seam:.1f} pixels; leave it out")
    data, encoding = _encoded(mixed, rng, plan)
    path = f"images/{index:05d}-{kind}{'.png' if encoding == 'lossless' else '.jpg'}"
    hidden = f"masks/{index:05d}-{kind}.png"
    _save(data, out / path)
    _save(_png(truth), out / hidden)
    return Row(
        path,
        GENERATED if kind == "twin" else REAL,
        photo.subset,
        twin.generator if kind == "twin" else "real",
        photo.source,
        hidden,
        kind,
        shape,
        round(float(mask.mean()), 4),
        aligned,
        round(seam, 2),
        encoding,
        hashlib.sha256(data).hexdigest(),
    )


def _encoded(pixels: Pixels, rng: np.random.Generator, plan: Plan) -> tuple[bytes, str]:
    lossless = rng.random() < plan.lossless
    quality = int(rng.integers(plan.quality[0], plan.quality[1] + 1))
    subsampling = (0, 2)[int(rng.integers(2))]
    if lossless:
        return _png(pixels), "lossless"
    return _jpeg(pixels, quality, subsampling), f"JPEG q{quality} {'4:2:0' if subsampling else '4:4:4'}"


def _resaved(pixels: Pixels, quality: int) -> Pixels:
    return decode_bytes(_jpeg(pixels, quality, 2)).pixels


def _jpeg(pixels: Pixels, quality: int, subsampling: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _save(data: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def _same_settings(path: Path, settings: dict[str, object]) -> None:
    if not path.exists():
        path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not the settings of composites ({error}); choose another folder") from error
    if before != settings:
        raise DataError(
            f"{path.parent} holds composites made with {before}, asked for {settings}; choose another folder"
        )


_READ: dict[str, Callable[[str], object]] = {
    "label": int,
    "share": float,
    "seam": float,
    "aligned": lambda text: {"True": True, "False": False}[text],
}


def _rows(manifest: Path) -> list[Row]:
    """Whole rows; a last one without its line end is what a kill left."""
    if not manifest.exists():
        return []
    text = manifest.read_text(encoding="utf-8")
    lines: Iterator[str] = iter(text.splitlines(keepends=True)[: None if text.endswith("\n") else -1])
    rows = []
    for raw in csv.DictReader(lines):
        try:
            values = {name: _READ.get(name, str)(text) for name, text in raw.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{manifest}: not a composite: {raw} ({error})") from error
        rows.append(build(Row, values, str(manifest), DataError))
    return rows
