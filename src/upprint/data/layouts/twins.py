"""Aligned twins as `upprint forge` writes them: `photos/`, `twins/` and a manifest beside them.

A twin's source is its photo's, so that splits and bootstraps keep the pair together.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from upprint.data.layouts import manifest
from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import listing, some
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.images import find_images
from upprint.result import DataError

FOLDERS = {"photos": REAL, "twins": GENERATED}


def is_twins(root: Path) -> bool:
    """Whether the folders and a manifest are there."""
    return all((root / name).is_dir() for name in FOLDERS) and manifest.find(root) is not None


def read(root: Path, *, split: str | None = None, subsets: Sequence[str] | None = None) -> Dataset:
    """Read pairs; pictures that the manifest does not list are reported.

    Args:
        split: keep the rows with this value in the column split; all rows if None.
        subsets: keep these makers' pairs; all if None.

    Raises:
        DataError: a folder, the manifest or a sub-set is missing, a row's label contradicts its folder, or
            a photo or twin has no partner in its subset.
    """
    if not root.is_dir() or not is_twins(root):
        found = some([*listing(root)[0], *listing(root)[1]])
        raise DataError(f"{root}: expected photos/, twins/ and {some(manifest.NAMES)}; found {found}")
    data = manifest.read(root, split=split, name="twins")
    if subsets is not None:
        data = data.only(subsets)
    for sample in data.samples:
        _check_folder(root, sample)
    _check_pairs(data.samples)
    return Dataset(
        data.name, data.samples, (*data.skipped, *_unlisted(root, data, split, subsets)), data.protocol
    )


def _check_folder(root: Path, sample: Sample) -> None:
    top = Path(os.path.relpath(sample.path, root)).parts[0]
    if FOLDERS.get(top) != sample.label:
        raise DataError(f"{sample.path!r}: label {sample.label} in {top!r}; expected 0 in photos, 1 in twins")


def _check_pairs(samples: tuple[Sample, ...]) -> None:
    labels: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for sample in samples:
        labels[sample.subset, sample.source][sample.label] += 1
    for (subset, source), seen in labels.items():
        if set(seen) != {REAL, GENERATED}:
            lone = "twin" if REAL in seen else "photo"
            raise DataError(
                f"source {source!r} of subset {subset!r} has no {lone}; expected a photo and its twin"
            )


def _unlisted(root: Path, data: Dataset, split: str | None, subsets: Sequence[str] | None) -> list[str]:
    if split is not None or subsets is not None:
        return []
    listed = {os.path.normpath(sample.path) for sample in data.samples}
    left = []
    for name in FOLDERS:
        strays = [p for p in find_images([root / name]) if os.path.normpath(p) not in listed]
        if strays:
            left.append(f"{name}: {len(strays)} pictures not in the manifest: {some(strays)}")
    return left
