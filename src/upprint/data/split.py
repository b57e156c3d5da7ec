"""Splits by source photo, and the check that no content stands on two sides."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from upprint.data.sample import Sample
from upprint.result import ConfigError, DataError

SPLIT_SEED = 0
"""One seed for every training and forging, so that a photo kept for validation once is kept always."""


def split(
    samples: Iterable[Sample],
    fractions: Mapping[str, float],
    seed: int,
    *,
    hold_out_sources: Collection[str] = (),
    held_out: str = "test",
) -> dict[str, tuple[Sample, ...]]:
    """Deal samples into named parts by their source key, never by file.

    A key's part depends on the seed and the key alone: sha256(seed, key) gives a number in [0, 1), the
    cumulated fractions cut that line. A photo and its twins stay together, and adding or removing other files
    moves nothing. Parts only approach their fractions, the more sources the closer.

    Args:
        fractions: part -> share in [0, 1]; they sum to 1. Order matters: it is the order on the line.
        seed: another seed, another split.
        hold_out_sources: source keys, or patterns of `fnmatch` such as "flickr/*", that go to the part
            `held_out` whatever their hash says.
        held_out: that part; it may be missing from `fractions`.

    Returns:
        Each part's samples in the order given; parts may be empty.

    Raises:
        ConfigError: fractions outside [0, 1] or not summing to 1.
        DataError: a key or pattern of `hold_out_sources` that no sample has.
    """
    if not fractions or any(not 0 <= f <= 1 for f in fractions.values()):
        raise ConfigError(f"split fractions {dict(fractions)}: expected shares between 0 and 1")
    if not math.isclose(sum(fractions.values()), 1, abs_tol=1e-9):
        raise ConfigError(f"split fractions {dict(fractions)} sum to {sum(fractions.values()):g}, expected 1")
    names = [name for name, share in fractions.items() if share > 0]
    parts: dict[str, list[Sample]] = {name: [] for name in fractions}
    if hold_out_sources:
        parts.setdefault(held_out, [])
    home: dict[str, str] = {}
    unused = set(hold_out_sources)
    for sample in samples:
        if sample.source not in home:
            matched = held_by(sample.source, hold_out_sources)
            unused -= matched
            home[sample.source] = held_out if matched else _part(sample.source, seed, names, fractions)
        parts[home[sample.source]].append(sample)
    if unused:
        raise DataError(
            f"held-out sources {sorted(unused)} match no sample; "
            "expected source keys or patterns such as 'flickr/*'"
        )
    return {name: tuple(members) for name, members in parts.items()}


def held_by(source: str, hold_out_sources: Collection[str]) -> set[str]:
    """Those of the source keys and patterns that hold this source out."""
    return {p for p in hold_out_sources if fnmatchcase(source, p) or p == source}


def training_part(source: str, validation: float, hold_out_sources: Collection[str]) -> str:
    """Where training puts a source: "test" if held out, else "train" or "validation" by `SPLIT_SEED`."""
    if held_by(source, hold_out_sources):
        return "test"
    shares = {"train": 1 - validation, "validation": validation}
    return _part(source, SPLIT_SEED, [name for name, share in shares.items() if share > 0], shares)


def position(source: str, seed: int) -> float:
    """Where a source key lies on the line [0, 1) for this seed."""
    digest = hashlib.sha256(f"{seed}\0{source}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _part(source: str, seed: int, names: list[str], fractions: Mapping[str, float]) -> str:
    place, edge = position(source, seed), 0.0
    for name in names[:-1]:
        edge += fractions[name]
        if place < edge:
            return name
    return names[-1]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files of one content that carry different labels or stand in different parts.

    Args:
        sha256: of the file's bytes.
        files: (part, sample) of every one; part is "" if the samples were not split.
    """

    sha256: str
    files: tuple[tuple[str, Sample], ...]

    @property
    def crosses(self) -> tuple[str, ...]:
        """What differs among the files: "label", "split" or both."""
        labels, parts = {s.label for _, s in self.files}, {part for part, _ in self.files}
        return tuple(name for name, seen in (("label", labels), ("split", parts)) if len(seen) > 1)

    def __str__(self) -> str:
        listed = ", ".join(
            f"{s.path} (label {s.label}{', ' + part if part else ''})" for part, s in self.files
        )
        return f"same content, different {' and '.join(self.crosses)}: {listed}"


def duplicates(
    samples: Iterable[Sample] | Mapping[str, Iterable[Sample]],
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[Duplicate, ...]:
    """Exact duplicates that would flatter or confuse: one content with two labels, or in two parts.

    Args:
        samples: samples, or the result of `split`.
        progress: called with (files hashed, files to hash).

    Returns:
        Sorted by hash. Only files that share their size in bytes with another are read.

    Raises:
        DataError: a file that cannot be read.
    """
    parts = samples if isinstance(samples, Mapping) else {"": samples}
    uses: dict[str, list[tuple[str, Sample]]] = defaultdict(list)
    for part, members in parts.items():
        for sample in members:
            uses[sample.path].append((part, sample))
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in uses:
        by_size[_size(path)].append(path)
    crowded = [path for paths in by_size.values() for path in paths if len(paths) > 1 or _crosses(uses[path])]
    by_hash: dict[str, list[str]] = defaultdict(list)
    for done, path in enumerate(crowded, 1):
        by_hash[_sha256(path)].append(path)
        if progress is not None:
            progress(done, len(crowded))
    found = (
        Duplicate(digest, tuple(use for path in sorted(paths) for use in uses[path]))
        for digest, paths in by_hash.items()
    )
    return tuple(sorted((d for d in found if d.crosses), key=lambda d: d.sha256))


def _crosses(uses: list[tuple[str, Sample]]) -> bool:
    return len({(part, sample.label) for part, sample in uses}) > 1


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> DataError:
    return DataError(f"{path!r}: cannot be read ({error.strerror}); expected the file that its sample names")
