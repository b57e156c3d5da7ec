"""Buckets through Arrow's S3 client, against a small imitation of S3 on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import upprint
from upprint.cluster import tables
from upprint.cluster.inputs import find
from upprint.cluster.places import Folder, Places
from upprint.cluster.plan import Plan, part_name
from upprint.cluster.worker import Job, ShardScorer
from upprint.result import ConfigError
from upprint.runtime.settings import Settings

fs = pytest.importorskip("pyarrow.fs")
if not hasattr(fs, "S3FileSystem"):
    pytest.skip("this pyarrow has no S3", allow_module_level=True)

_spec = spec_from_file_location("fake_s3", Path(__file__).with_name("fake_s3.py"))
assert _spec is not None
assert _spec.loader is not None
fake_s3 = module_from_spec(_spec)
_spec.loader.exec_module(fake_s3)


@pytest.fixture
def bucket(pictures: Path) -> Iterator[object]:
    """The pictures as objects of `photos`: some below a folder with a space, one without a suffix."""
    with fake_s3.FakeS3() as server:
        for number, path in enumerate(sorted(pictures.iterdir())):
            name = f"2026/new york/{path.name}" if number % 3 else f"2026/{path.name}"
            server.objects[f"photos/{name}"] = path.read_bytes()
        server.objects["photos/2026/nameless"] = (pictures / "001.png").read_bytes()
        server.objects["photos/2026/notes.txt"] = b"no picture"
        yield server
        server.shutdown()


def test_a_bucket_is_scanned_into_a_bucket(bucket, tiny: Path, pictures: Path) -> None:
    settings = Settings.resolve(tiny)
    places, (out, photos) = Places.of([bucket.uri("rows/here"), bucket.uri("photos/2026")])
    assert (out, photos) == ("s3://rows/here", "s3://photos/2026")
    found = list(find([photos], places))
    folder = Folder(out, places)
    plan = Plan(folder, settings)
    plan.extend(iter(found), workers=1, shard_size=20)
    assert plan.todo() == [1, 2, 3]
    scorer = ShardScorer(Job(out, places, "tiny", settings.arguments(), "/"))
    assert scorer({"shard": plan.todo()})["failed"] == ["", "", ""]
    scorer.close()
    rows = [row for number in (1, 2, 3) for row in tables.rows_from_bytes(folder.read(part_name(number)))]

    names = [row.path.removeprefix("s3://photos/2026/") for row in rows]
    top = [name for name in names if "/" not in name]
    assert names[: len(top)] == sorted(top)
    assert names[len(top) :] == sorted(set(names) - set(top))
    assert {name.removeprefix("new york/") for name in names} == {
        *map(str, (p.name for p in pictures.iterdir())),
        "nameless",
    }
    local = {Path(row.path).name: row for row in upprint.scan(pictures, system=tiny, workers=1)}
    local["nameless"] = local["001.png"]
    assert rows == [replace(local[Path(row.path).name], path=row.path) for row in rows]

    stored = {name for name in bucket.objects if name.startswith("rows/") and not name.endswith("/")}
    assert stored == {
        *(f"rows/here/part-0000000{number}.parquet" for number in (1, 2, 3)),
        *(f"rows/here/_plan/shard-0000000{number}.parquet" for number in (1, 2, 3)),
        *(f"rows/here/{name}" for name in ("_scan.json", "_system/system.onnx", "_system/system.json")),
    }
    assert not [
        name for name, data in bucket.objects.items() if name.startswith("rows/") and b"secret" in data
    ]

    bucket.objects["photos/2026/nameless"] += b"\n"
    again = Plan(folder, settings, resume=True)
    again.extend(find([photos], places), workers=1)
    assert again.todo() == [4]
    assert [p.path for p in tables.pictures_from_bytes(folder.read("_plan/shard-00000004.parquet"))] == [
        "s3://photos/2026/nameless"
    ]


def test_a_bucket_that_is_gone_says_so(bucket) -> None:
    bucket.shutdown()
    bucket.server_close()
    places, (photos,) = Places.of(
        [bucket.uri("photos/x").replace("region", "connect_timeout=1&request_timeout=1&region")]
    )
    with pytest.raises(ConfigError, match=r"s3://photos.*(cannot be listed|cannot be opened)"):
        list(find([photos], places))
