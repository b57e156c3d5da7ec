from __future__ import annotations

import os
from pathlib import Path

import pytest

from upprint.cluster.places import Folder, Places, _file_system, local_path
from upprint.result import ConfigError

pytest.importorskip("pyarrow")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("a/b.png", "a/b.png"),
        ("/a/b c%20.png", "/a/b c%20.png"),
        ("file:///a/b%20c.png", "/a/b c.png"),
        ("FILE://localhost/a.png", "/a.png"),
        ("s3://bucket/key", None),
        ("gs://bucket", None),
    ],
)
def test_local_paths_are_told_from_uris(address: str, path: str | None) -> None:
    assert local_path(address) == path


def test_a_file_uri_with_two_slashes_is_refused() -> None:
    with pytest.raises(ConfigError, match="three slashes"):
        local_path("file://folder/a.png")


def test_labels_show_neither_options_nor_secrets() -> None:
    typed = ["S3://key:secret@bucket/a?region=eu", "x.png", "file:///y", "abfs://box@account/k", "gs://b/c"]
    places, labels = Places.of(typed)
    assert labels == ["s3://bucket/a", "x.png", "/y", "abfs://box@account/k", "gs://b/c"]
    assert places.access == {"s3://bucket": "s3://key:secret@bucket?region=eu"}


def test_one_store_has_one_set_of_options() -> None:
    with pytest.raises(ConfigError, match=r"^s3://b: named with different options"):
        Places.of(["s3://b/x?region=a", "s3://b/y?region=b"])


def test_labels_and_paths_of_arrow_file_systems(tmp_path: Path) -> None:
    system, path = Places().open(f"local://{tmp_path}/a b%20?#.png")
    assert (system.type_name, path) == ("local", f"{tmp_path}/a b%20?#.png")
    assert Places().label("local:///x", f"{tmp_path}/y") == f"local://{tmp_path}/y"


def test_fsspec_where_arrow_knows_nothing() -> None:
    pytest.importorskip("fsspec")
    system, path = Places().open("memory://box/a/b.png")
    with system.open_output_stream(path) as stream:
        stream.write(b"hello")
    folder = Folder("memory://box/a", Places())
    assert folder.read("b.png") == b"hello"
    assert Places().label("memory://box/zzz", path) == "memory://box/a/b.png"


def test_an_unknown_scheme_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"^nowhere://x: no file system for it .*fsspec"):
        Places().open("nowhere://x/y")


@pytest.mark.parametrize("kind", ["path", "arrow", "fsspec"])
def test_a_folder_writes_whole_files(tmp_path: Path, kind: str) -> None:
    labels = {"path": str(tmp_path), "arrow": f"local://{tmp_path}", "fsspec": f"memory://{tmp_path.name}"}
    folder = Folder(f"{labels[kind]}/new/deep", Places())
    assert list(folder.names()) == []
    folder.make("below")
    folder.write("a.txt", b"1")
    folder.write("a.txt", b"22")
    folder.write("below/b.txt", b"3")
    assert folder.read("a.txt") == b"22"
    assert list(folder.names()) == ["a.txt"]
    assert list(folder.names("below")) == ["b.txt"]
    folder.delete("a.txt")
    assert list(folder.names()) == []
    with pytest.raises(OSError):  # noqa: PT011 (file systems word it differently)
        folder.delete("a.txt")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(str(tmp_path), Places())
    folder.write("a.txt", b"old")

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        folder.write("a.txt", b"new")
    assert folder.read("a.txt") == b"old"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        Folder(f"{tmp_path}/file/below", Places()).make()


def test_file_systems_are_opened_once() -> None:
    assert _file_system("local://")[0] is _file_system("local://")[0]
