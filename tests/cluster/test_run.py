"""On a Ray of two cores, started once: workers and drivers are killed here."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import upprint
from upprint import cluster
from upprint.result import ConfigError, ResumeError, ScanResult, UnknownSystem
from upprint.runtime.calibration_file import CalibrationFile, Tiles, write
from upprint.runtime.rows import from_row, kind
from upprint.runtime.store import find

ray = pytest.importorskip("ray")
arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Ray's own, of its own options

DEADLY = """
import os
from fsspec.implementations.local import LocalFileSystem

class Deadly(LocalFileSystem):
    protocol = "deadly"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("deadly://"))

    def _open(self, path, *arguments, **options):
        if "KILL" in path:
            os._exit(9)
        return super()._open(path, *arguments, **options)
"""
REGISTER = 'import fsspec; fsspec.register_implementation("deadly", "deadly.Deadly", clobber=True)\n'


@pytest.fixture(scope="module")
def two_cores(tmp_path_factory: pytest.TempPathFactory):
    """Ray with a file system `deadly://` that ends the process that reads a name with KILL in it."""
    home = tmp_path_factory.mktemp("ray")
    (home / "token").write_text(secrets.token_hex(32))
    (home / "deadly.py").write_text(DEADLY)
    (home / "sitecustomize.py").write_text(REGISTER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "token"))
        patch.setenv("PYTHONPATH", str(home), prepend=os.pathsep)
        patch.syspath_prepend(home)
        exec(REGISTER)
        context = ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        patch.setenv("RAY_ADDRESS", context.address_info["address"])
        yield
        ray.shutdown()


@pytest.fixture
def expected(slow: Path, pictures: Path) -> list[ScanResult]:
    return list(upprint.scan(pictures, system=slow, workers=1))


def rows_of(out: Path) -> list[ScanResult]:
    """In the order of the plan, whichever worker was first."""
    return [from_row(row) for row in parquet.read_table(out).to_pylist()]


def test_a_killed_worker_costs_nothing(
    two_cores: None, slow: Path, pictures: Path, expected: list[ScanResult], tmp_path: Path
) -> None:
    out, reports = tmp_path / "out", []

    def kill_the_first(report: dict[str, object]) -> None:
        reports.append(report)
        if len(reports) == 1:
            os.kill(report["pid"], signal.SIGKILL)

    seen = []
    tally = cluster.scan(
        pictures,
        out,
        system=slow,
        workers=2,
        shard_size=4,
        watch=kill_the_first,
        progress=lambda counts, total: seen.append((counts.total(), total)),
    )
    assert rows_of(out) == expected
    assert tally == Counter(map(kind, expected))
    assert sorted(report["shard"] for report in reports) == list(range(1, 12))
    pids = [report["pid"] for report in reports]
    assert pids.count(pids[0]) == 1  # it never came back
    assert len(set(pids)) > 1
    assert seen[0] == (0, 43)
    assert seen[-1] == (43, 43)
    assert json.loads((out / "_summary.json").read_text())["pictures"] == 43


def test_the_users_own_calibration_judges_on_a_cluster_too(
    two_cores: None, tiny: Path, pictures: Path, tmp_path: Path
) -> None:
    card = find(tiny)[1]
    assert card.weights is not None
    own = CalibrationFile(
        system="tiny", weights_sha256=card.weights.onnx_sha256, tiles=Tiles(32, 8, 9, "mean"),
        engine="onnxruntime", fpr="0.05", confidence=0.95, bound=0.049, photos=60, errors=0, threshold=-1.0,
        inconclusive=-3.0, inconclusive_fpr=0.1, temperature=1.0, bias=0.0, scale="card", generated=0,
        data="mine", date="2026-01-02T03:04:05+00:00", version="0.1.0",
    )  # fmt: skip
    write(own, tmp_path / "mine.json")
    out = tmp_path / "out"
    cluster.scan(pictures, out, system=tiny, workers=1, calibration=tmp_path / "mine.json")
    expected = list(upprint.scan(pictures, system=tiny, calibration=tmp_path / "mine.json"))
    assert rows_of(out) == expected
    assert {row.verdict for row in expected} != {row.verdict for row in upprint.scan(pictures, system=tiny)}
    with pytest.raises(ResumeError, match="calibration"):
        cluster.scan(pictures, out, system=tiny, workers=1, resume=True)


def test_a_killed_driver_is_continued(
    two_cores: None, slow: Path, pictures: Path, expected: list[ScanResult], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = [
        "--engine",
        "ray",
        "--system",
        str(slow),
        "--workers",
        "2",
        "--shard-size",
        "3",
        "--out",
        str(out),
    ]
    command = [sys.executable, "-c", "from upprint.cli import main; main()", "scan", str(pictures), *options]
    with open(tmp_path / "err", "wb") as err:
        driver = subprocess.Popen(command, stderr=err, start_new_session=True)
    deadline = time.monotonic() + 240
    while len(list(out.glob("part-*"))) < 2:
        assert driver.poll() is None, (tmp_path / "err").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (out / "_summary.json").exists()
    assert len(list(out.glob("part-*"))) < 15
    with pytest.raises(ResumeError, match="--resume"):
        cluster.scan(pictures, out, system=slow)
    shards = []
    tally = cluster.scan(pictures, out, system=slow, workers=2, resume=True, watch=shards.append)
    assert len(shards) < 15
    assert rows_of(out) == expected
    assert tally == Counter(map(kind, expected))


def test_a_list_of_objects_and_a_shard_that_kills_its_actors(
    two_cores: None, tiny: Path, pictures: Path, tmp_path: Path
) -> None:
    files = sorted(pictures.iterdir())[:12]
    names = [f"deadly://{file}" for file in files]
    names[5] = f"deadly://{files[5].rename(pictures / 'KILL.png')}"
    listed, out = tmp_path / "list.parquet", tmp_path / "out"
    parquet.write_table(arrow.table({"path": names}), listed)
    tally = cluster.scan([listed], f"file://{out}", system=tiny, workers=2, shard_size=3)
    found = rows_of(out)
    assert [row.path for row in found] == names
    local = upprint.scan(files, system=tiny, workers=1)
    for number, (row, one) in enumerate(zip(found, local, strict=True)):
        if number in (3, 4, 5):
            assert row.error.startswith("WorkerLost: the machines or actors")
        else:
            assert row == replace(one, path=names[number])
    assert tally["error"] == 3 + sum(row.error is not None for row in found if row.path not in names[3:6])


def test_what_no_picture_is_to_blame_for_ends_the_scan(
    two_cores: None, tiny: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def break_it(counts: Counter[str], total: int) -> None:
        (out / "_system" / "system.onnx").write_bytes(b"something else")

    with pytest.raises(ResumeError, match=r"WeightsError.*continue with --resume"):
        cluster.scan(pictures, out, system=tiny, workers=1, progress=break_it)
    assert not list(out.glob("part-*"))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"workers": 0}, ConfigError, "workers 0: expected a whole number"),
        ({"shard_size": 0}, ConfigError, "shard_size 0: expected a whole number"),
        ({"system": "nothing"}, UnknownSystem, "no system 'nothing'"),
        ({"engine": "abacus"}, ConfigError, "unknown engine 'abacus'"),
        ({"fpr": 0.5}, ConfigError, "no threshold"),
    ],
)
def test_wrong_use_is_said_before_ray_starts(
    tiny: Path, tmp_path: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        cluster.scan(["x.png"], tmp_path / "out", **{"system": tiny, **options})
    assert not (tmp_path / "out").exists()
