"""dlib is not installed where tests run: a stand-in with its interface takes its place."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from upprint.cli._app import app
from upprint.data.landmarks import finder, write
from upprint.data.selfblend import read_face
from upprint.result import ConfigError, MissingExtra

import_module("upprint.cli.landmarks")


@dataclass
class Box:
    x0: int
    y0: int
    x1: int
    y1: int

    def left(self) -> int:
        return self.x0

    def top(self) -> int:
        return self.y0

    def right(self) -> int:
        return self.x1

    def bottom(self) -> int:
        return self.y1


@dataclass
class Point:
    x: int
    y: int


class Shape:
    def __init__(self, box: Box) -> None:
        self.box = box

    def parts(self) -> list[Point]:
        b = self.box
        return [Point(b.x0, b.y0), Point(b.x1, b.y0), Point(b.x0, b.y1), Point(b.x1, b.y1)]


def detect(pixels: np.ndarray, enlarged: int) -> list[Box]:
    """A face wherever the picture is bright: a small one and a large one."""
    assert enlarged == 1
    return [Box(1, 1, 5, 5), Box(8, 8, 40, 48)] if pixels.mean() > 128 else []


@pytest.fixture
def dlib(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("dlib")

    def shape_predictor(path: str) -> object:
        if not Path(path).exists():
            raise RuntimeError(f"Unable to open {path}")
        return lambda _pixels, box: Shape(box)

    module.shape_predictor = shape_predictor  # type: ignore[attr-defined]
    module.get_frontal_face_detector = lambda: detect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dlib", module)
    return module


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for name, grey in (("one/bright.png", 200), ("dark.png", 10)):
        path = tmp_path / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), grey, np.uint8)).save(path)
    (tmp_path / "faces" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "p.dat").write_bytes(b"x")
    return tmp_path / "faces"


@pytest.mark.usefixtures("dlib")
def test_the_largest_face_is_written_beside_the_picture(faces: Path, tmp_path: Path) -> None:
    found = write(faces, finder(tmp_path / "p.dat"))
    assert (found.written, found.kept) == (1, 0)
    assert ["no face found" in line for line in found.left_out].count(True) == 1
    assert len(found.left_out) == 2
    face = read_face(faces / "one" / "bright.png")
    assert face.box == (8, 8, 40, 48)
    assert face.landmarks.tolist() == [[8, 8], [40, 8], [8, 48], [40, 48]]
    assert write(faces, finder(tmp_path / "p.dat")).kept == 1


@pytest.mark.usefixtures("dlib")
def test_the_command(faces: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["landmarks", str(faces), "--predictor", str(tmp_path / "p.dat")])
    assert done.exit_code == 0, done.output
    assert "1 written, 0 were there, 2 left out" in done.output


@pytest.mark.usefixtures("dlib")
def test_impossible_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no landmark predictor"):
        finder(tmp_path / "gone.dat")
    (tmp_path / "p.dat").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no image found"):
        write(tmp_path / "empty", finder(tmp_path / "p.dat"))


def test_without_dlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtra, match="faces"):
        finder(tmp_path / "p.dat")
