"""Which layout a folder has, judged by the names in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upprint.data.layouts import (
    aigcdetect,
    diffusion1kstep,
    diffusionforensics,
    forensynths,
    gangen,
    genimage,
    manifest,
    twins,
    universalfakedetect,
)
from upprint.data.layouts._folders import NATURE_AI, REAL_FAKE, Names, directories, listing, some, subset_of
from upprint.result import DataError

NAMED: Mapping[str, tuple[Names, Names]] = {
    "forensynths": (forensynths.CORE, forensynths.EXTRA),
    "gangen-detection": (gangen.CORE, gangen.EXTRA),
    "diffusionforensics": (diffusionforensics.CORE, diffusionforensics.EXTRA),
    "universalfakedetect": (universalfakedetect.CORE, {}),
    "diffusion1kstep": (diffusion1kstep.CORE, {}),
    "aigcdetectbenchmark": (aigcdetect.CORE, aigcdetect.EXTRA),
    "genimage": (genimage.CORE, {}),
}
"""Layouts known by the names of their sets: (the paper's sets, further ones)."""

KNOWN = (*NAMED, "plain", "twins", "manifest")


@dataclass(frozen=True, slots=True)
class Guess:
    """A layout and what speaks for it."""

    layout: str
    reason: str


def detect(root: Path) -> Guess:
    """Guess the layout of a folder or manifest.

    Raises:
        DataError: nothing known, or two layouts fit about equally; says what was seen and what is known.
    """
    if manifest.find(root) is not None:
        if root.is_dir() and twins.is_twins(root):
            return Guess("twins", "photos/, twins/ and a manifest")
        return Guess("manifest", "a table of files")
    if root.is_file():
        raise DataError(
            f"{root}: expected a folder, or a .csv or .parquet table; known layouts: {', '.join(KNOWN)}"
        )
    folders, files = listing(root)
    if REAL_FAKE.keys() & set(folders):
        return Guess("plain", "class folders 0_real and 1_fake directly inside")
    if where := next((name for name in folders if _holds(root / name, NATURE_AI, 2)), None):
        return Guess("genimage", f"class folders ai and nature in {where!r}")
    if splits := [s for s in forensynths.SPLITS if s in folders and _is_forensynths(root / s)]:
        return Guess("forensynths", f"splits {some(splits)} with its class or generator folders")
    if where := next((name for name in folders if _is_real_tree(root / name)), None):
        return Guess("universalfakedetect", f"{where!r} holds reals that its generators share")
    holders = [name for name in folders if _holds(root / name, REAL_FAKE, 1)]
    if holders and forensynths.CLASSES.issuperset(holders):
        return Guess("forensynths", f"folders named like its 20 classes: {some(holders)}")
    if holders:
        return _by_names(root, holders)
    raise DataError(
        f"{root}: no class folders (0_real + 1_fake, or ai + nature) and no manifest; "
        f"saw {some(folders + files)}; known layouts: {', '.join(KNOWN)}"
    )


def _by_names(root: Path, holders: list[str]) -> Guess:
    """The one named layout that knows all folders, or the one whose sets overlap clearly most with them."""
    shares: dict[str, float] = {}
    matched: dict[str, list[str]] = {}
    complete = []
    for layout, (core, extra) in NAMED.items():
        subsets = {name: subset_of(name, {**core, **extra}) for name in holders}
        hits = {subset for subset in subsets.values() if subset is not None}
        strange = [name for name in holders if subsets[name] is None]
        if hits:
            shares[layout] = len(hits) / (len(hits | set(core)) + len(strange))
            matched[layout] = sorted(hits)
            complete += [layout] if not strange else []
    if not shares:
        return Guess("plain", f"0_real and 1_fake in folders of no known data set: {some(holders)}")
    best, *rest = sorted(complete or shares, key=lambda layout: -shares[layout])
    sole = best in complete and not rest
    if not sole and shares[best] < max([0.5, *(shares[layout] + 0.1 for layout in rest)]):
        raise DataError(
            f"{root}: saw {some(holders, 20)}, which fits {' and '.join((best, *rest))}"
            f"{'' if complete else ' in part'}; name the layout; known: {', '.join(KNOWN)}"
        )
    return Guess(best, f"{len(matched[best])} of its sets: {some(matched[best], 20)}")


def _is_forensynths(split: Path) -> bool:
    named = {n for n in directories(split) if n in forensynths.CLASSES} | set(forensynths.generators(split))
    return any(_holds(split / name, REAL_FAKE, 1) for name in named)


def _is_real_tree(folder: Path) -> bool:
    if folder.name not in universalfakedetect.REAL_TREES:
        return False
    return {"0_real", "1_fake"} & set(directories(folder)) == {"0_real"}


def _holds(folder: Path, names: Mapping[str, int], depth: int) -> bool:
    """Whether a class folder of these names lies at most `depth` levels below `folder`'s own entries."""
    inside = directories(folder)
    if names.keys() & set(inside):
        return True
    return depth > 0 and any(_holds(folder / name, names, depth - 1) for name in inside)
