"""A copy of a data set without the cues that are not generation, written file by file and resumable.

Both classes get the same format, size, colour mode, no metadata, and as far as possible the same history.
What a copy cannot change is said: how a picture was scaled before, and what generation itself leaves.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint import images
from upprint.audit import plan as plans
from upprint.audit.findings import Item
from upprint.audit.plan import GRID, Plan
from upprint.data.sample import GENERATED, REAL
from upprint.perturb import jpeg
from upprint.result import ConfigError, DataError, ImageError, Progress, ResumeError

COLUMNS = ("path", "label", "subset", "generator", "source", "original")
FOLDERS = {REAL: "0_real", GENERATED: "1_fake"}
_SUBSAMPLING = {0: 444, 1: 422, 2: 420}
_KEY = "upprint_equalised"

REMAINS = (
    "how pictures were scaled before: crops of a large and of a small picture differ in sharpness",
    "the last trace of an earlier JPEG under the common one, where it was coarser than that",
    "what the pictures show, and how well that compresses",
    "what generation itself leaves, which a detector is meant to find",
)
"""What no copy can equalise."""


@dataclass(frozen=True)
class Equalised:
    """A finished copy: its manifest, files written now and found from before, and files left out."""

    manifest: Path
    plan: Plan
    written: int
    kept: int
    left_out: tuple[str, ...]


def equalise(
    items: Sequence[Item],
    out: Path,
    *,
    side: int | None = None,
    quality: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Equalised:
    """Write the copy as `out/0_real`, `out/1_fake` and a manifest that `upprint audit` reads.

    A file counts once its row is in the manifest; a killed run goes on with the next. Left out are grey
    pictures (if colour differs, the class shows), pictures smaller than the side, and pictures whose pixels
    stand in both classes. Of a source whose photo or twin is left out, both are.

    Args:
        items: readable files with their features.
        out: folder to write; may hold an unfinished copy with the same settings.
        side: of the square crops; chosen by `plan.make` if None.
        quality: of the last JPEG pass; chosen if None.
        progress: called with (done, total).

    Raises:
        ConfigError: a side or quality out of range, or `out` is no folder.
        DataError: a class is missing or nothing of it can be kept.
        ResumeError: `out` holds another copy.
    """
    if side is not None and (side < plans.SMALLEST_SIDE or side % GRID):
        raise ConfigError(f"side {side}: expected a multiple of {GRID} from {plans.SMALLEST_SIDE} on")
    if quality is not None and not 1 <= quality <= 100:
        raise ConfigError(f"quality {quality}: expected 1 to 100")
    plan = plans.make(items, side=side, quality=quality)
    kept, left_out = _usable(items, plan)
    for label, name in ((REAL, "camera-made"), (GENERATED, "generated")):
        if not any(item.sample.label == label for item in kept):
            raise DataError(f"no {name} picture can be kept at {plan.side} pixels; choose a smaller --side")
    _start(out, {"side": plan.side, "quality": plan.quality, "files": len(kept)})
    manifest = out / "manifest.csv"
    finished = _finished(manifest)
    number = {id(item): index for index, item in enumerate(kept)}
    todo = [item for item in kept if _name(item, number[id(item)], plan) not in finished]
    written = 0
    progress(len(kept) - len(todo), len(kept))
    with manifest.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        for item in todo:
            name = _name(item, number[id(item)], plan)
            try:
                data = encode(item, plan)
            except ImageError as error:
                left_out.append(str(error))
            else:
                _save(data, out / name)
                writer.writerow(_row(item, name))
                file.flush()
                written += 1
            progress(len(kept) - len(todo) + written, len(kept))
    return Equalised(manifest, plan, written, len(kept) - len(todo), tuple(left_out))


def encode(item: Item, plan: Plan) -> bytes:
    """The copy of one picture as a file's bytes.

    Raises:
        ImageError: the file has become unreadable.
    """
    pixels = crop(images.decode(item.sample.path).pixels, plan.side, plans.offset_of(item.features))
    given = plan.given(item.sample)
    if given is not None:
        pixels = jpeg(pixels, given.quality, _SUBSAMPLING[given.subsampling])
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels)
    if plan.quality is None:
        picture.save(buffer, "PNG", compress_level=6)
    else:
        picture.save(buffer, "JPEG", quality=plan.quality, subsampling=2)
    return buffer.getvalue()


def crop(pixels: NDArray[np.uint8], side: int, offset: tuple[int, int]) -> NDArray[np.uint8]:
    """The most central square whose corner lies on the picture's own grid of 16, shifted by `offset`
    (column, row), so that an earlier JPEG grid keeps its phase."""
    corners = []
    for size, start in ((pixels.shape[0], offset[1]), (pixels.shape[1], offset[0])):
        middle = (size - side) // 2
        corners.append(start + max(0, middle - start) // GRID * GRID)
    top, left = corners
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _usable(items: Sequence[Item], plan: Plan) -> tuple[list[Item], list[str]]:
    reasons: dict[str, str] = {}
    labels: dict[str, set[int]] = defaultdict(set)
    both: dict[str, set[int]] = defaultdict(set)
    for item in items:
        both[item.sample.source].add(item.sample.label)
        if item.features.pixels is not None:
            labels[item.features.pixels.exact].add(item.sample.label)
    for item in items:
        pixels, (across, down) = item.features.pixels, plans.offset_of(item.features)
        if pixels is None:
            reasons[item.sample.path] = "its pixels were not measured"
        elif min(item.features.width - across, item.features.height - down) < plan.side:
            size = f"{item.features.width} x {item.features.height}"
            reasons[item.sample.path] = f"{size} pixels leave no crop of {plan.side} on its grid"
        elif pixels.grey:
            reasons[item.sample.path] = "a grey picture"
        elif len(labels[pixels.exact]) > 1:
            reasons[item.sample.path] = "the same pixels stand in both classes"
    lost = {item.sample.source for item in items if item.sample.path in reasons}
    for item in items:
        source = item.sample.source
        if item.sample.path not in reasons and source in lost and len(both[source]) > 1:
            reasons[item.sample.path] = "its photo or twin is left out"
    kept = [item for item in items if item.sample.path not in reasons]
    return kept, [f"{path}: {reason}" for path, reason in reasons.items()]


# --- files -------------------------------------------------------------------------------------------------


def _name(item: Item, index: int, plan: Plan) -> str:
    """Numbered: original names may tell the class, or not be printable."""
    return f"{FOLDERS[item.sample.label]}/{index:07d}.{'png' if plan.quality is None else 'jpg'}"


def _row(item: Item, name: str) -> dict[str, object]:
    sample = item.sample
    return {
        "path": name,
        "label": sample.label,
        "subset": sample.subset,
        "generator": sample.generator,
        "source": sample.source,
        "original": sample.path,
    }


def _save(data: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def _start(out: Path, settings: dict[str, object]) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; expected a folder for the copy")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "equalised.json"
    text = json.dumps({_KEY: 1, **settings}) + "\n"
    if not path.exists():
        if any(out.iterdir()):
            raise ResumeError(f"{out} is not empty and holds no copy; choose another --equalise")
        path.write_text(text, encoding="utf-8")
        return
    before = path.read_text(encoding="utf-8")
    if before != text:
        raise ResumeError(
            f"{out} holds a copy made with {before.strip()}, not {text.strip()}; choose another --equalise"
        )


def _finished(manifest: Path) -> set[str]:
    """Names that have a row; a torn last line is cut off."""
    if not manifest.exists():
        return set()
    data = manifest.read_bytes()
    end = data.rfind(b"\n") + 1
    if end != len(data):
        os.truncate(manifest, end)
    whole = data[:end].decode("utf-8", "surrogateescape")
    return {row["path"] for row in csv.DictReader(io.StringIO(whole, newline=""))}
