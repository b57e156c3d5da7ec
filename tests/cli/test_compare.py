from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from upprint.cli import compare as command  # noqa: F401  (registers the command)
from upprint.cli import scan as other_command  # noqa: F401  (an app with two commands keeps their names)
from upprint.cli._app import app, console
from upprint.evaluate.predictions import Header, Row, header_line, row_line
from upprint.result import DataError


def write(folder: Path, name: str, gap: float, *, system: str = "", cut: int = 0) -> Path:
    rng = np.random.default_rng(len(name))
    rows = [
        Row(f"{label}/{i}.png", label, "set", "g", str(i), float(rng.normal(gap * label)))
        for label in (0, 1)
        for i in range(60)
    ][cut:]
    path = folder / f"{name}.jsonl"
    header = Header(system or name, "w.onnx", "ab" * 32, "tiles", len(rows), "", "")
    path.write_bytes(header_line(header) + b"".join(map(row_line, rows)))
    return path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_better_is_printed_when_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 160)
    good, bad, same = write(tmp_path, "good", 3.0), write(tmp_path, "bad", 0.0), write(tmp_path, "badly", 0.1)
    out = tmp_path / "found.json"
    text = run(good, bad, "--draws", 199, "--out", out)
    assert "good better" in text
    assert "60 camera-made and 60 generated pictures of 60 sources" in text
    stored = json.loads(out.read_text(encoding="utf-8"))
    assert stored["comparisons"][0]["better"] == "good"
    assert stored["draws"] == 199
    text = run(bad, same, "--draws", 199)
    assert "better |" not in text
    assert "no difference shown" in text


def test_files_of_one_system_are_told_apart(tmp_path: Path) -> None:
    a, b = write(tmp_path, "a", 1.0, system="npr"), write(tmp_path, "bb", 1.0, system="npr")
    out = tmp_path / "found.json"
    run(a, b, "--draws", 50, "--out", out)
    row = json.loads(out.read_text(encoding="utf-8"))["comparisons"][0]
    assert row["first"] != row["second"]
    assert str(a) in row["first"]


def test_other_samples_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path, "a", 1.0), write(tmp_path, "b", 1.0, cut=1)]
    with pytest.raises(DataError, match="same samples"):
        CliRunner().invoke(app, ["compare", *map(str, files)], catch_exceptions=False)
