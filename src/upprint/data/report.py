"""What a data set holds, and what besides generation tells its classes apart.

Only headers are read. A warning is not a verdict on a detector, it says that a number measured on these files
may be earned by reading the format or the size.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from statistics import median
from typing import NamedTuple

from upprint._decoders import EXPECTED, HEAD, PLUGINS, pillow_warnings_off, sniff, translated
from upprint.data.layouts import Dataset
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.result import printable

LEAK_AT = 0.75
"""Balanced accuracy of a one-feature rule from which the feature is said to separate the classes."""
UNEQUAL_AT = 0.05
"""Relative difference of the classes' counts from which they are called unequal."""
TOP_SIZES = 5
CLASS_NAME = {REAL: "real", GENERATED: "generated"}


class Header(NamedTuple):
    """What a file says before its pixels: format by content, stored width and height, bytes on disk."""

    format: str
    width: int
    height: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """One class of one subset; sizes are "WIDTHxHEIGHT" as stored, extents are pixel counts."""

    subset: str
    label: int
    files: int
    file_bytes: int
    formats: dict[str, int]
    sizes: dict[str, int]
    """The most frequent ones."""
    distinct_sizes: int
    min_size: str
    median_pixels: float
    max_size: str
    unreadable: tuple[str, ...]
    """Each with the reason."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A single feature that separates the classes of a subset; `accuracy` is balanced, 0.5 is chance."""

    subset: str
    feature: str
    accuracy: float


@dataclass(frozen=True, slots=True)
class Report:
    """All groups in the data set's order, and what a reader must know before trusting a number."""

    name: str
    protocol: str
    groups: tuple[Group, ...]
    leaks: tuple[Leak, ...]
    warnings: tuple[str, ...]
    skipped: tuple[str, ...]

    @property
    def unreadable(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line for group in self.groups for line in group.unreadable))

    def to_json(self) -> str:
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "backslashreplace").decode("utf-8")  # undecodable names as JSON escapes

    def to_text(self) -> str:
        lines = [f"{self.name} (protocol {self.protocol})"]
        lines += [f"  {' | '.join(cells)}" for cells in (COLUMNS, *map(row, self.groups))]
        for title, entries in (
            ("warning", self.warnings),
            ("unreadable", self.unreadable),
            ("not read", self.skipped),
        ):
            lines += [f"{title}: {entry}" for entry in entries]
        return "\n".join(map(printable, lines)) + "\n"


COLUMNS = ("subset", "class", "files", "MB", "formats", "sizes", "smallest", "median", "largest")


def row(group: Group) -> tuple[str, ...]:
    """A group as the cells of `COLUMNS`."""
    more = group.distinct_sizes - len(group.sizes)
    return (
        group.subset,
        CLASS_NAME[group.label],
        f"{group.files:,}",
        f"{group.file_bytes / 1e6:,.1f}",
        ", ".join(f"{name} {count:,}" for name, count in group.formats.items()) or "-",
        ", ".join(f"{size} {count:,}" for size, count in group.sizes.items())
        + (f", {more} more" if more else ""),
        group.min_size or "-",
        f"{group.median_pixels / 1e6:.3g} MP",
        group.max_size or "-",
    )


def describe(dataset: Dataset, progress: Callable[[int, int | None], None] | None = None) -> Report:
    """Read every header and sum up.

    A file that cannot be read is listed with its reason and left out of sizes, formats and rules. Files that
    stand in several subsets are opened once.

    Args:
        progress: called with (samples done, all samples).
    """
    shown: dict[tuple[str, int], list[Header]] = defaultdict(list)
    failed: dict[tuple[str, int], list[str]] = defaultdict(list)
    several = {p for p, n in Counter(s.path for s in dataset.samples).items() if n > 1}
    known: dict[str, Header | str] = {}
    for done, sample in enumerate(dataset.samples, 1):
        found = known.get(sample.path) or read_header(sample.path)
        if sample.path in several:
            known[sample.path] = found
        key = (sample.subset, sample.label)
        if isinstance(found, Header):
            shown[key].append(found)
        else:
            failed[key].append(f"{sample.path!r}: {found}")
        if progress is not None:
            progress(done, len(dataset.samples))
    groups = tuple(
        _group(subset, label, shown[subset, label], failed[subset, label])
        for subset in dataset.subsets
        for label in (REAL, GENERATED)
    )
    leaks = tuple(leak for subset in dataset.subsets for leak in _leaks(subset, shown))
    notes = (*map(_leak_text, leaks), *_unequal(groups), *_shared(dataset.samples), *_unreadable(groups))
    return Report(dataset.name, dataset.protocol.name, groups, leaks, notes, dataset.skipped)


def read_header(path: str) -> Header | str:
    """Format by content, stored size and bytes of one file, without decoding it; a reason if that fails."""
    kind = None
    try:
        with open(path, "rb") as file, pillow_warnings_off():
            kind = sniff(file.read(HEAD))
            if kind not in PLUGINS:
                return f"{kind or 'no known image format'}; expected {EXPECTED}"
            file_bytes = file.seek(0, os.SEEK_END)
            file.seek(0)
            module, name = PLUGINS[kind]
            with getattr(import_module(module), name)(file) as picture:
                return Header(kind, picture.width, picture.height, file_bytes)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except Exception as error:  # decoders raise nearly everything, from SyntaxError to struct.error
        return translated(error, path, str(kind)).reason


def best_rule(real: Iterable[Hashable], generated: Iterable[Hashable]) -> float:
    """Balanced accuracy of the majority rule on one feature: each value is given the class it is likelier in.

    The classes weigh the same whatever their counts. Each file is judged by the others (leave one out), and
    values that occur once count as one value "other", so that sizes that differ from file to file do not
    look like a separating feature. Ties count one half; 0.5 is chance.
    """
    counts = (Counter(real), Counter(generated))
    both = counts[0] + counts[1]
    folded: list[Counter[Hashable]] = [Counter(), Counter()]
    for label, seen in enumerate(counts):
        for value, count in seen.items():
            folded[label][("other",) if both[value] == 1 else ("value", value)] += count
    return sum(_share_right(folded[label], folded[1 - label]) for label in (0, 1)) / 2


def _share_right(own: Counter[Hashable], other: Counter[Hashable]) -> float:
    files, rivals = own.total(), other.total()
    if files == 0 or rivals == 0:
        return 0.5
    right = 0.0
    for value, count in own.items():
        mine = (count - 1) / max(files - 1, 1)
        theirs = other[value] / rivals
        right += count * (1.0 if mine > theirs else 0.5 if mine == theirs else 0.0)
    return right / files


def _group(subset: str, label: int, headers: list[Header], failed: list[str]) -> Group:
    sizes = Counter(f"{h.width}x{h.height}" for h in headers)
    by_extent = sorted(headers, key=lambda h: (h.width * h.height, h.width))
    top = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:TOP_SIZES]
    return Group(
        subset,
        label,
        files=len(headers) + len(failed),
        file_bytes=sum(h.file_bytes for h in headers),
        formats=dict(
            sorted(Counter(h.format for h in headers).items(), key=lambda item: (-item[1], item[0]))
        ),
        sizes=dict(top),
        distinct_sizes=len(sizes),
        min_size=f"{by_extent[0].width}x{by_extent[0].height}" if headers else "",
        median_pixels=float(median(h.width * h.height for h in headers)) if headers else 0.0,
        max_size=f"{by_extent[-1].width}x{by_extent[-1].height}" if headers else "",
        unreadable=tuple(failed),
    )


def _leaks(subset: str, headers: Mapping[tuple[str, int], list[Header]]) -> list[Leak]:
    real, generated = headers[subset, REAL], headers[subset, GENERATED]
    rules = {
        "format": best_rule([h.format for h in real], [h.format for h in generated]),
        "size": best_rule([(h.width, h.height) for h in real], [(h.width, h.height) for h in generated]),
    }
    return [Leak(subset, feature, accuracy) for feature, accuracy in rules.items() if accuracy >= LEAK_AT]


def _leak_text(leak: Leak) -> str:
    return (
        f"{leak.subset}: {leak.feature} alone separates the classes, balanced accuracy {leak.accuracy:.3f} "
        "(chance 0.5)"
    )


def _unequal(groups: tuple[Group, ...]) -> Iterable[str]:
    for real, generated in zip(groups[::2], groups[1::2], strict=True):
        most = max(real.files, generated.files)
        if abs(real.files - generated.files) > UNEQUAL_AT * most:
            yield (
                f"{real.subset}: {real.files:,} real and {generated.files:,} generated; "
                "accuracy over all files is weighted by that"
            )


def _shared(samples: tuple[Sample, ...]) -> Iterable[str]:
    homes: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.label == REAL:
            homes[sample.source].add(sample.subset)
    order = {subset: rank for rank, subset in enumerate(dict.fromkeys(s.subset for s in samples))}
    sharing = Counter(tuple(sorted(h, key=order.__getitem__)) for h in homes.values() if len(h) > 1)
    for subsets, count in sorted(sharing.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:,} real photos are shared by {', '.join(subsets)}: these rows are not independent"


def _unreadable(groups: tuple[Group, ...]) -> Iterable[str]:
    for group in groups:
        if group.unreadable:
            yield f"{group.subset}: {len(group.unreadable):,} {CLASS_NAME[group.label]} files cannot be read"
