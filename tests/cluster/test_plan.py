from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from upprint.cluster import plan as plan_module
from upprint.cluster import tables
from upprint.cluster.inputs import Picture
from upprint.cluster.places import Folder, Places
from upprint.cluster.plan import Plan, part_name, shard_name
from upprint.result import ConfigError, ResumeError, ScanResult, WorkerLost
from upprint.runtime.rows import from_line
from upprint.runtime.settings import Settings

parquet = pytest.importorskip("pyarrow.parquet")
LOST = WorkerLost("", "gone", "an actor", "again").reason


@pytest.fixture
def settings(tiny: Path) -> Settings:
    return Settings.resolve(tiny)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(str(tmp_path / "out"), Places())
    made.make()
    return made


def pictures(count: int, version: str = "1", start: int = 0) -> list[Picture]:
    return [Picture(f"{index:03d}.png", version) for index in range(start, start + count)]


def row(picture: Picture) -> ScanResult:
    """Says in its format which version was scored."""
    return ScanResult(
        picture.path, "tiny", logit=1.0, sha256=f"hash of {picture.version}", format=picture.version
    )


def score(plan: Plan, *shards: int) -> None:
    for shard in shards or plan.todo():
        found = tables.pictures_from_bytes(plan.folder.read(shard_name(shard)))
        plan.folder.write(part_name(shard), tables.rows_to_bytes(map(row, found)))


def shards_of(plan: Plan) -> list[list[Picture]]:
    names = sorted(plan.folder.names("_plan"))
    return [tables.pictures_from_bytes(plan.folder.read(f"_plan/{name}")) for name in names]


def rows_of(folder: Folder) -> dict[str, str | None]:
    """Path and scored version of every row; fails when a path has two."""
    found = [
        row
        for name in folder.names()
        if name.startswith("part-")
        for row in tables.rows_from_bytes(folder.read(name))
    ]
    assert max(Counter(row.path for row in found).values()) == 1
    return {row.path: row.format for row in found}


def test_each_picture_is_planned_once(folder: Folder, settings: Settings) -> None:
    plan = Plan(folder, settings)
    found = pictures(10)
    plan.extend([*found, found[3], Picture("004.png", "other")], workers=2, shard_size=4)
    assert [len(shard) for shard in shards_of(plan)] == [4, 4, 2]
    assert list(chain.from_iterable(shards_of(plan))) == found
    assert (plan.todo(), plan.pictures) == ([1, 2, 3], 10)


@pytest.mark.parametrize(("count", "workers", "sizes"), [(0, 2, []), (3, 2, [1] * 3), (33, 2, [3] * 11)])
def test_small_scans_are_cut_fine(
    folder: Folder, settings: Settings, count: int, workers: int, sizes: list[int]
) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(count), workers=workers)
    assert [len(shard) for shard in shards_of(plan)] == sizes


def test_large_scans_have_shards_of_one_size(
    folder: Folder, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "SHARD_SIZE", 5)
    plan = Plan(folder, settings)
    plan.extend(pictures(93), workers=2)
    assert [len(shard) for shard in shards_of(plan)] == [5] * 18 + [3]


def test_any_file_name_survives(folder: Folder, settings: Settings) -> None:
    names = ["line\nbreak.png", "\udcff.png", "é%20?.png", "s3://b/k k"]
    plan = Plan(folder, settings)
    plan.extend(map(Picture, names), workers=1, shard_size=9)
    assert [picture.path for picture in shards_of(plan)[0]] == names


def test_a_resumed_plan_knows_what_is_done(folder: Folder, settings: Settings) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(10), workers=1, shard_size=4)
    score(plan, 1, 3)
    again = Plan(folder, settings, resume=True)
    assert (again.todo(), again.pictures, again.tally) == ([2], 10, Counter({"no verdict": 6}))
    again.extend([*pictures(12), Picture("000.png", "")], workers=1, shard_size=9)
    assert (again.todo(), again.pictures) == ([2, 4], 12)
    score(again)
    again.finish(Counter(error=12))
    assert rows_of(folder) == {picture.path: "1" for picture in pictures(12)}
    assert "_summary.json" in set(folder.names())
    done = Plan(folder, settings, resume=True)
    done.extend(pictures(5), workers=1)  # seven are gone: their rows stay
    assert (done.todo(), done.tally.total()) == ([], 12)
    assert "_summary.json" not in set(folder.names())


def test_changed_pictures_move_to_a_new_shard(folder: Folder, settings: Settings) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(9), workers=1, shard_size=3)
    score(plan, 1, 2)
    again = Plan(folder, settings, resume=True)
    changed = [*pictures(2), *pictures(5, "2", 2), *pictures(2, "1", 7)]  # 2 of shard 1, 3-5 of 2, 6 of 3
    again.extend(changed, workers=1, shard_size=100)
    assert again.todo() == [3, 4]
    assert again.tally == Counter({"no verdict": 2})
    moved = shards_of(again)[3]
    assert [(p.path, p.version) for p in moved] == [(f"00{i}.png", "2") for i in (2, 3, 4, 5, 6)]
    before = [None if p.previous is None else from_line(p.previous) for p in moved]
    assert before == [*map(row, pictures(4, "1", 2)), None]
    score(again)
    assert rows_of(folder) == {picture.path: picture.version for picture in changed}


def test_lost_pictures_are_done_again(folder: Folder, settings: Settings) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(4), workers=1, shard_size=4)
    rows = [
        ScanResult(p.path, "tiny", error=LOST if p.path < "002" else "NotAnImage: x") for p in pictures(4)
    ]
    folder.write(part_name(1), tables.rows_to_bytes(rows))
    again = Plan(folder, settings, resume=True)
    again.extend(pictures(4), workers=1, shard_size=4)
    assert again.todo() == [2]
    score(again)
    assert rows_of(folder) == {"000.png": "1", "001.png": "1", "002.png": None, "003.png": None}
    third = Plan(folder, settings, resume=True)
    third.extend(pictures(4), workers=1)
    assert third.todo() == []


class Killed(BaseException):
    pass


@pytest.mark.parametrize("writes", range(12))
def test_killed_at_any_write_nothing_is_lost_or_doubled(
    folder: Folder, settings: Settings, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(9), workers=1, shard_size=3)
    score(plan, 1, 2)
    inputs = [*pictures(2), *pictures(5, "2", 2), *pictures(5, "1", 7)]
    left, write = [writes], Folder.write

    def dying(self: Folder, name: str, data: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        write(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", dying)
        try:
            Plan(folder, settings, resume=True).extend(inputs, workers=1, shard_size=2)
            died = False
        except Killed:
            died = True
    assert died or writes == 11  # 3 for the head, 2 + 3 new shards, then 2, 2 and 1 that shrink
    again = Plan(folder, settings, resume=True)
    again.extend(inputs, workers=1, shard_size=2)
    score(again)
    assert rows_of(folder) == {picture.path: picture.version for picture in inputs}
    final = Plan(folder, settings, resume=True)
    final.extend(inputs, workers=1)
    assert (final.todo(), final.tally.total()) == ([], 12)


def test_a_folder_with_anything_in_it_is_refused(folder: Folder, settings: Settings) -> None:
    folder.write("notes.txt", b"mine")
    with pytest.raises(ResumeError, match="is not empty"):
        Plan(folder, settings)
    folder.write(part_name(1), b"")
    with pytest.raises(ResumeError, match="holds parts but no _scan.json"):
        Plan(folder, settings, resume=True)


def test_overwriting_deletes_our_files_only(folder: Folder, settings: Settings) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(4), workers=1, shard_size=2)
    score(plan)
    plan.finish(Counter())
    folder.write("notes.txt", b"mine")
    anew = Plan(folder, settings, overwrite=True)
    assert set(folder.names()) == {"notes.txt", "_scan.json"}
    assert list(folder.names("_plan")) == []
    assert anew.todo() == []
    with pytest.raises(ConfigError, match="one of them"):
        Plan(folder, settings, overwrite=True, resume=True)


def test_other_settings_do_not_continue_a_scan(folder: Folder, settings: Settings) -> None:
    Plan(folder, settings)
    with pytest.raises(ResumeError, match="ran with tiles = 9, this one has 1"):
        Plan(folder, replace(settings, budget=1), resume=True)
    folder.write("_scan.json", b"[]")
    with pytest.raises(ResumeError, match="is not the header of a scan"):
        Plan(folder, settings, resume=True)


@pytest.mark.parametrize("damage", [b"", b"PAR1 cut", tables.rows_to_bytes([row(Picture("x.png"))])])
def test_a_damaged_part_is_named(folder: Folder, settings: Settings, damage: bytes) -> None:
    plan = Plan(folder, settings)
    plan.extend(pictures(2), workers=1, shard_size=2)
    folder.write(part_name(1), damage)
    with pytest.raises(ResumeError, match=r"part-00000001.parquet cannot be read .*delete the part"):
        Plan(folder, settings, resume=True)


def test_a_full_disk_is_said(folder: Folder, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(folder, settings)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Folder, "write", full)
    with pytest.raises(ResumeError, match="shard-00000001.parquet cannot be written .no space left"):
        plan.extend(pictures(2), workers=1)


def test_a_part_has_the_columns_of_a_local_scan(tmp_path: Path) -> None:
    from upprint.runtime.formats import FORMATS

    rows = [row(Picture("a\udcff.png", "PNG")), ScanResult("b", "tiny", error="x")]
    FORMATS[".parquet"].write(tmp_path / "local.parquet", rows)
    (tmp_path / "part.parquet").write_bytes(tables.rows_to_bytes(rows))
    local, part = (parquet.read_table(tmp_path / f"{name}.parquet") for name in ("local", "part"))
    assert part.schema == local.schema
    assert part.equals(local)
