"""Worker processes: rows, deaths, time limits, cancellation, and how they end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from upprint.result import ConfigError, ScanResult, UpprintError, WeightsError
from upprint.serve import workers as module
from upprint.serve.workers import NoWorkerError, Workers

FACTORY = """
import os, signal, time
from pathlib import Path
from upprint.result import EmptyFile, ScanResult, WeightsError

def make(folder="", refuse="", broken_mark=""):
    if refuse:
        raise {"weights": WeightsError, "other": RuntimeError}[refuse]("as asked")
    if broken_mark and Path(broken_mark).exists():
        os._exit(7)
    def score(data, name):
        data = bytes(data)
        if data == b"":
            raise EmptyFile(name, "zero bytes", "some", "none")
        if data == b"bug":
            raise ZeroDivisionError("a defect")
        if data == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if data == b"exit":
            os._exit(3)
        if data.startswith(b"once"):
            mark = Path(folder) / name
            if not mark.exists():
                mark.touch()
                os.abort()
        if data.startswith(b"sleep"):
            time.sleep(float(data[5:]))
        if data == b"print":
            print("noise on standard output", flush=True)
            os.write(1, b"more noise")
        return ScanResult(name, "test", logit=float(len(data)), notes=str(os.getpid()))
    return score
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "odd_factory.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def pool(folder: Path, runner: asyncio.Runner) -> Iterator[Workers]:
    made = Workers(2, "odd_factory:make", {"folder": str(folder)}, "test", seconds=20)
    runner.run(made.start())
    yield made
    runner.run(made.close())


async def score_all(pool: Workers, *contents: bytes, name: str = "n") -> list[ScanResult]:
    return await asyncio.gather(*(pool.score(f"{name}{i}", data) for i, data in enumerate(contents)))


def test_bytes_go_in_and_rows_come_out(pool: Workers, runner: asyncio.Runner) -> None:
    large = os.urandom(3_000_000)
    odd = 'na\nme "q" \udcff 写真'
    rows = runner.run(score_all(pool, b"a", large, b"", b"bug", b"print", b"x" * 65_536, name=odd))
    assert [row.path for row in rows] == [f"{odd}{i}" for i in range(6)]
    assert [row.logit for row in rows] == [1, 3_000_000, None, None, 5, 65_536]
    assert rows[2].error == "EmptyFile: zero bytes; expected some; none"
    assert rows[3].error == "ZeroDivisionError: a defect"
    assert len({row.notes for row in rows if row.notes}) == 2
    assert (pool.alive, pool.busy) == (2, 0)


def test_deadly_pictures_become_rows_and_no_other_is_touched(pool: Workers, runner: asyncio.Runner) -> None:
    contents = [b"ok"] * 12
    contents[3], contents[4], contents[7] = b"kill", b"exit", b"once"
    reasons: list[str] = []
    pool.on_replaced = reasons.append
    rows = runner.run(score_all(pool, *contents))
    errors = {index: row.error for index, row in enumerate(rows) if row.error}
    assert sorted(errors) == [3, 4]
    assert errors[3].startswith("WorkerLost: the process that read it died twice (signal 9)")
    assert errors[4].startswith("WorkerLost: the process that read it died twice (exit status 3)")
    assert reasons == ["died"] * 5
    assert all(row.logit == len(contents[index]) for index, row in enumerate(rows) if not row.error)


def test_a_picture_over_the_time_limit_is_ended_and_its_worker_replaced(
    pool: Workers, runner: asyncio.Runner
) -> None:
    async def work() -> None:
        before = await score_all(pool, b"sleep0.2", b"sleep0.2")
        pool.seconds = 0.4
        slow, fine = await score_all(pool, b"sleep300", b"ok")
        assert slow.error is not None
        assert slow.error.startswith("TooSlow: not scored after 0.4 s; expected a picture that")
        assert fine.error is None
        pool.seconds = 20
        while pool.alive < 2:
            await asyncio.sleep(0.05)
        after = await score_all(pool, b"sleep0.2", b"sleep0.2")
        (gone,) = {row.notes for row in before} - {row.notes for row in after}
        with pytest.raises(ProcessLookupError):
            os.kill(int(gone or 0), 0)

    runner.run(work())


def test_a_worker_killed_while_idle_costs_nothing(pool: Workers, runner: asyncio.Runner) -> None:
    rows = runner.run(score_all(pool, b"sleep0.2", b"sleep0.2"))
    for row in rows:
        os.kill(int(row.notes or 0), signal.SIGKILL)
    after = runner.run(score_all(pool, b"ok", b"ok"))
    assert [row.error for row in after] == [None, None]


def test_whoever_gives_up_leaves_at_once_and_the_worker_goes_on(
    pool: Workers, runner: asyncio.Runner
) -> None:
    async def work() -> None:
        before = await score_all(pool, b"sleep0.2", b"sleep0.2")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await score_all(pool, b"sleep1.5", b"sleep1.5", b"sleep1.5")
        assert pool.busy == 2
        after = await score_all(pool, b"sleep0.2", b"sleep0.2")
        assert {row.notes for row in before} == {row.notes for row in after}
        assert [row.logit for row in after] == [8, 8]

    runner.run(work())


def test_closing_ends_the_processes_and_tells_who_waits(folder: Path, runner: asyncio.Runner) -> None:
    async def work() -> list[int]:
        pool = Workers(2, "odd_factory:make", {}, "test", seconds=20)
        assert not pool.ready
        await pool.start()
        await pool.start()
        assert pool.ready
        rows = await score_all(pool, b"sleep0.2", b"sleep0.2")
        waiting = [asyncio.create_task(pool.score("n", b"sleep30")) for _ in range(4)]
        await asyncio.sleep(0.1)
        await pool.close()
        assert not pool.ready
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(result, NoWorkerError)
        with pytest.raises(NoWorkerError):
            await pool.score("n", b"ok")
        await pool.close()
        return [int(row.notes or 0) for row in rows]

    for pid in runner.run(work()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"refuse": "weights"}, WeightsError, "^as asked$"),
        ({"refuse": "other"}, UpprintError, "RuntimeError: as asked"),
        ({"unknown": 1}, UpprintError, "TypeError"),
        ({"broken_mark": "/"}, UpprintError, "did not start .exit status 7"),
    ],
)
def test_what_a_worker_cannot_start_with_is_raised(
    folder: Path, runner: asyncio.Runner, arguments: dict[str, str], error: type[Exception], words: str
) -> None:
    pool = Workers(2, "odd_factory:make", arguments, "test", seconds=20)
    with pytest.raises(error, match=words):
        runner.run(pool.start())
    assert not pool.ready
    runner.run(pool.close())


def test_when_no_worker_can_be_started_again_callers_are_told_and_it_recovers(
    folder: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AGAIN", (0.2,))
    mark = folder / "broken"

    async def work() -> None:
        pool = Workers(1, "odd_factory:make", {"broken_mark": str(mark)}, "test", seconds=20)
        await pool.start()
        mark.touch()
        with pytest.raises(NoWorkerError):
            await pool.score("n", b"exit")
        assert not pool.ready
        mark.unlink()
        async with asyncio.timeout(30):
            while not pool.ready:
                await asyncio.sleep(0.05)
        assert (await pool.score("n", b"ok")).logit == 2
        await pool.close()

    runner.run(work())
    assert "cannot be replaced" in caplog.text


def test_a_pool_has_a_worker() -> None:
    with pytest.raises(ConfigError, match="workers 0"):
        Workers(0, "odd_factory:make", {}, "test", seconds=1)
