"""Robustness: every picture of a data set under every perturbation, by every system, in one pass.

A picture is decoded once and perturbed many times; each cell (picture, system, perturbation) is scored on
its own, so it does not depend on what else is tried, and is what `upprint evaluate --perturb` gives. Pictures
that stand in several sub-sets are scored once. Threads take a picture each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upprint import images, perturb
from upprint.data.protocol import Protocol, views
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.evaluate.model import Model, Pixels
from upprint.evaluate.predict import ahead, draw_seed, pooled_logits, samples_digest
from upprint.evaluate.predictions import Row
from upprint.evaluate.robustness_grid import CLEAN
from upprint.evaluate.robustness_journal import Cell, Entry, Header, Journal
from upprint.result import ConfigError, ImageError, Progress

BOTH, FAKES_ONLY = "both classes", "generated pictures only"
"""What is perturbed. The second flatters a detector that knows one class by its format."""

_FAILURES = (ImageError, OSError, ValueError, MemoryError)
"""What a codec or an attack may say of one picture; anything else ends the run."""


@dataclass(frozen=True)
class Measured:
    """What a run found: for every system (by `key`) and text, a row per sample, in the samples' order."""

    header: Header
    rows: Mapping[str, Mapping[str, tuple[Row, ...]]]


def key(model: Model) -> str:
    """What tells a system's cells from another's: name, weights and their hash, engine."""
    return f"{model.card.name} {model.weights}@{model.sha256[:12]} {model.engine}"


def run(
    samples: Sequence[Sample],
    models: Sequence[Model],
    protocol: Protocol,
    texts: Sequence[str],
    *,
    journal: Path,
    data: str,
    before: str = "",
    generated_only: bool = False,
    resume: bool = False,
    workers: int = 2,
    progress: Progress = lambda _done, _total: None,
) -> Measured:
    """Score every sample under every text.

    Args:
        samples: what to score.
        models: one or several; their keys must differ.
        protocol: how a picture reaches the network; not one that draws.
        texts: perturbations; the clean picture (an empty text) is always among them.
        journal: file that holds every finished picture.
        data: the data set's name.
        before: a perturbation of every picture of both classes before all others, which makes the classes
            alike: "crop(256)".
        generated_only: leave camera-made pictures as they are. Must be asked for.
        resume: go on with the journal; finished cells are kept, also of texts no longer asked for.
        workers: threads, each with a picture of its own.
        progress: called with (cells done, cells) after every picture.

    Raises:
        ConfigError: no samples or systems, two systems alike, a training protocol, nothing to perturb.
        ResumeError: the journal is another run's, or exists without `resume`.
    """
    _check(samples, models, protocol, generated_only)
    chains = {(chain := perturb.parse(text)).text: chain for text in dict.fromkeys([CLEAN, *texts])}
    first = perturb.parse(before)
    pictures = list(dict.fromkeys(_bare(sample) for sample in samples))
    treated = FAKES_ONLY if generated_only else BOTH
    header = Header(data, protocol.name, samples_digest(samples), len(pictures), first.text, treated)
    wanted, keyed = tuple(chains), {key(model): model for model in models}
    with Journal(journal, header, resume=resume) as book:
        left = {
            index: {name: absent for name in keyed if (absent := book.missing(index, name, wanted))}
            for index in range(len(pictures))
        }
        left = {index: asked for index, asked in left.items() if asked}
        total = len(pictures) * len(wanted) * len(keyed)
        done = total - sum(len(texts) for asked in left.values() for texts in asked.values())
        progress(done, total)

        def score(index: int) -> list[Entry]:
            return _score(index, pictures[index], left[index], keyed, chains, first, protocol, generated_only)

        for _, (entries,) in ahead(list(left), score, workers, chunk=1):
            for entry in entries:
                book.add(entry)
                done += len(entry.logits) + len(entry.errors)
            progress(done, total)
        place = {picture: index for index, picture in enumerate(pictures)}
        indices = [place[_bare(sample)] for sample in samples]
        rows = {
            name: {
                text: tuple(
                    Row.of(sample, error=cell) if isinstance(cell, str) else Row.of(sample, logit=cell)
                    for sample, cell in zip(samples, (cells[text][i] for i in indices), strict=True)
                )
                for text in wanted
            }
            for name, cells in book.cells.items()
            if name in keyed
        }
    return Measured(header, rows)


def _check(
    samples: Sequence[Sample], models: Sequence[Model], protocol: Protocol, generated_only: bool
) -> None:
    if not samples:
        raise ConfigError("nothing to score: the data set has no samples, or --subset leaves none")
    if not models:
        raise ConfigError("no system to score with")
    names = [key(model) for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"the system {twice[0]!r} is given twice")
    if protocol.random:
        raise ConfigError(f"protocol {protocol.name!r} draws crops or flips: it trains, it does not test")
    if generated_only and all(sample.label == REAL for sample in samples):
        raise ConfigError("only generated pictures are to be perturbed, and the data set has none")


def _bare(sample: Sample) -> Sample:
    """A sample without its sub-set: what is scored once."""
    return replace(sample, subset="", generator="")


def _score(
    index: int,
    picture: Sample,
    asked: Mapping[str, tuple[str, ...]],
    models: Mapping[str, Model],
    chains: Mapping[str, perturb.Chain],
    first: perturb.Chain,
    protocol: Protocol,
    generated_only: bool,
) -> list[Entry]:
    """One picture's missing cells, system by system."""
    cells: dict[str, dict[str, Cell]] = {name: {} for name in asked}
    try:
        pixels = images.decode(picture.path).pixels
        pixels = first(pixels, draw_seed(first.text, picture.source))
    except _FAILURES as error:
        return [_entry(index, name, dict.fromkeys(texts, _reason(error))) for name, texts in asked.items()]
    spared = generated_only and picture.label != GENERATED
    for text in dict.fromkeys(text for texts in asked.values() for text in texts):
        takers = [name for name, texts in asked.items() if text in texts]
        changed: Pixels | str = pixels
        if not spared:
            try:
                changed = chains[text](pixels, draw_seed(text, picture.source))
            except _FAILURES as error:
                changed = _reason(error)
        for name in takers:
            if isinstance(changed, str):
                cells[name][text] = changed
            elif spared and cells[name]:
                cells[name][text] = next(iter(cells[name].values()))
            else:
                cells[name][text] = _cell(changed, models[name], protocol)
    return [_entry(index, name, found) for name, found in cells.items()]


def _cell(pixels: Pixels, model: Model, protocol: Protocol) -> Cell:
    try:
        (logit,) = pooled_logits([views(pixels, protocol, model.card.input)], model)
    except _FAILURES as error:
        return _reason(error)
    return logit


def _entry(index: int, name: str, cells: Mapping[str, Cell]) -> Entry:
    logits = {text: cell for text, cell in cells.items() if not isinstance(cell, str)}
    errors = {text: cell for text, cell in cells.items() if isinstance(cell, str)}
    return Entry(index, name, logits, errors)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ImageError) else f"{type(error).__name__}: {error}"
