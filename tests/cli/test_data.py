import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.cli._app import console, main


def build(root: Path, names=("BEGAN", "STGAN"), real_format: str = "PNG") -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        for folder, kind in (("0_real", real_format), ("1_fake", "PNG")):
            (root / name / folder).mkdir(parents=True)
            for index in range(3):
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / folder / f"{index}.png", kind)
    return root


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `upprint data ...` as the console script does: (exit code, stdout, stderr)."""
    monkeypatch.setattr(console, "_width", 200)  # read from the environment once, when it is made

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upprint", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return run


def test_table_and_reason_for_the_guess(tmp_path: Path, call) -> None:
    code, out, err = call(build(tmp_path / "set"))
    assert code == 0
    assert "layout gangen-detection: 2 of its sets" in err
    assert "gangen-detection (protocol npr-native)" in out
    assert out.count("PNG 3") == 4
    assert "warning" not in out
    assert "not read: SNGAN: no such folder, SNGAN is missing" in out


def test_warning_json_and_subset(tmp_path: Path, call) -> None:
    root = build(tmp_path / "set", real_format="JPEG")
    assert "BEGAN: format alone separates the classes, balanced accuracy 1.000" in call(root)[1]
    code, out, _ = call(root, "--layout", "gangen-detection", "--subset", "stgan", "--json")
    report = json.loads(out)
    assert code == 0
    assert {group["subset"] for group in report["groups"]} == {"STGAN"}


def test_unreadable_files_exit_1(tmp_path: Path, call) -> None:
    root = build(tmp_path / "set")
    (root / "BEGAN/0_real/bad.png").write_bytes(b"")
    code, out, _ = call(root)
    assert code == 1
    assert "unreadable: " in out


def test_options_reach_the_reader_and_errors_exit_2(tmp_path: Path, call) -> None:
    root = build(tmp_path / "train", names=("car", "cat"))
    code, out, _ = call(root, "--layout", "forensynths", "--split", "train", "--classes", "car")
    assert code == 0
    assert "forensynths/train (protocol npr-train)" in out
    assert "classes not asked for: 'cat'" in out
    code, _, err = call(root, "--layout", "plain", "--extras")
    assert code == 2
    assert "ConfigError: layout 'plain' has no option extras" in err
    code, _, err = call(tmp_path / "nowhere")
    assert code == 2
    assert "DataError" in err


def test_odd_names_are_printed(tmp_path: Path, call) -> None:
    code, out, _ = call(build(tmp_path / "set", names=("new\nline\udcff",)), "--layout", "plain")
    assert code == 0
    assert r"new\nline\udcff" in out
