"""Paths in, rows out: a stream in input order, in this process or in several.

In this process one thread decodes ahead while the network runs. With several, each takes one file at a
time on one thread of its own (`pool.py`). Rows are the same either way, bit for bit with ONNX Runtime:
a picture meets the network alone, never beside another, and the engine's results do not depend on its
number of threads. Memory stays flat: what is in flight is bounded.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice

from upprint import images
from upprint.result import ConfigError, ScanResult
from upprint.runtime import calibration_file, session, store
from upprint.runtime.rows import guarded
from upprint.runtime.settings import Settings

FEW = 32
"""Up to this many files are scanned in this process: starting others costs more than it saves."""
AHEAD = 2
"""Pictures decoded and cut into tiles while the network is busy with another."""

Path = str | os.PathLike[str]


def scan(
    paths: Path | Iterable[Path],
    *,
    system: Path | None = None,
    fpr: str | float | None = None,
    tiles: int | str | None = None,
    workers: int | None = None,
    engine: str = "onnxruntime",
    skip: Container[str] | None = None,
    max_pixels: int | None = None,
    calibration: calibration_file.Source | None = None,
) -> Generator[ScanResult, None, None]:
    """Score files and folders; no torch.

    Args:
        paths: files and folders; folders are searched for images (`images.find_images`).
        system: a shipped system or the path of an .onnx file with its card; None takes the default.
        fpr: false-positive rate to stand by, one of the card's; None takes the card's default.
        tiles: tiles per picture, "all", or None for the card's budget.
        workers: processes. 1 scans in this one. None takes one per available core when there are more
            than FEW files and more than one core, else this process. Only with 2 or more does a file
            that kills the decoder (or exhausts memory) become a row; in this process it ends the run.
        engine: "onnxruntime" (fp32) or "openvino" (extra `fast`).
        skip: paths to leave out.
        max_pixels: larger pictures become `ImageTooLarge` rows; None takes the default of `images`.
        calibration: a file of `upprint calibrate`, in place of the card's.

    Yields:
        One row per file, in input order. A file that cannot be scored is a row with its error.

    Raises:
        UnknownSystem, CardError, ConfigError, WeightsError, MissingExtra: before the first row.
    """
    settings = Settings.resolve(
        system, fpr=fpr, tiles=tiles, engine=engine, max_pixels=max_pixels, calibration=calibration
    )
    found = images.find_images([paths] if isinstance(paths, str | os.PathLike) else paths)
    files = (path for path in found if skip is None or path not in skip)
    return scan_files(settings, files, workers=workers)


def scan_files(
    settings: Settings, files: Iterable[str], *, workers: int | None = None
) -> Generator[ScanResult, None, None]:
    """`scan` with resolved settings, for files that `find_images` found; they are taken as needed."""
    if workers is not None and workers < 1:
        raise ConfigError(f"workers {workers}: expected a whole number from 1")
    if workers is None:
        rest = iter(files)
        head = list(islice(rest, FEW + 1))
        workers = available_cores() if len(head) > FEW else 1
        files = chain(head, rest)
    if workers == 1:
        return _in_this_process(settings.open(), files, settings.max_pixels)
    store.read_verified(settings.graph, settings.card)
    return _in_processes(settings, files, workers)


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def score_files(**arguments: object) -> Callable[[str], ScanResult]:
    """What a worker process holds: one scorer on one thread; `arguments` are `Settings.resolve`'s."""
    settings = Settings.resolve(**arguments)  # type: ignore[arg-type]
    scorer = settings.open(threads=1)
    return lambda path: scorer.finish(_prepare(scorer, path, settings.max_pixels))


def _prepare(scorer: session.Scorer, path: str, max_pixels: int) -> session.Prepared:
    return scorer.prepare(images.decode(path, max_pixels=max_pixels), path)


def _in_this_process(
    scorer: session.Scorer, paths: Iterable[str], max_pixels: int
) -> Generator[ScanResult, None, None]:
    window: deque[tuple[str, Future[session.Prepared]]] = deque()

    def score_next() -> ScanResult:
        path, prepared = window.popleft()
        return guarded(lambda _: scorer.finish(prepared.result()), path, scorer.card.name)

    with ThreadPoolExecutor(1, thread_name_prefix="upprint-decode") as decoder:
        try:
            for path in paths:
                window.append((path, decoder.submit(_prepare, scorer, path, max_pixels)))
                if len(window) > AHEAD:
                    yield score_next()
            while window:
                yield score_next()
        finally:
            for _, prepared in window:
                prepared.cancel()


def _in_processes(
    settings: Settings, paths: Iterable[str], workers: int
) -> Generator[ScanResult, None, None]:
    from upprint.runtime.pool import Pool

    factory = f"{score_files.__module__}:{score_files.__name__}"
    with Pool(workers, factory, settings.arguments(), settings.card.name) as pool:
        yield from pool.map(paths)
