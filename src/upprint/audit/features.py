"""Everything that is measured of every file, streamed on all cores, with a journal to go on from."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from upprint import images
from upprint.audit import hashes, header, traces
from upprint.record import build
from upprint.result import ImageError, Progress, ResumeError

VERSION = 1
"""Of what is measured: a journal of another version is not continued."""
_KEY = "upprint_features"
_WINDOW = 8


@dataclass(frozen=True, slots=True)
class Pixels:
    """What the decoded picture shows. `grey`: its channels are equal. The traces are None where the picture
    is too small or flat to tell; see `upprint.audit.traces`."""

    grey: bool
    exact: str
    near: str | None
    comb: float | None
    grid: float | None
    offset: tuple[int, int] | None
    comb_quality: int | None
    periodic: float | None
    doubling: float | None
    detail: float | None


@dataclass(frozen=True, slots=True)
class Features:
    """One file. `stamp` is its size in bytes and time of change in ns, (-1, -1) where there is none; with
    `error`, the reason why it cannot be decoded, nothing else is known. `width` and `height` are upright."""

    path: str
    stamp: tuple[int, int]
    error: str | None = None
    format: str = ""
    width: int = 0
    height: int = 0
    header: header.Header | None = None
    pixels: Pixels | None = None


def measure(path: str) -> Features:
    """Read, decode and measure one file; whatever is wrong with it becomes `error`."""
    stamp = _stamp(path)
    try:
        decoded = images.decode(path)
    except ImageError as error:
        return Features(path, stamp, error=error.reason)
    return Features(
        path,
        stamp,
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        header=header.read(decoded.data, decoded.format),
        pixels=_pixels(decoded.pixels),
    )


def collect(
    paths: Iterable[str],
    *,
    journal: Path | None = None,
    resume: bool = False,
    workers: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, Features]:
    """Measure files, each once.

    Args:
        paths: the files; one that stands there twice is measured once.
        journal: JSON lines, appended as files are measured; a killed run loses at most a torn last line.
        resume: take from an existing journal what it holds of files that have not changed since.
        workers: threads; one per core if None. The result does not depend on them.
        progress: called with (done, total).

    Raises:
        ResumeError: the journal exists and `resume` was not given, or it is none of this version.
    """
    wanted = list(dict.fromkeys(paths))
    found = _known(journal, resume)
    found = {path: found[path] for path in wanted if path in found and found[path].stamp == _stamp(path)}
    progress(len(found), len(wanted))
    file = None if journal is None else _open(journal)
    try:
        for features in _measured([path for path in wanted if path not in found], workers):
            if file is not None:
                file.write(_line(asdict(features)))
            found[features.path] = features
            progress(len(found), len(wanted))
    except OSError as error:
        raise ResumeError(f"{journal}: cannot be written ({error}); make room and continue") from error
    finally:
        if file is not None:
            file.close()
    return {path: found[path] for path in wanted}


def _measured(paths: Sequence[str], workers: int | None) -> Iterator[Features]:
    """In the order of `paths`; a bounded number of pictures is in memory."""
    number = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(number) as pool:
        window: deque[Future[Features]] = deque()
        try:
            for path in paths:
                window.append(pool.submit(measure, path))
                if len(window) >= _WINDOW * number:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _pixels(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Pixels:
    y = traces.luma(pixels)
    coding, scaling = traces.jpeg_trace(y), traces.resampling(y)
    red, green, blue = (pixels[..., channel] for channel in range(3))
    return Pixels(
        grey=bool(np.array_equal(red, green) and np.array_equal(green, blue)),
        exact=hashes.pixel_hash(pixels),
        near=hashes.perceptual_hash(pixels),
        comb=None if coding is None else round(coding.comb, 4),
        grid=None if coding is None else round(coding.grid, 4),
        offset=None if coding is None or coding.quality is None else coding.offset,
        comb_quality=None if coding is None else coding.quality,
        periodic=None if scaling is None else round(scaling.periodic, 4),
        doubling=None if scaling is None else round(scaling.doubling, 4),
        detail=None if scaling is None else round(scaling.detail, 4),
    )


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 (keeps undecodable names as they are)
    except (OSError, ValueError):
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


# --- journal -----------------------------------------------------------------------------------------------


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode("ascii") + b"\n"


def _open(journal: Path) -> BinaryIO:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        file = journal.open("ab", buffering=0)
        if file.tell() == 0:
            file.write(_line({_KEY: VERSION}))
    except OSError as error:
        raise ResumeError(f"{journal}: cannot be written ({error}); choose another folder") from error
    return file


def _known(journal: Path | None, resume: bool) -> dict[str, Features]:
    """What the journal holds, the last row of a path counting; a torn last line is cut off."""
    if journal is None or not journal.exists():
        return {}
    if not resume:
        raise ResumeError(f"{journal} exists; go on with --resume, or choose another --out")
    found: dict[str, Features] = {}
    end = 0
    try:
        with journal.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                raw = json.loads(line)
                if number == 1:
                    if raw != {_KEY: VERSION}:
                        raise ResumeError(f"{journal}: not a journal of version {VERSION}; move it away")
                else:
                    row = build(Features, raw, f"{journal}, line {number}", ResumeError)
                    found[row.path] = row
                end += len(line)
        os.truncate(journal, end)
    except (OSError, ValueError) as error:
        raise ResumeError(f"{journal}: cannot be continued ({error}); move it away") from error
    return found
