"""Groups of files that show the same picture and stand in different classes or splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from upprint.audit import hashes
from upprint.audit.features import Features
from upprint.audit.report import Copy, Duplicates
from upprint.data.sample import Sample

MOST_FILES, MOST_GROUPS = 10, 500
Use = tuple[str, Sample]


def find(
    parts: Mapping[str, Sequence[Sample]], features: Mapping[str, Features], distance: int
) -> list[Duplicates]:
    """Duplicates across labels or splits, exact ones first, then near ones.

    A photo and its own twin have the same source and are meant to look alike: pictures of one source count
    only where they stand in different splits, or where their pixels are equal under two labels.

    Args:
        parts: split -> samples; "" where there is only one.
        features: by path.
        distance: of perceptual hashes.
    """
    uses: dict[str, list[Use]] = defaultdict(list)
    for part, samples in parts.items():
        for sample in samples:
            uses[sample.path].append((part, sample))
    exact: dict[str, list[str]] = defaultdict(list)
    near: dict[str, str] = {}
    for path in uses:
        pixels = features[path].pixels
        if pixels is not None:
            exact[pixels.exact].append(path)
            if pixels.near is not None:
                near[path] = pixels.near
    found = [group for paths in exact.values() if (group := _group(True, paths, uses))]
    known = {copy.path for group in found for copy in group.files}
    first = {path: min(paths) for paths in exact.values() for path in paths}
    for paths in hashes.near_clusters(near, distance):
        if len({first[path] for path in paths}) > 1 and not set(paths) <= known:
            group = _group(False, paths, uses)
            found += [group] if group else []
    return found


def _group(exact: bool, paths: Sequence[str], uses: Mapping[str, Sequence[Use]]) -> Duplicates | None:
    members = [use for path in sorted(paths) for use in uses[path]]
    crosses = []
    by_source: dict[str, set[int]] = defaultdict(set)
    for _, sample in members:
        by_source[sample.source].add(sample.label)
    labels = {sample.label for _, sample in members}
    if len(labels) > 1 and (exact or _across_sources(by_source)):
        crosses.append("label")
    if len({part for part, _ in members}) > 1:
        crosses.append("split")
    if not crosses:
        return None
    copies = tuple(dict.fromkeys(Copy(s.path, s.label, part) for part, s in members))
    return Duplicates(exact, tuple(crosses), copies[:MOST_FILES], max(0, len(copies) - MOST_FILES))


def _across_sources(by_source: Mapping[str, set[int]]) -> bool:
    """Whether a label's picture has a look-alike of the other label that comes from another photo.

    Sources that have both labels (photo and twin) count as one with each other only if that is all there is.
    """
    only = {next(iter(labels)) for labels in by_source.values() if len(labels) == 1}
    paired = any(len(labels) > 1 for labels in by_source.values())
    return len(only) > 1 or (paired and len(by_source) > 1)
