"""The worker processes of the service, asked from one event loop.

A picture goes to one worker at a time, as bytes through its pipe. A worker that exceeds the time limit is
killed and replaced: that picture becomes a `TooSlow` row. One that dies is replaced, and its picture tried
once more, since memory may have run out because of another; then it becomes a `WorkerLost` row.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from upprint.result import (
    ConfigError,
    ImageError,
    ScanResult,
    TooSlow,
    UpprintError,
)
from upprint.runtime import channel
from upprint.runtime.rows import from_line

START_SECONDS = 120.0
"""For a worker to open its system; a cold disk is slow."""
AGAIN = (0.5, 2.0, 8.0, 30.0)
"""Seconds before a worker that could not be replaced is tried again; the last one repeats."""
MEMORY = 0.2
"""Weight of the newest picture in the running mean of seconds per picture."""

_PROGRAM = channel.program("upprint.serve.worker")
_LINE = 1 << 20
"""Longest answer in bytes; a row holds a file name of a few thousand characters at most."""
T = TypeVar("T")
_log = logging.getLogger("upprint.serve")


class NoWorkerError(UpprintError):
    """Every worker ended and none could be started again, or the service is closing."""


class _DiedError(Exception):
    """A worker ended while it had work; args: what it ended with."""


class _Worker:
    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def spawn(cls) -> _Worker:
        if not sys.executable:
            raise ConfigError("this Python cannot start another (sys.executable is empty)")
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", _PROGRAM, stdin=PIPE, stdout=PIPE, limit=_LINE
            )
        )

    async def start(self, settings: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                answer = json.loads(await self.ask(sys.path, settings))
        except (_DiedError, TimeoutError) as error:
            found = str(error) or f"nothing after {START_SECONDS:g} s"
            raise UpprintError(f"a service worker did not start ({found}); see its messages above") from error
        channel.check_begun(answer)

    async def ask(self, *questions: Any, data: bytes | bytearray = b"") -> bytes:
        """Lines of JSON and raw bytes out, one line back; raises `_DiedError` when it does not come."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(b"".join(json.dumps(q).encode("ascii") + b"\n" for q in questions))
            self.process.stdin.write(data)
            await self.process.stdin.drain()
            answer = await self.process.stdout.readline()
        except (OSError, ValueError):  # ValueError: a line longer than _LINE, which is no row
            answer = b""
        if not answer.endswith(b"\n"):
            raise _DiedError(await self.stop())
        return answer

    async def stop(self) -> str:
        """End the process and say what it ended with, had it already."""
        if self.process.returncode is None:
            await asyncio.sleep(0.05)  # a process that closed its pipe is about to have a status
        if self.process.returncode is None:
            self.process.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = await self.process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"


class Workers:
    """`count` processes that each hold what `factory` built.

    Args:
        factory: "module:function"; the function, called in each worker with `arguments`, returns what
            takes a file's bytes and a name to a `ScanResult`.
        arguments: JSON values.
        system: name for the rows of pictures that fail.
        seconds: time limit per picture.
    """

    def __init__(
        self,
        count: int,
        factory: str,
        arguments: dict[str, Any],
        system: str,
        *,
        seconds: float,
    ) -> None:
        if count < 1:
            raise ConfigError(f"workers {count}: expected a whole number from 1")
        self.count, self.system, self.seconds = count, system, seconds
        self.on_replaced: Callable[[str], object] = bool
        """Called with "time limit" or "died" whenever a worker is replaced."""
        self.mean_seconds = 0.1
        self._settings = {
            "factory": factory,
            "arguments": arguments,
            "system": system,
            "seconds": seconds,
        }
        self._processes: set[_Worker] = set()
        self._alive: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failing = False
        self._started = self._closing = False

    @property
    def alive(self) -> int:
        return len(self._alive)

    @property
    def busy(self) -> int:
        return len(self._alive) - len(self._idle)

    @property
    def ready(self) -> bool:
        """Whether a picture handed in now would be scored."""
        return self._started and not self._closing and not (self._failing and not self._alive)

    async def start(self) -> None:
        """Start all processes; a second call does nothing.

        Raises:
            UpprintError: one cannot start; the others are ended.
        """
        if self._started:
            return
        results = await asyncio.gather(*(self._open() for _ in range(self.count)), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                await self.close()
                raise result
        self._started = True

    async def close(self) -> None:
        """End the processes; whoever waits for one gets `NoWorkerError`."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tell()
        await asyncio.gather(*(worker.stop() for worker in self._processes))
        self._processes.clear()
        self._alive.clear()
        self._idle.clear()

    async def score(self, name: str, data: bytes | bytearray) -> ScanResult:
        """One picture; whatever is wrong with it is in its row.

        A caller that is cancelled leaves at once; the worker finishes the picture, then takes another.

        Raises:
            NoWorkerError: no process is left to score it.
        """
        try:
            try:
                return await self._exchange(name, data)
            except _DiedError:
                return await self._exchange(name, data)
        except _DiedError as error:
            return ScanResult(name, self.system, error=channel.lost(name, str(error)).reason)
        except ImageError as error:
            return ScanResult(name, self.system, error=error.reason)

    async def _exchange(self, name: str, data: bytes | bytearray) -> ScanResult:
        task = self._in_background(self._ask(await self._take(), name, data))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, if nobody waits
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # not the caller: the service is closing
                raise NoWorkerError("the service is closing") from None
            raise

    async def _ask(self, worker: _Worker, name: str, data: bytes | bytearray) -> ScanResult:
        began, keep, reason = time.perf_counter(), False, "died"
        try:
            async with asyncio.timeout(self.seconds):
                row = from_line(await worker.ask({"name": name, "bytes": len(data)}, data=data))
            self.mean_seconds += MEMORY * (time.perf_counter() - began - self.mean_seconds)
            keep = True
            return row
        except TimeoutError:
            reason = "time limit"
            raise TooSlow(
                name,
                f"not scored after {self.seconds:g} s",
                "a picture that is decoded and scored within the time limit",
                "make it smaller, or raise the limit of the service",
            ) from None
        finally:
            if keep:
                self._idle.append(worker)
                await self._tell()
            elif not self._closing:
                self._drop(worker, reason)

    async def _take(self) -> _Worker:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._idle) or not self.ready)
                if not self.ready:
                    raise NoWorkerError("no worker process is left; the service tries to start others")
                worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
            self._drop(worker, "died")  # while it was idle

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()  # a few dozen at most; none can be lost to a cancelled one

    async def _open(self) -> None:
        worker = await _Worker.spawn()
        self._processes.add(worker)
        try:
            await worker.start(self._settings)
        except UpprintError:
            await worker.stop()
            self._processes.discard(worker)
            raise
        self._alive.add(worker)
        self._idle.append(worker)

    def _drop(self, worker: _Worker, reason: str) -> None:
        _log.warning("a worker is replaced: %s", reason)
        self.on_replaced(reason)
        self._alive.discard(worker)
        self._in_background(self._replace(worker))

    async def _replace(self, worker: _Worker) -> None:
        await worker.stop()
        self._processes.discard(worker)
        for attempt in range(sys.maxsize):
            try:
                await self._open()
            except (UpprintError, OSError) as error:
                _log.error("a worker cannot be replaced: %s", error)
                self._failing = True
                await self._tell()
                await asyncio.sleep(AGAIN[min(attempt, len(AGAIN) - 1)])
            else:
                self._failing = False
                await self._tell()
                return

    def _in_background(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._tasks.discard)
        return task
