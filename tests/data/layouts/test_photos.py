"""A folder of photos: every picture is real, and keyed as the forge keys it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from upprint.data.layouts import read
from upprint.result import DataError


def test_every_picture_is_real_and_has_the_forges_key(tmp_path: Path) -> None:
    from upprint.forge import run

    for name in ("a/one.jpg", "a/one.png", "b/two.JPG"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (tmp_path / "photos" / "note.txt").write_text("no picture")
    data = read(tmp_path / "photos", "photos")
    assert [s.source for s in data.samples] == ["a/one-jpg", "a/one-png", "b/two-jpg"]
    assert {(s.label, s.subset, s.generator) for s in data.samples} == {(0, "photos", "real")}
    assert [run.key_of(tmp_path / "photos", s.path) for s in data.samples] == [s.source for s in data.samples]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image found"):
        read(tmp_path / "empty", "photos")
