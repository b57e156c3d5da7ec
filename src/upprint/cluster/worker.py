"""One shard, in an actor.

The actor fetches ahead and writes the part; the scoring itself runs in one process below it
(`runtime/pool.py`, one session, one thread), exactly as in a local scan. So a picture that kills its
decoder costs that process, is tried once more, and becomes a `WorkerLost` row, while the actor lives on.
Files on the machine, or on a file system mounted there, are opened by that process itself; objects are
first copied to a temporary folder, up to AHEAD + WINDOW of them at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from upprint import images
from upprint.cluster import tables
from upprint.cluster.ahead import ahead
from upprint.cluster.inputs import Picture
from upprint.cluster.places import Folder, Places, local_path
from upprint.cluster.plan import CARD, GRAPH, part_name, shard_name
from upprint.cluster.spool import Spool
from upprint.result import ImageError, ImageTooLarge, ScanResult, UnreadableFile, UpprintError, WorkerLost
from upprint.runtime.pool import Pool
from upprint.runtime.rows import from_line, kind
from upprint.runtime.scan import score_files

AHEAD = 8
"""Objects under way or waiting per actor: at 50 ms each, 160 pictures/s."""
TRIES, PAUSE = 3, 0.5
"""Attempts at reading an object, and seconds before the second; doubled before the third."""
ATTEMPTS = 3
"""Attempts at a shard, whose actors died, before its pictures become `WorkerLost` rows."""
COPY = 4 << 20


@dataclass(frozen=True)
class Job:
    """What every actor is told."""

    out: str
    places: Places
    system: str
    arguments: dict[str, Any]
    """Of `Settings.resolve`, but for the system, which actors take from the output folder."""
    cwd: str
    """Of the driver: relative paths are meant from there."""


@dataclass(frozen=True)
class _File:
    """A picture as a local file; `fetched` ones are deleted after use."""

    picture: Picture
    path: str
    fetched: bool


class ShardScorer:
    """Scores shards.

    Args:
        job: what to do.
        attempts: a handle whose `begin.remote(shard)` counts attempts at a shard; None counts nothing.
    """

    def __init__(self, job: Job, attempts: Any = None) -> None:
        self._job, self._attempts = job, attempts
        self._folder = Folder(job.out, job.places)
        self._spool = Spool()
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="upprint-fetch")
        self._pool: Pool | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """For Ray Data: a batch with a column `shard`; a row per shard, as `_report` describes it."""
        reports = [self._report(int(shard)) for shard in batch["shard"]]
        return {name: [report[name] for report in reports] for name in reports[0]}

    def _report(self, shard: int) -> dict[str, Any]:
        """Counts by `rows.kind` as JSON, the process that scored, and what went wrong with all of it."""
        report = {"shard": shard, "kinds": "{}", "pid": os.getpid(), "failed": ""}
        try:
            rows = self.run(shard)
        except (UpprintError, OSError) as error:  # not a picture's fault: the driver raises it
            return {**report, "failed": f"shard {shard}: {type(error).__name__}: {error}"}
        return {**report, "kinds": json.dumps(Counter(map(kind, rows)))}

    def run(self, shard: int) -> list[ScanResult]:
        """Score a shard and write its part; returns the rows.

        Raises:
            UpprintError: the system cannot be opened.
            OSError: the output folder cannot be read or written.
        """
        pictures = tables.pictures_from_bytes(self._folder.read(shard_name(shard)))
        rows = self._lost(pictures) if self._begin(shard) > ATTEMPTS else self.score(pictures)
        self._folder.write(part_name(shard), tables.rows_to_bytes(rows))
        return rows

    def score(self, pictures: list[Picture]) -> list[ScanResult]:
        """One row per picture, in order."""
        rows: dict[int, ScanResult] = {}
        waiting: deque[tuple[int, _File]] = deque()

        def files() -> Iterator[str]:
            for index, found in enumerate(ahead(self._threads, self._fetch, pictures, AHEAD)):
                if isinstance(found, ScanResult):
                    rows[index] = found
                else:
                    waiting.append((index, found))
                    yield found.path

        for row in self._opened().map(files()):
            index, file = waiting.popleft()
            if file.fetched:
                Path(file.path).unlink()
            rows[index] = replace(row, path=file.picture.path)
        return [rows[index] for index in range(len(pictures))]

    def close(self) -> None:
        """End the process that scores, remove temporary files."""
        if self._pool is not None:
            self._pool.__exit__(None, None, None)
        self._threads.shutdown(cancel_futures=True)
        self._spool.close()

    def _begin(self, shard: int) -> int:
        if self._attempts is None:
            return 1
        import ray

        count: int = ray.get(self._attempts.begin.remote(shard))
        return count

    def _opened(self) -> Pool:
        if self._pool is None:
            graph = self._spool.path / "system.onnx"
            graph.write_bytes(self._folder.read(GRAPH))
            graph.with_suffix(".json").write_bytes(self._folder.read(CARD))
            factory = f"{score_files.__module__}:{score_files.__name__}"
            arguments = {**self._job.arguments, "system": str(graph)}
            self._pool = Pool(1, factory, arguments, self._job.system)
        return self._pool

    def _lost(self, pictures: list[Picture]) -> list[ScanResult]:
        lost = WorkerLost(
            "",
            f"the machines or actors that worked on its shard died {ATTEMPTS} times",
            "a machine that stays up for the time of a shard",
            "look at the cluster's memory and logs, then --resume: lost rows are done again",
        )
        return [ScanResult(picture.path, self._job.system, error=lost.reason) for picture in pictures]

    # --- fetching ---

    def _fetch(self, picture: Picture) -> _File | ScanResult:
        """A file to score, or a row that needs no scoring."""
        try:
            local = local_path(picture.path)
            if local is None:
                file = _File(picture, self._download(picture.path), True)
            else:
                file = _File(picture, str(Path(self._job.cwd, local)) if local else local, False)
        except ImageError as error:
            return ScanResult(picture.path, self._job.system, error=error.reason)
        except UpprintError as error:
            return ScanResult(picture.path, self._job.system, error=f"{type(error).__name__}: {error}")
        if picture.previous is not None:
            row = from_line(picture.previous)
            if _sha256(file.path) == row.sha256:
                if file.fetched:
                    Path(file.path).unlink()
                return replace(row, path=picture.path)
        return file

    def _download(self, label: str) -> str:
        """Copy an object to a file with the same suffix, which the decoder compares with the content."""
        system, path = self._job.places.open(label)
        handle, name = tempfile.mkstemp(_suffix(label), dir=self._spool.path)
        os.close(handle)
        for attempt in range(TRIES):
            try:
                return _copy(system, path, name, label)
            except (FileNotFoundError, PermissionError) as error:
                failure: OSError = error
                break
            except OSError as error:
                failure = error
                if attempt + 1 < TRIES:
                    time.sleep(PAUSE * 2**attempt)
            except ImageError:
                Path(name).unlink()
                raise
        Path(name).unlink()
        found = f"an object that cannot be read ({failure})"
        raise UnreadableFile(label, found, "a readable object", "check name, rights and network") from failure


def _copy(system: Any, path: str, name: str, label: str) -> str:
    with system.open_input_stream(path) as source, open(name, "wb") as target:
        shutil.copyfileobj(_Limited(source, label), target, COPY)
    return name


class _Limited:
    """A stream that ends in `ImageTooLarge` past the size that `images` reads at most."""

    def __init__(self, source: Any, label: str) -> None:
        self._source, self._label, self._left = source, label, images.MAX_FILE_BYTES

    def read(self, count: int = -1, /) -> bytes:
        data: bytes = self._source.read(count)
        self._left -= len(data)
        if self._left < 0:
            raise ImageTooLarge(
                self._label,
                "an object too large to be a picture",
                f"at most {images.MAX_FILE_BYTES:,} bytes",
                "re-save the picture with compression",
            )
        return data


def _suffix(label: str) -> str:
    """Of the file's name, if it can stand in another name."""
    suffix = PurePath(label.rpartition("/")[2]).suffix
    return suffix if len(os.fsencode(suffix)) <= 16 and "\0" not in suffix else ""


def _sha256(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None  # scoring it says why
