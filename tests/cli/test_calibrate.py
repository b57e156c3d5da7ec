from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from upprint.cli import calibrate as command  # noqa: F401  (registers the command)
from upprint.cli import scan as other_command  # noqa: F401
from upprint.cli._app import app
from upprint.result import ConfigError, DataError, MetricError, ResumeError


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def grey(folder: Path, levels: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for index, level in enumerate(levels):
        pixels = np.full((16, 16, 3), int(level), np.uint8)
        pixels[0, 0] = divmod(index, 256)[1], index // 256, 0  # every file has other bytes
        Image.fromarray(pixels).save(folder / f"{index:04d}.png")
    return folder


@pytest.fixture
def reals(tmp_path: Path) -> Path:
    """Sixty photos, enough for 5 %; dark: tiny's logits grow with brightness."""
    return grey(tmp_path / "reals", np.linspace(40, 110, 60))


def test_from_photos_to_a_scan(reals: Path, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    text = run("calibrate", "--reals", reals, "--fpr", 0.05, "--system", tiny, "--out", out).output
    assert "at most 5 % of photos like these 60" in text
    assert "95 % confidence" in text
    stored = json.loads(out.read_text(encoding="utf-8"))
    assert stored["photos"] == 60
    assert stored["errors"] == 0
    rows = run("scan", reals, "--system", tiny, "--calibration", out).output.splitlines()
    verdicts = [json.loads(line)["verdict"] for line in rows if line.startswith("{")]
    assert len(verdicts) == 60
    assert "generated" not in verdicts
    assert 0 < verdicts.count("inconclusive") <= 6
    bright = grey(tmp_path / "bright", np.array([150]))
    for options, verdict in ([], "inconclusive"), (["--calibration", out], "generated"):
        line = run("scan", bright, "--system", tiny, *options).output.splitlines()[0]
        assert json.loads(line)["verdict"] == verdict


def test_too_few_photos_then_more(reals: Path, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    arguments = ["calibrate", "--reals", reals, "--fpr", 0.045, "--system", tiny, "--out", out]
    with pytest.raises(MetricError, match="60 photos are too few .* at least 66, 6 more"):
        run(*arguments)
    assert not out.exists()
    for index in range(6):
        Image.fromarray(np.full((16, 16, 3), 30 + index, np.uint8)).save(reals / f"more{index}.png")
    with pytest.raises(ResumeError, match="--resume"):
        run(*arguments)
    run(*arguments, "--resume")
    assert json.loads(out.read_text(encoding="utf-8"))["photos"] == 66


def test_bad_and_repeated_photos_are_told(reals: Path, tiny: Path, tmp_path: Path) -> None:
    (reals / "bad.jpg").write_bytes(b"nothing")
    shutil.copy(reals / "0000.png", reals / "copy.png")
    out = tmp_path / "mine.json"
    done = run("calibrate", "--reals", reals, "--fpr", 0.05, "--system", tiny, "--out", out, code=1)
    assert "bad.jpg" in done.stderr
    assert "NotAnImage" in done.stderr
    assert "1 repeated files left out" in done.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["photos"] == 60


def test_generated_pictures_and_a_figure(reals: Path, tiny: Path, tmp_path: Path) -> None:
    fakes = grey(tmp_path / "fakes", np.linspace(90, 220, 30))
    out, figure = tmp_path / "mine.json", tmp_path / "r.png"
    text = run(
        "calibrate", "--reals", reals, "--generated", fakes, "--fpr", 0.05, "--system", tiny,
        "--out", out, "--figure", figure, "--method", "temperature",
    ).output  # fmt: skip
    assert "left-out folds" in text
    assert "(temperature)" in text
    assert figure.stat().st_size > 1000
    assert json.loads(out.read_text(encoding="utf-8"))["generated"] == 30


def test_wrong_use_is_named_before_any_work(reals: Path, tiny: Path, tmp_path: Path) -> None:
    start = ["calibrate", "--reals", reals, "--system", tiny, "--out", tmp_path / "mine.json"]
    for options, message in (
        (["--fpr", "often"], "often"),
        (["--fpr", 0.2], "inconclusive"),
        (["--figure", "x.png"], "--generated"),
        (["--out", tmp_path / "mine.txt"], ".json"),
    ):
        with pytest.raises(ConfigError, match=message):
            run(*start, *options)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image"):
        run("calibrate", "--reals", tmp_path / "empty", "--system", tiny, "--out", tmp_path / "mine.json")
    assert not list(tmp_path.glob("mine*"))


def test_a_calibration_of_another_tile_rule_is_refused(reals: Path, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    run("calibrate", "--reals", reals, "--fpr", 0.05, "--system", tiny, "--out", out, "--tiles", 4)
    with pytest.raises(ConfigError, match="give the same --tiles"):
        run("scan", reals, "--system", tiny, "--calibration", out)
    with pytest.raises(ConfigError, match="give the same --tiles"):
        run("scan", reals, "--system", tiny, "--calibration", out, "--engine", "ray", "--out", tmp_path / "o")
