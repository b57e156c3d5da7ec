"""Score a data set into a predictions file, streaming and resumable."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from upprint import __version__, images, perturb, preprocess
from upprint.data.protocol import Protocol, views
from upprint.data.sample import Sample
from upprint.evaluate import predictions
from upprint.evaluate.model import Model, Pixels
from upprint.evaluate.predictions import Header, Row
from upprint.result import ConfigError, ImageError, Progress, require

P = TypeVar("P")
T = TypeVar("T")

CHUNK = 16
"""Pictures decoded, scored and written together."""


@dataclass(frozen=True)
class Outcome:
    """Where the predictions are, how many samples they cover, how many of those failed."""

    path: Path
    samples: int
    errors: int


def predict(
    samples: Sequence[Sample],
    model: Model,
    protocol: Protocol,
    *,
    out: Path,
    data: str,
    perturbation: str = "",
    resume: bool = False,
    workers: int = 2,
    command: str = "",
    progress: Progress = lambda _done, _total: None,
) -> Outcome:
    """Score every sample and write one row each, in order.

    A picture that cannot be read becomes a row with its error. The result does not depend on `workers`,
    nor on whether the run was killed and resumed.

    Args:
        samples: what to score.
        model: scores it.
        protocol: how a picture reaches the network; not one that draws crops or flips.
        out: `.jsonl` or `.parquet`; the latter grows as `<out>.partial.jsonl`.
        data: names the data set in the header.
        perturbation: text form, applied to every picture of both classes before the protocol; its draws
            depend on the text and the sample's source, so a photo and its twin are treated alike.
        resume: go on with a run that was cut short.
        workers: decoding threads.
        command: what the user called, for the header.
        progress: called with (done, total) after every chunk.

    Raises:
        ConfigError: no samples, a training protocol, another suffix, `out` exists without `resume`.
        ResumeError: `out` holds another run.
    """
    journal = _journal(out, samples, protocol)
    chain = perturb.parse(perturbation)
    perturbation = chain.text
    header = _header(samples, model, protocol, data, perturbation, command)
    done = _start(out, journal, header, list(samples), resume=resume)
    if done is None:
        return _outcome(out)
    progress(done, len(samples))

    def prepare(sample: Sample) -> Pixels | ImageError:
        try:
            pixels = images.decode(sample.path).pixels
        except ImageError as error:
            return error
        if perturbation:
            pixels = chain(pixels, draw_seed(perturbation, sample.source))
        return views(pixels, protocol, model.card.input)

    with journal.open("ab") as file:
        for chunk, prepared in ahead(samples[done:], prepare, workers):
            logits = pooled_logits([p for p in prepared if not isinstance(p, ImageError)], model)
            for sample, item in zip(chunk, prepared, strict=True):
                if isinstance(item, ImageError):
                    row = Row.of(sample, error=item.reason)
                else:
                    row = Row.of(sample, logit=next(logits))
                file.write(predictions.row_line(row))
            file.flush()
            done += len(chunk)
            progress(done, len(samples))
    if journal != out:
        predictions.to_parquet(journal, out)
        journal.unlink()
    return _outcome(out)


def _journal(out: Path, samples: Sequence[Sample], protocol: Protocol) -> Path:
    if not samples:
        raise ConfigError("nothing to score: the data set has no samples, or --subset leaves none")
    if protocol.random:
        raise ConfigError(f"protocol {protocol.name!r} draws crops or flips: it trains, it does not test")
    if out.suffix == ".jsonl":
        return out
    if out.suffix == ".parquet":
        require("pyarrow", extra="parquet", purpose="Parquet output")
        predictions.check_parquet_names(samples)
        return out.with_name(out.name + ".partial.jsonl")
    raise ConfigError(f"{out}: expected a name ending in .jsonl or .parquet")


def _header(
    samples: Sequence[Sample], model: Model, protocol: Protocol, data: str, perturbation: str, command: str
) -> Header:
    scale = model.card.calibration
    return Header(
        system=model.card.name,
        weights=model.weights,
        weights_sha256=model.sha256,
        protocol=protocol.name,
        samples=len(samples),
        samples_sha256=samples_digest(samples),
        data=data,
        perturbation=perturbation,
        options=model.card.options,
        trained_on=model.card.weights.trained_on if model.card.weights else "",
        engine=model.engine,
        threshold=scale.thresholds[scale.default_fpr] if scale else None,
        threshold_fpr=scale.default_fpr if scale else None,
        version=__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
    )


def _start(out: Path, journal: Path, header: Header, samples: list[Sample], *, resume: bool) -> int | None:
    """Prepare the journal; how many samples it holds, or None where `out` is complete."""
    existing = next((path for path in (out, journal) if path.exists()), None)
    if existing is None:
        out.parent.mkdir(parents=True, exist_ok=True)
        journal.write_bytes(predictions.header_line(header))
        return 0
    if not resume:
        raise ConfigError(f"{existing} exists; go on with --resume, or choose another --out")
    if existing != journal:
        predictions.check_same_run(out, predictions.read_header(out), header)
        return None
    with journal.open("rb") as file:
        torn = not file.readline().endswith(b"\n")
    if torn:
        journal.write_bytes(predictions.header_line(header))
        return 0
    done, end = predictions.resume_point(journal, header, samples, CHUNK)
    os.truncate(journal, end)
    return done


def _outcome(out: Path) -> Outcome:
    rows = predictions.read(out).rows
    return Outcome(out, len(rows), sum(row.error is not None for row in rows))


def samples_digest(samples: Sequence[Sample]) -> str:
    """SHA-256 over (path, label, sub-set, source) of every sample, in order."""
    digest = hashlib.sha256()
    for s in samples:
        fields = (s.path, str(s.label), s.subset, s.source)
        digest.update("\0".join(fields).encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def ahead(
    items: Sequence[T], prepare: Callable[[T], P], workers: int, *, chunk: int = CHUNK
) -> Iterator[tuple[Sequence[T], list[P]]]:
    """Chunks with what `prepare` made of their items, in order, on `workers` threads that work ahead.

    While a chunk is used the next ones are prepared: one, or more where chunks are smaller than the workers
    are many.
    """
    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]
    most = max(1, -(-2 * workers // chunk))
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting: deque[tuple[Sequence[T], list[Future[P]]]] = deque()
        try:
            for some in chunks:
                waiting.append((some, [pool.submit(prepare, item) for item in some]))
                if len(waiting) > most:
                    first, futures = waiting.popleft()
                    yield first, [future.result() for future in futures]
            while waiting:
                first, futures = waiting.popleft()
                yield first, [future.result() for future in futures]
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def pooled_logits(pictures: Sequence[Pixels], model: Model) -> Iterator[float]:
    """Pooled logits of the pictures' views, in order; views of equal shape share batches."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, views_of in enumerate(pictures):
        groups.setdefault(views_of.shape[1:], []).append(index)
    pooled: dict[int, float] = {}
    for shape, members in groups.items():
        logits = _run(np.concatenate([pictures[i] for i in members]), model, shape[0] * shape[1])
        ends = np.cumsum([len(pictures[i]) for i in members])
        for index, part in zip(members, np.split(logits, ends[:-1]), strict=True):
            pooled[index] = float(part[0]) if len(part) == 1 else preprocess.pool(part, model.card.input)
    return (pooled[index] for index in range(len(pictures)))


def _run(batch: Pixels, model: Model, pixels: int) -> NDArray[np.float32]:
    size = max(1, model.pixels_per_run // pixels)
    return np.concatenate([model.score(batch[i : i + size]) for i in range(0, len(batch), size)])


def draw_seed(text: str, source: str) -> int:
    """Seed of a perturbation's draws on one picture: of its text and its source, so that twins draw alike."""
    digest = hashlib.sha256(f"{text}\0{source}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")
