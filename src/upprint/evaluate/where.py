"""Does a map show where? Maps of composites with known masks, judged pixel by pixel.

Per composite and map: the area under the ROC of its pixels, generated region against the rest, and how many
pixels the shipped threshold marks on either side. Pixels of the seam count for neither. `where_results` sums
up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upprint.evaluate.curve import Floats, area_under_roc, sort
from upprint.evaluate.where_maps import LocalMap
from upprint.forge import composite
from upprint.forge.composite import INSIDE, OUTSIDE
from upprint.images import decode
from upprint.record import build
from upprint.result import DataError, MetricError, Progress, ResumeError

_KEY = "upprint_where"
_FINE = 64.0
"""Bins per unit of asinh(4 x), in which pooled pixels are counted: 0.004 logits wide at 0, 0.02 at 1."""


@dataclass(frozen=True)
class Pixelwise:
    """One map of one composite.

    Args:
        auroc: of its pixels, inside against outside; the seam is left out.
        marked_inside, marked_outside, unmarked_inside: pixels at the threshold; None without one.
        bins, inside, outside: pixels per bin of `code`.
    """

    auroc: float
    marked_inside: int | None
    marked_outside: int | None
    unmarked_inside: int | None
    bins: tuple[int, ...]
    inside: tuple[int, ...]
    outside: tuple[int, ...]


@dataclass(frozen=True)
class Item:
    """A composite, or its control of the same number in `path`, with what every map made of it."""

    path: str
    sha256: str
    source: str
    kind: composite.Kind
    encoding: str
    share: float
    maps: dict[str, Pixelwise]


def score(
    folder: Path,
    maps: Sequence[LocalMap],
    *,
    journal: Path,
    settings: Mapping[str, Any],
    threshold: float | None = None,
    progress: Progress = lambda _done, _total: None,
) -> list[Item]:
    """Draw and judge every map of every composite; those that an earlier run judged are not drawn again.

    Args:
        folder: composites, as `forge.composite.compose` writes them.
        maps: the maps, controls included.
        journal: JSON lines; what is there counts as done.
        settings: what must be equal for a journal to be continued (system, weights, ...).
        threshold: logit from which a pixel is marked; None leaves the overlap out.
        progress: called with (composites done, composites).

    Raises:
        DataError: no composites, or a mask that does not fit its picture.
        MetricError: a map of another size, or with a value that is not finite.
        ResumeError: the journal belongs to another system or other maps.
    """
    rows = composite.read(folder)
    header = json.loads(
        json.dumps({_KEY: 1, **settings, "maps": [m.name for m in maps], "threshold": threshold})
    )
    known = {(item.sha256, item.source, item.kind): item for item in _resume(journal, header)}
    items = []
    with journal.open("ab") as file:
        for done, row in enumerate(rows, start=1):
            key = (row.sha256, row.source, row.kind)
            if key not in known:
                known[key] = _item(folder, row, maps, threshold)
                file.write(json.dumps(asdict(known[key]), allow_nan=False).encode("ascii") + b"\n")
                file.flush()
            items.append(replace(known[key], path=row.path))
            progress(done, len(rows))
    return items


def _item(folder: Path, row: composite.Row, maps: Sequence[LocalMap], threshold: float | None) -> Item:
    pixels = decode(str(folder / row.path)).pixels
    truth = decode(str(folder / row.mask)).pixels[..., 0]
    if truth.shape != pixels.shape[:2]:
        raise DataError(f"{folder / row.mask}: {truth.shape}, its picture has {pixels.shape[:2]}")
    found = {m.name: judge(m, pixels, truth, threshold) for m in maps}
    return Item(row.path, row.sha256, row.source, row.kind, row.encoding, row.share, found)


def judge(
    local: LocalMap, pixels: NDArray[np.uint8], truth: NDArray[np.uint8], threshold: float | None
) -> Pixelwise:
    """Judge one map of one composite.

    Args:
        local: the map.
        pixels: uint8 RGB (H, W, 3).
        truth: uint8 (H, W) of OUTSIDE, SEAM and INSIDE.
        threshold: of its logits.
    """
    values = local.draw(pixels)
    if values.shape != truth.shape or not np.isfinite(values).all():
        raise MetricError(
            f"map {local.name!r}: {values.shape}, expected finite values of shape {truth.shape}"
        )
    inside, outside = values[truth == INSIDE], values[truth == OUTSIDE]
    marked: tuple[int | None, int | None, int | None] = (None, None, None)
    if threshold is not None and local.logits:
        hits = int((inside >= threshold).sum())
        marked = (hits, int((outside >= threshold).sum()), len(inside) - hits)
    codes, place = np.unique(code(np.concatenate([inside, outside])), return_inverse=True)
    counts = [np.bincount(part, minlength=len(codes)) for part in np.split(place, [len(inside)])]
    return Pixelwise(
        pixel_auroc(inside, outside),
        *marked,
        bins=tuple(codes.tolist()),
        inside=tuple(counts[0].tolist()),
        outside=tuple(counts[1].tolist()),
    )


def pixel_auroc(inside: NDArray[np.float32], outside: NDArray[np.float32]) -> float:
    """P(a pixel inside is above one outside), ties counting one half.

    Raises:
        MetricError: a side is empty.
    """
    if not len(inside) or not len(outside):
        raise MetricError(f"{len(inside)} pixels inside, {len(outside)} outside: expected some of both")
    labels = np.repeat([1, 0], [len(inside), len(outside)])
    return float(area_under_roc(sort(labels, np.concatenate([inside, outside]), name="pixels").curve()))


def code(values: NDArray[Any]) -> NDArray[np.int64]:
    """The bin of a value: fine near zero, coarser far from it, defined everywhere."""
    return np.rint(_FINE * np.arcsinh(4 * values.astype(np.float64))).astype(np.int64)


def value(codes: NDArray[Any]) -> Floats:
    """The middle of a bin."""
    return np.asarray(np.sinh(codes / _FINE) / 4, np.float64)


def overlap(found: Pixelwise) -> float | None:
    """Intersection over union of marked and generated pixels; None without a threshold."""
    if found.marked_inside is None or found.marked_outside is None or found.unmarked_inside is None:
        return None
    return found.marked_inside / (found.marked_inside + found.marked_outside + found.unmarked_inside)


def _resume(journal: Path, header: dict[str, Any]) -> list[Item]:
    """What the journal holds, after cutting a torn last line; a new one gets its header."""
    if journal.exists():
        lines = journal.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        if whole:
            try:
                found = json.loads(whole[0])
                items = [build(Item, json.loads(line), str(journal), DataError) for line in whole[1:]]
            except (ValueError, DataError) as error:
                raise ResumeError(f"{journal}: not a journal of maps ({error}); remove it") from error
            if found != header:
                raise ResumeError(
                    f"{journal} holds another run ({found}); remove it or choose another folder"
                )
            if len(whole) < len(lines):
                journal.write_bytes(b"".join(whole))
            return items
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_bytes(json.dumps(header).encode("ascii") + b"\n")
    return []
