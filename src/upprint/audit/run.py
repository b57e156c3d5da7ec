"""The audit itself: features, cues, duplicates, baselines, and the detector beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from upprint import __version__
from upprint.audit import baselines, duplicates, effects, features, findings, hashes
from upprint.audit.features import Features
from upprint.audit.findings import Item
from upprint.audit.report import Accuracy, CueResult, Report, Scope
from upprint.data.layouts import Dataset
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.evaluate.predictions import Predictions
from upprint.result import ConfigError, DataError, Progress

FEW_SOURCES = 20


@dataclass(frozen=True)
class Settings:
    """How an audit is done. `distance`: bits of 64 in which near duplicates may differ; `permutations` for
    p-values; `trees` of the baselines' forests; `workers` threads, one per core if None."""

    distance: int = hashes.DISTANCE
    permutations: int = effects.PERMUTATIONS
    trees: int = baselines.TREES
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.distance <= 16:
            raise ConfigError(f"distance {self.distance}: expected 0 to 16 of the 64 bits of a hash")


def audit(
    dataset: Dataset,
    *,
    root: str = "",
    others: Mapping[str, Dataset] | None = None,
    split: str = "",
    predictions: Predictions | None = None,
    settings: Settings | None = None,
    journal: Path | None = None,
    resume: bool = False,
    progress: Progress = lambda _done, _total: None,
    stage: Callable[[str], None] = lambda _name: None,
) -> Report:
    """Audit a data set.

    Args:
        dataset: what a reader of `upprint.data.layouts` found.
        root: where it was, for the report.
        others: further splits by name, looked through for duplicates only.
        split: name of `dataset` beside them.
        predictions: of the detector to compare with, covering every readable file.
        settings: see there.
        journal: file for the features, so that a killed audit can go on with `resume`.
        progress: called with (files measured, all files).
        stage: called with the name of what begins after the measuring.

    Raises:
        DataError: no files, or predictions that do not cover the data set.
        ResumeError: a journal that cannot be continued.
        MissingExtra: without scikit-learn.
    """
    chosen = settings or Settings()
    if not dataset.samples:
        raise DataError(f"{dataset.name}: no files to audit")
    parts = {split: dataset.samples, **{name: other.samples for name, other in (others or {}).items()}}
    if len(parts) != 1 + len(others or {}):
        raise ConfigError(f"the split {split!r} cannot be compared with itself")
    paths = [sample.path for samples in parts.values() for sample in samples]
    known = features.collect(paths, journal=journal, resume=resume, workers=chosen.workers, progress=progress)
    stage("comparing the classes")
    members = _scopes(dataset)
    items = {name: _items(samples, known) for name, samples in members.items()}
    measured = [_measure(found, chosen) for found in items.values()]
    judged = findings.judge(measured)
    stage("training baselines")
    scopes = tuple(
        _scope(name, found, cues, predictions, chosen)
        for (name, found), cues in zip(items.items(), judged, strict=True)
    )
    stage("looking for duplicates")
    groups = duplicates.find(parts, known, chosen.distance)
    unreadable = tuple(f"{path}: {f.error}" for path, f in known.items() if f.error is not None)
    return Report(
        name=dataset.name,
        root=root,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        scopes=scopes,
        duplicates=tuple(groups[: duplicates.MOST_GROUPS]),
        duplicate_groups=len(groups),
        distance=chosen.distance,
        tests=sum(cue.p is not None for cues in measured for cue in cues),
        level=findings.LEVEL,
        least_strength=findings.LEAST,
        unreadable=unreadable,
        skipped=dataset.skipped,
        notes=tuple(_notes(scopes, known, dataset)),
    )


def _scopes(dataset: Dataset) -> dict[str, list[Sample]]:
    """All files, each once, and every subset where there are several."""
    everything = list({sample.path: sample for sample in dataset.samples}.values())
    subsets = dataset.subsets
    if len(subsets) == 1:
        return {subsets[0]: everything}
    by_subset: dict[str, list[Sample]] = {name: [] for name in subsets}
    for sample in dataset.samples:
        by_subset[sample.subset].append(sample)
    name = "everything" if "everything" not in by_subset else "everything (all subsets)"
    return {name: everything, **by_subset}


def _items(samples: Sequence[Sample], known: Mapping[str, Features]) -> list[Item]:
    return [Item(s, known[s.path]) for s in samples if known[s.path].error is None]


def _measure(items: Sequence[Item], settings: Settings) -> list[CueResult]:
    return findings.measure(items, permutations=settings.permutations, seed=settings.seed)


def _scope(
    name: str,
    items: Sequence[Item],
    cues: tuple[CueResult, ...],
    predictions: Predictions | None,
    settings: Settings,
) -> Scope:
    samples = [item.sample for item in items]
    labels = [sample.label for sample in samples]
    sources = [sample.source for sample in samples]
    solved = baselines.baselines(
        [item.features for item in items], labels, sources, trees=settings.trees, seed=settings.seed
    )
    detector = None if predictions is None else _detector(name, samples, predictions)
    return Scope(
        name=name,
        real=labels.count(REAL),
        generated=labels.count(GENERATED),
        sources=len(set(sources)),
        cues=cues,
        baselines=solved,
        detector=detector,
        headline=headline(solved, cues),
    )


def headline(solved: Sequence[Accuracy], cues: Sequence[CueResult]) -> str:
    """What the best of the baselines means, in a sentence; it claims nothing unless a cue was found."""
    defined = [accuracy for accuracy in solved if accuracy.value is not None]
    if not defined:
        return f"How much can be solved without pixels is undefined: {solved[0].undefined}."
    best = max(defined, key=lambda accuracy: accuracy.value or 0.0)
    percent = f"{100 * (best.value or 0.0):.0f} %"
    if not best.above_chance:
        return "Nothing outside the pixels tells the classes apart better than chance."
    if not any(cue.found and cue.group in ("metadata", "size") for cue in cues):
        return (
            f"No header field separates the classes by itself; {best.title} reach {percent} balanced "
            "accuracy, which may be chance."
        )
    return (
        f"{percent} of this benchmark can be solved without looking at a pixel "
        f"(balanced accuracy of a classifier that sees {best.title}; chance is 50 %)."
    )


def _detector(scope: str, samples: Sequence[Sample], predictions: Predictions) -> Accuracy:
    logits = {row.path: row.logit for row in predictions.rows}
    missing = [sample.path for sample in samples if logits.get(sample.path) is None]
    if missing:
        raise DataError(
            f"{scope}: the predictions have no score for {len(missing)} of {len(samples)} files, first "
            f"{missing[0]!r}; expected those of this data set, read from the same path"
        )
    header = predictions.header
    shipped = header.threshold is not None
    title = f"{header.system} at its {'shipped threshold' if shipped else 'logit 0'}"
    return baselines.balanced_accuracy(
        "detector",
        title,
        [sample.label for sample in samples],
        [logits[sample.path] or 0.0 for sample in samples],
        [sample.source for sample in samples],
        header.threshold or 0.0,
        inclusive=shipped,
    )


def _notes(scopes: Sequence[Scope], known: Mapping[str, Features], dataset: Dataset) -> list[str]:
    notes = []
    for scope in scopes:
        for label, count in (("camera-made", scope.real), ("generated", scope.generated)):
            if count == 0:
                notes.append(f"{scope.name}: no readable {label} pictures, nothing can be compared")
        if scope.real and scope.generated and scope.sources < FEW_SOURCES:
            notes.append(
                f"{scope.name}: {scope.sources} source photos; that few hide all but the strongest cues"
            )
    failed = {
        label: sum(known[s.path].error is not None for s in dataset.samples if s.label == label)
        for label in (REAL, GENERATED)
    }
    if any(failed.values()):
        notes.append(
            f"{failed[REAL]} camera-made and {failed[GENERATED]} generated files cannot be read and are "
            "left out"
        )
    return notes
