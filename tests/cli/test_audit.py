import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.audit.report import Report
from upprint.cli._app import console, main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six JPEG photos of 64 x 64 against six PNGs of 80 x 80."""
    rng = np.random.default_rng(0)
    for folder, kind, side in (("0_real", "JPEG", 64), ("1_fake", "PNG", 80)):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for index in range(6):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(buffer, kind)
            (tmp_path / "set" / folder / f"{index}.img").write_bytes(buffer.getvalue())
    return tmp_path / "set"


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `upprint audit ...` as the console script does: (exit code, stdout, stderr)."""
    monkeypatch.setattr(console, "_width", 160)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upprint", "audit", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return run


def test_audit_and_equalised_copy(root: Path, tmp_path: Path, call) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"
    code, text, err = call(root, "--out", out, "--equalise", copy, "--workers", 1)
    assert code == 0
    assert "layout plain" in err
    assert "100 % of this benchmark can be solved without looking at a pixel" in text
    assert "File format" in text
    assert "cannot be equalised: " in err
    assert "Nothing outside the pixels" in text
    report = Report.from_json((out / "audit.json").read_text())
    assert report.everything.found
    assert Report.from_json((out / "audit-equalised.json").read_text()).everything.biases == ()
    assert "<!DOCTYPE html>" in (out / "audit.html").read_text(encoding="utf-8")
    assert call(root, "--out", out)[0] == 2
    code, text, _ = call(root, "--out", out, "--resume", "--json")
    assert code == 0
    assert json.loads(text)["tests"] == report.tests


def test_bad_files_exit_1_and_bad_requests_2(root: Path, tmp_path: Path, call) -> None:
    for options in (
        ["--resume"],
        ["--side", 64],
        ["--system", "npr", "--predictions", "x"],
        ["--distance", 99],
    ):
        code, _, err = call(root, *options)
        assert code == 2
        assert "ConfigError" in err
    assert "DataError" in call(tmp_path / "nowhere")[2]
    (root / "0_real" / "bad.png").write_bytes(b"")
    code, text, _ = call(root, "--workers", 1)
    assert code == 1
    assert "EmptyFile" in text


def test_beside_a_detector(root: Path, tmp_path: Path, tiny, call) -> None:
    code, text, _ = call(root, "--out", tmp_path / "out", "--system", tiny)
    assert code == 0
    assert "shipped threshold" in text
    code, text, _ = call(root, "--predictions", tmp_path / "out" / "predictions.jsonl", "--json")
    assert code == 0
    assert json.loads(text)["scopes"][0]["detector"]["value"] is not None
