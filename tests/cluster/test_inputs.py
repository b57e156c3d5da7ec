from __future__ import annotations

import os
from pathlib import Path

import pytest

from upprint.cluster.inputs import Picture, find
from upprint.cluster.places import Places
from upprint.images import find_images
from upprint.result import ConfigError, DataError

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    png = b"\x89PNG\r\n\x1a\n" + bytes(80)
    for name in ("b.png", "a.JPG", "no_suffix", "z/1.webp", "z/y/2.png", "c/3.gif", "notes.txt", "empty"):
        file = top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png if name == "no_suffix" else b"" if name == "empty" else b"text")
    return top


def paths(found) -> list[str]:
    return [picture.path for picture in found]


def test_local_folders_are_searched_as_in_a_local_scan(tree: Path) -> None:
    labels = [str(tree / "z"), str(tree), str(tree / "gone.png")]
    assert paths(find(labels, Places())) == list(find_images(labels))


def test_a_bucket_is_searched_by_the_same_rule(tree: Path) -> None:
    expected = [f"local://{path}" for path in find_images([tree])]
    assert paths(find([f"local://{tree}"], Places())) == expected
    assert paths(find([f"local://{tree}/"], Places())) == expected
    assert len(expected) == 6


def test_a_named_object_counts_whatever_it_is(tree: Path) -> None:
    labels = [f"local://{tree}/notes.txt", f"local://{tree}/gone.png"]
    assert paths(find(labels, Places())) == labels


def test_a_version_is_size_and_time(tree: Path) -> None:
    for label in (f"local://{tree}/b.png", str(tree / "b.png")):
        (before,) = find([label], Places())
        os.utime(tree / "b.png", ns=(1, 1_000_000_007))
        (touched,) = find([label], Places())
        (tree / "b.png").write_bytes(b"longer text")
        (longer,) = find([label], Places())
        assert touched.version == "4-1000000007"
        assert len({before.version, touched.version, longer.version}) == 3
        (tree / "b.png").write_bytes(b"text")
    assert next(find([str(tree / "gone.png")], Places())).version == ""


def write_list(file: Path, /, **columns: list[object]) -> str:
    parquet.write_table(arrow.table(columns), file)
    return str(file)


def test_lists_in_parquet(tmp_path: Path) -> None:
    names = ["s3://b/1 2.jpg", "file:///x%20y.png", "/z.png"]
    label = write_list(
        tmp_path / "list.parquet", path=names, etag=["e", None, "f"], size=[1, 2, 3], other=[0] * 3
    )
    expected = [Picture("s3://b/1 2.jpg", "e-1"), Picture("/x y.png", "2"), Picture("/z.png", "f-3")]
    assert list(find([label], Places())) == expected
    assert list(find([f"local://{label}"], Places())) == expected
    bare = write_list(tmp_path / "bare.parquet", path=[os.fsencode("a\udcff.png")])
    assert list(find([bare], Places())) == [Picture("a\udcff.png")]


def test_inputs_come_in_the_order_given(tree: Path, tmp_path: Path) -> None:
    label = write_list(tmp_path / "list.parquet", path=["s3://b/k.png"])
    found = paths(find([str(tree / "b.png"), label, str(tree / "a.JPG")], Places()))
    assert found == [str(tree / "b.png"), "s3://b/k.png", str(tree / "a.JPG")]


def test_lists_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("not Parquet")
    cases = {
        str(tmp_path / "text.parquet"): "not a readable list",
        str(tmp_path / "gone.parquet"): "not a readable list",
        write_list(tmp_path / "names.parquet", name=["a"]): "expected a column 'path'.*found name",
        write_list(tmp_path / "null.parquet", path=["a", None]): "expected a path in every row",
        write_list(tmp_path / "numbers.parquet", path=[1]): "expected a path in every row",
    }
    for label, words in cases.items():
        with pytest.raises(DataError, match=words):
            list(find([label], Places()))


def test_a_bucket_that_cannot_be_listed_ends_the_scan(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from upprint.cluster import inputs

    def denied(*_: object) -> None:
        raise PermissionError("access denied")

    monkeypatch.setattr(inputs, "_walk", denied)
    with pytest.raises(ConfigError, match="cannot be listed .access denied"):
        list(find([f"local://{tree}"], Places()))
