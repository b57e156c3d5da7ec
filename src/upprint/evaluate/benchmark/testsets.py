"""The pictures of a benchmark's tests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from upprint.data import layouts
from upprint.data.protocol import Protocol, named
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.evaluate.benchmark.config import EvaluationConfig
from upprint.images import find_images
from upprint.result import DataError

SHARED = "photos shared by all generators"
"""Sub-set of photos that count in every other sub-set and are scored once."""


@dataclass(frozen=True)
class TestSet:
    """What one test scores; `data` says it in words, `dataset` is its name as tables know it."""

    name: str
    title: str
    dataset: str
    data: str
    samples: tuple[Sample, ...]
    perturbation: str
    protocol: Protocol


def read(name: str, config: EvaluationConfig) -> TestSet:
    """The samples of a test.

    Raises:
        ConfigError: unknown layout or options.
        DataError: nothing there, or sources that no picture has.
    """
    if config.photos:
        photos = _some(held_out(Path(config.photos), config.sources or ("*",)), config)
        samples = [replace(sample, subset=SHARED) for sample in photos]
        words = f"{len(photos)} photos"
        if config.generated:
            made = generated(Path(config.generated))
            samples += made
            words = f"{len({s.subset for s in made})} generators against {words}"
        protocol, dataset = named(config.protocol or "tiles"), name
    else:
        data = layouts.read(config.root, config.layout or None, **config.options)
        samples = _some(data.samples, config)
        count = len({s.subset for s in samples})
        words = f"{len(samples)} pictures of {count} sub-set{'s' * (count > 1)} ({data.name})"
        protocol, dataset = named(config.protocol) if config.protocol else data.protocol, data.name
    words += f", both classes {config.perturbation}" if config.perturbation else ", as they come"
    return TestSet(name, config.title, dataset, words, tuple(samples), config.perturbation, protocol)


def held_out(photos: Path, patterns: Sequence[str]) -> list[Sample]:
    """The photos below a root whose path there fits a pattern."""
    return [
        Sample(path, REAL, "", "real", Path(os.path.relpath(path, photos)).as_posix())
        for path in find_images([photos])
        if any(fnmatchcase(os.path.relpath(path, photos), pattern) for pattern in patterns)
    ]


def generated(root: Path) -> list[Sample]:
    """Generated pictures in one folder per generator.

    Raises:
        DataError: no folder.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not folders:
        raise DataError(f"{root}: expected one folder of pictures per generator; found none")
    return [
        Sample(path, GENERATED, folder.name, folder.name, f"{folder.name}/{Path(path).name}")
        for folder in folders
        for path in find_images([folder])
    ]


def _some(samples: Iterable[Sample], config: EvaluationConfig) -> list[Sample]:
    """Those of the wanted sources, at most so many sources of each sub-set."""
    kept = [
        s
        for s in samples
        if not config.sources or any(fnmatchcase(s.source, pattern) for pattern in config.sources)
    ]
    if not kept:
        raise DataError(f"test {config.title!r}: no picture of the sources {', '.join(config.sources)}")
    if config.sources_per_subset is None:
        return kept
    chosen = {}
    for subset in dict.fromkeys(s.subset for s in kept):
        sources = sorted({s.source for s in kept if s.subset == subset}, key=_hash)
        chosen[subset] = set(sources[: config.sources_per_subset])
    return [s for s in kept if s.source in chosen[s.subset]]


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
