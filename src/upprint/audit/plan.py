"""What the equalised copy of a data set looks like: one size, one coding, matched histories."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from upprint.audit.features import Features
from upprint.audit.findings import Item
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.result import DataError

GRID = 16
"""Corners and sides are multiples of this: two blocks of 4:2:0."""
LARGEST_SIDE, SMALLEST_SIDE = 512, 32
KEPT = 0.95
"""Share of each class that must be at least as large as the chosen side."""
QUALITIES = (50, 95)
"""Range in which the last common JPEG pass is chosen."""


@dataclass(frozen=True)
class History:
    """A JPEG pass: IJG quality and subsampling of the chroma (0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0)."""

    quality: int
    subsampling: int


@dataclass(frozen=True)
class Plan:
    """`side` of the square crops; `quality` of the last JPEG pass, None for PNG without any pass;
    `histories` per label, those found in that class (None: no JPEG history), which the other class gets."""

    side: int
    quality: int | None
    histories: dict[int, tuple[History | None, ...]]

    def given(self, sample: Sample) -> History | None:
        """The pass that a picture gets so that its class has the other's history too; drawn by its source."""
        pool = self.histories[1 - sample.label]
        if self.quality is None or not pool:
            return None
        digest = hashlib.sha256(f"{sample.label}\0{sample.source}".encode(errors="surrogatepass")).digest()
        return pool[int.from_bytes(digest[:8], "big") % len(pool)]


def history_of(features: Features) -> History | None:
    """The JPEG history of a file, from its header or, where it is no JPEG, from its pixels."""
    header, pixels = features.header, features.pixels
    if header is not None and header.quality is not None:
        return History(header.quality, {"4:4:4": 0, "4:2:2": 1}.get(header.subsampling or "", 2))
    if pixels is not None and pixels.comb_quality is not None:
        return History(pixels.comb_quality, 2)
    return None


def make(items: Sequence[Item], *, side: int | None = None, quality: int | None = None) -> Plan:
    """Choose what both classes get.

    Without any JPEG history in either class the copy is PNG. Otherwise every picture goes through a pass
    drawn from the other class's histories and then, all alike, through one last JPEG at the 10 % quantile of
    the qualities found: coarse enough to cover most of what came before. The side is the largest multiple
    of 16 up to 512 that 95 % of each class reaches.

    Raises:
        DataError: a class is missing, or its pictures are too small.
    """
    by_class = {label: [i.features for i in items if i.sample.label == label] for label in (REAL, GENERATED)}
    for label, name in ((REAL, "camera-made"), (GENERATED, "generated")):
        if not by_class[label]:
            raise DataError(f"no readable {name} pictures; a copy with equal classes needs both")
    histories = {label: tuple(map(history_of, found)) for label, found in by_class.items()}
    found = [history.quality for pool in histories.values() for history in pool if history is not None]
    if quality is None and found:
        quality = int(np.clip(np.quantile(found, 0.1), *QUALITIES))
    return Plan(side or _side(by_class), quality, histories)


def _side(by_class: dict[int, list[Features]]) -> int:
    reached = min(
        float(np.quantile([_room(f) for f in found], 1 - KEPT, method="lower")) for found in by_class.values()
    )
    side = min(LARGEST_SIDE, int(reached)) // GRID * GRID
    if side < SMALLEST_SIDE:
        raise DataError(
            f"5 % of a class are smaller than {SMALLEST_SIDE} pixels on a side; give --side to leave them out"
        )
    return side


def _room(features: Features) -> int:
    """Shorter side that is left when the crop starts on the picture's own JPEG grid."""
    across, down = offset_of(features)
    return min(features.width - across, features.height - down)


def offset_of(features: Features) -> tuple[int, int]:
    """Where the first whole block of the pixels' own JPEG grid starts."""
    pixels = features.pixels
    return (0, 0) if pixels is None or pixels.offset is None else pixels.offset
