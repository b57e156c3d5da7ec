from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import upprint
from upprint.cluster import tables, worker
from upprint.cluster.inputs import Picture, find
from upprint.cluster.places import Folder, Places
from upprint.cluster.plan import Plan, part_name
from upprint.cluster.worker import Job, ShardScorer
from upprint.result import ScanResult
from upprint.runtime.rows import to_line
from upprint.runtime.settings import Settings

pytest.importorskip("pyarrow")


@pytest.fixture
def scorer(tiny: Path, tmp_path: Path) -> Iterator[ShardScorer]:
    settings = Settings.resolve(tiny)
    out = str(tmp_path / "out")
    folder = Folder(out, Places())
    folder.make()
    Plan(folder, settings)
    made = ShardScorer(Job(out, Places(), "tiny", settings.arguments(), str(tmp_path)))
    yield made
    made.close()


@pytest.fixture
def expected(tiny: Path, pictures: Path) -> list[ScanResult]:
    return list(upprint.scan(pictures, system=tiny, workers=1))


def test_rows_of_local_files_are_those_of_a_local_scan(
    scorer: ShardScorer, pictures: Path, expected: list[ScanResult]
) -> None:
    assert scorer.score(list(find([str(pictures)], Places()))) == expected


def test_rows_of_objects_are_the_same_but_for_the_path(
    scorer: ShardScorer, pictures: Path, expected: list[ScanResult]
) -> None:
    renamed = pictures / "030.jpg"
    renamed.rename(pictures / "030.png")  # noted: named .png but holds JPEG
    with_note = list(upprint.scan(pictures, system=scorer._job.arguments["system"], workers=1))
    assert with_note != expected
    labels = [f"local://{pictures}"]
    rows = scorer.score(list(find(labels, Places())))
    assert rows == [replace(row, path=f"local://{row.path}") for row in with_note]
    left = {path.name for path in scorer._spool.path.iterdir()}
    assert left == {"lock", "system.onnx", "system.json"}


def test_relative_paths_are_the_drivers(scorer: ShardScorer, tiny: Path, pictures: Path) -> None:
    (row,) = scorer.score([Picture("pictures/001.png")])
    assert row == replace(next(upprint.scan(pictures / "001.png", system=tiny)), path="pictures/001.png")


def test_objects_that_cannot_be_read_are_rows(scorer: ShardScorer, pictures: Path) -> None:
    names = [
        f"local://{pictures}/gone.png",
        str(pictures / "gone.png"),
        "nowhere://a/b.png",
        f"local://{pictures}/001.png",
    ]
    rows = scorer.score([Picture(name) for name in names])
    assert [row.path for row in rows] == names
    kinds = [None if row.error is None else row.error.partition(":")[0] for row in rows]
    assert kinds == ["UnreadableFile", "UnreadableFile", "ConfigError", None]


class Flaky:
    """A file system whose reading fails `times` times."""

    def __init__(self, system, error: OSError, times: int) -> None:
        self.system, self.error, self.times, self.calls = system, error, times, 0

    def open_input_stream(self, path: str):
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.system.open_input_stream(path)


@pytest.mark.parametrize(
    ("error", "times", "calls", "works"),
    [
        (OSError("reset"), 2, 3, True),
        (OSError("reset"), 3, 3, False),
        (FileNotFoundError("gone"), 1, 1, False),
        (PermissionError("no"), 1, 1, False),
    ],
)
def test_reading_is_tried_again(
    scorer: ShardScorer, pictures: Path, monkeypatch: pytest.MonkeyPatch, error, times, calls, works
) -> None:
    monkeypatch.setattr(worker, "PAUSE", 0)
    system, path = Places().open(f"local://{pictures}/001.png")
    flaky = Flaky(system, error, times)
    monkeypatch.setattr(Places, "open", lambda *_: (flaky, path))
    (row,) = scorer.score([Picture("s3://b/001.png")])
    assert flaky.calls == calls
    assert (row.error is None) is works
    assert works or str(error) in row.error


def test_an_object_past_the_limit_is_left(
    scorer: ShardScorer, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.images, "MAX_FILE_BYTES", 50)
    (row,) = scorer.score([Picture(f"local://{pictures}/001.png")])
    assert row.error.startswith("ImageTooLarge: an object too large")


def test_a_touched_file_keeps_its_row_a_changed_one_does_not(scorer: ShardScorer, pictures: Path) -> None:
    kept = ScanResult("old", "tiny", logit=99.0)
    for path in (str(pictures / "001.png"), f"local://{pictures}/001.png"):
        content = (pictures / "001.png").read_bytes()
        same = replace(kept, path=path, sha256=hashlib.sha256(content).hexdigest())
        other = replace(same, sha256="0" * 64)
        gone = Picture(path.replace("001", "gone"), "v", to_line(same))
        rows = scorer.score([Picture(path, "v", to_line(same)), Picture(path, "v", to_line(other)), gone])
        assert rows[0] == same
        assert rows[1].logit not in (None, 99.0)
        assert rows[2].error.startswith("UnreadableFile")


def test_a_shard_becomes_a_part_and_a_report(
    scorer: ShardScorer, pictures: Path, expected: list[ScanResult]
) -> None:
    plan = Plan(scorer._folder, Settings.resolve(scorer._job.arguments["system"]), resume=True)
    plan.extend(find([str(pictures)], Places()), workers=1, shard_size=30)
    report = scorer({"shard": [1, 2]})
    assert report["failed"] == ["", ""]
    assert report["pid"] == [os.getpid()] * 2
    rows = [row for n in (1, 2) for row in tables.rows_from_bytes(scorer._folder.read(part_name(n)))]
    assert rows == expected


def test_what_is_no_pictures_fault_is_reported(scorer: ShardScorer) -> None:
    assert scorer({"shard": [7]})["failed"][0].startswith("shard 7: FileNotFoundError")


def test_a_system_that_does_not_open_is_reported(scorer: ShardScorer, pictures: Path) -> None:
    plan = Plan(scorer._folder, Settings.resolve(scorer._job.arguments["system"]), resume=True)
    plan.extend(find([str(pictures)], Places()), workers=1, shard_size=100)
    scorer._folder.write("_system/system.onnx", b"other")
    assert scorer({"shard": [1]})["failed"][0].startswith("shard 1: WeightsError")
    assert list(scorer._folder.names()) == ["_scan.json"]


KILLER = """
import os
from upprint.runtime import scan
def score_files(**arguments):
    score = scan.score_files(**arguments)
    return lambda path: os._exit(9) if "KILL" in path else score(path)
"""


def test_a_picture_that_kills_its_process_is_a_row(
    scorer: ShardScorer, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    monkeypatch.syspath_prepend(tmp_path)
    import killer

    monkeypatch.setattr(worker, "score_files", killer.score_files)
    (pictures / "010.KILL.png").write_bytes((pictures / "001.png").read_bytes())
    rows = scorer.score(list(find([str(pictures)], Places())))
    lost = [row for row in rows if row.error and row.error.startswith("WorkerLost")]
    assert [Path(row.path).name for row in lost] == ["010.KILL.png"]
    assert len(rows) == 44
    assert sum(row.error is None for row in rows) == 40


def test_a_shard_whose_actors_keep_dying_is_given_up(
    scorer: ShardScorer, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(scorer._folder, Settings.resolve(scorer._job.arguments["system"]), resume=True)
    plan.extend(find([str(pictures)], Places()), workers=1, shard_size=100)
    monkeypatch.setattr(scorer, "_begin", lambda _: worker.ATTEMPTS)
    assert sum(row.error is None for row in scorer.run(1)) == 40
    monkeypatch.setattr(scorer, "_begin", lambda _: worker.ATTEMPTS + 1)
    rows = scorer.run(1)
    assert len(rows) == 43
    assert all(row.error.startswith("WorkerLost: ") for row in rows)
    assert tables.rows_from_bytes(scorer._folder.read(part_name(1))) == rows
