"""Worker processes for a scan: rows in input order, a bounded window, and no file that can end the run.

One thread per worker hands it a file and waits for the row, so it is always known which file a worker
was on when it died. That file is tried once more; if that worker dies too, the file becomes a
`WorkerLost` row. Other files are not touched.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from upprint.result import ConfigError, ScanResult, UpprintError
from upprint.runtime import channel
from upprint.runtime.rows import from_line

WINDOW = 16
"""Files in flight per worker: enough to ride out one slow file, small enough to forget."""

_PROGRAM = channel.program("upprint.runtime.worker")


class _DiedError(Exception):
    """A worker ended while it had work; args: its exit status, negative for a signal."""


class _Worker:
    def __init__(self) -> None:
        if not sys.executable:
            raise ConfigError("this Python cannot start another (sys.executable is empty); use workers=1")
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self, settings: dict[str, Any]) -> None:
        try:
            self._write(sys.path)
            answer = json.loads(self.ask(settings))
        except _DiedError as error:
            raise UpprintError(
                f"a scan worker ended at its start ({_cause(error)}); try workers=1"
            ) from error
        channel.check_begun(answer)

    def ask(self, question: Any) -> bytes:
        """One line out, one line back; raises `_DiedError` when it does not come."""
        self._write(question)
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer.endswith(b"\n"):
            raise _DiedError(self.process.wait())
        return answer

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.stop()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # an unsent line for a process that is gone

    def _write(self, value: Any) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(value).encode("ascii") + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise _DiedError(self.process.wait()) from error


class Pool:
    """Processes that each hold what `factory` built.

    Args:
        workers: how many processes, at least 1; they start when the first files arrive.
        factory: "module:function"; the function, called in each worker with `arguments`, returns what
            takes a path to a `ScanResult`.
        arguments: JSON values.
        system: name for the rows of files that fail.

    Use as a context manager; leaving it ends the processes.
    """

    def __init__(self, workers: int, factory: str, arguments: dict[str, Any], system: str) -> None:
        self._settings = {"factory": factory, "arguments": arguments, "system": system}
        self._system = system
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="upprint-worker")
        self._idle: SimpleQueue[_Worker | None] = SimpleQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._alive: set[_Worker] = set()
        self._closing = False
        self._lock = threading.Lock()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closing = True
            alive = list(self._alive)
        for worker in alive:
            worker.process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._alive:
            worker.close()

    def map(self, paths: Iterable[str]) -> Iterator[ScanResult]:
        """Rows in the order of `paths`; at most WINDOW x workers files are in flight.

        Raises:
            UpprintError: a worker cannot start.
        """
        window: deque[Future[ScanResult]] = deque()
        for path in paths:
            window.append(self._threads.submit(self._score, path))
            while window and (window[0].done() or len(window) >= WINDOW * self._workers):
                yield window.popleft().result()
        while window:
            yield window.popleft().result()

    def _score(self, path: str) -> ScanResult:
        cause = ""
        for _ in range(2):
            worker = self._idle.get()
            try:
                worker = worker or self._start()
                return from_line(worker.ask(path))
            except _DiedError as error:
                cause = _cause(error)
                self._forget(worker)
                worker = None
            finally:
                self._idle.put(worker)
        return ScanResult(path, self._system, error=channel.lost(path, cause).reason)

    def _start(self) -> _Worker:
        worker = _Worker()
        with self._lock:
            self._alive.add(worker)
            if self._closing:
                worker.stop()
        worker.start(self._settings)
        return worker

    def _forget(self, worker: _Worker | None) -> None:
        if worker is None:
            return
        with self._lock:
            if not self._closing:
                self._alive.discard(worker)
                worker.close()


def _cause(error: _DiedError) -> str:
    status = error.args[0]
    return f"signal {-status}" if status < 0 else f"exit status {status}"
