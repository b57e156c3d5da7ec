from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from upprint.result import UpprintError, WeightsError
from upprint.runtime.pool import WINDOW, Pool

FACTORY = """
import os, signal, sys, time
from pathlib import Path
from upprint.result import EmptyFile, ScanResult, WeightsError

def make(folder="", die_at_start=False, refuse=""):
    if die_at_start:
        os._exit(7)
    if refuse:
        raise {"weights": WeightsError, "other": RuntimeError}[refuse]("as asked")
    def score(path):
        if path.startswith("empty"):
            raise EmptyFile(path, "zero bytes", "some", "none")
        if path.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if path.startswith("exit"):
            os._exit(3)
        if path.startswith("once"):
            mark = Path(folder) / path
            if not mark.exists():
                mark.touch()
                os.abort()
        if path.startswith("slow"):
            time.sleep(0.3)
        if path.startswith("print"):
            print("noise on standard output", flush=True)
            os.write(1, b"more noise")
        return ScanResult(path, "test", logit=float(len(path)), notes=str(os.getpid()))
    return score
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deadly_factory.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def pool_of(workers: int, folder: Path, **more: object) -> Pool:
    return Pool(workers, "deadly_factory:make", {"folder": str(folder), **more}, "test")


@pytest.mark.parametrize("workers", [1, 3])
def test_files_that_kill_a_worker_become_rows_and_no_other_is_touched(folder: Path, workers: int) -> None:
    paths = [f"ok{i}" for i in range(60)]
    paths[7], paths[8], paths[30], paths[31] = "kill", "exit", "once", "empty"
    with pool_of(workers, folder) as pool:
        rows = list(pool.map(paths))
    assert [row.path for row in rows] == paths
    errors = {row.path: row.error for row in rows if row.error is not None}
    assert sorted(errors) == ["empty", "exit", "kill"]
    assert errors["kill"].startswith("WorkerLost: the process that read it died twice (signal 9)")
    assert errors["exit"].startswith("WorkerLost: the process that read it died twice (exit status 3)")
    assert errors["empty"].startswith("EmptyFile: zero bytes")
    assert (folder / "once").exists()
    assert all(row.logit == len(row.path) for row in rows if row.error is None)


def test_a_worker_that_was_killed_while_idle_costs_nothing(folder: Path) -> None:
    with pool_of(1, folder) as pool:
        (first,) = pool.map(["first"])
        os.kill(int(first.notes), signal.SIGKILL)
        (second,) = pool.map(["second"])
    assert second.error is None
    assert second.notes != first.notes


def test_rows_keep_their_order_and_noise_stays_out(folder: Path) -> None:
    paths = ["slow0", *(f"ok{i}" for i in range(80)), "print\n'x' \udcff", "slow1", "ok"]
    with pool_of(2, folder) as pool:
        rows = list(pool.map(paths))
    assert [row.path for row in rows] == paths
    assert len({row.notes for row in rows}) == 2


def test_the_window_is_bounded(folder: Path) -> None:
    taken: list[str] = []
    with pool_of(2, folder) as pool:
        rows = pool.map(path for path in ("slow", *("ok" for _ in range(500))) if taken.append(path) is None)
        next(rows)
        assert len(taken) <= 2 * WINDOW


def test_leaving_ends_the_processes(folder: Path) -> None:
    with pool_of(2, folder) as pool:
        rows = pool.map(["a", "b", *["slow"] * 20])
        pids = {int(row.notes) for row, _ in zip(rows, range(4), strict=False)}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_a_worker_cannot_start_with_is_raised_here(folder: Path) -> None:
    for more, error, words in (
        ({"refuse": "weights"}, WeightsError, "^as asked$"),
        ({"refuse": "other"}, UpprintError, "RuntimeError: as asked"),
        ({"die_at_start": True}, UpprintError, "ended at its start .exit status 7"),
        ({"unknown": 1}, UpprintError, "TypeError"),
    ):
        with pool_of(2, folder, **more) as pool, pytest.raises(error, match=words):
            list(pool.map(["a", "b", "c"]))
