from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import upprint.cli.attack
import upprint.cli.robustness  # with a single command registered, typer would drop its name
from upprint.attacks import load
from upprint.cli._app import app
from upprint.evaluate import robustness_report
from upprint.result import ConfigError, DataError, ResumeError

COMMANDS = (upprint.cli.attack, upprint.cli.robustness)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate(("0_real", "1_fake")):
        folder = tmp_path / "data" / "set" / name
        folder.mkdir(parents=True)
        for index in range(4):
            level = (90, 160)[label if index else 1 - label]
            pixels = rng.integers(level - 40, level + 40, (48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "data"


def invoke(*arguments: object, code: int = 0) -> str:
    outcome = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, terminal_width=200)
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def test_one_command_writes_report_table_and_figures(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ["robustness", data, "--layout", "plain", "--weights", tiny, "--out", out, "--draws", 20]
    text = invoke(*common, "--curve", "jpeg(90;50)", "--curve", "blur(1)", "--before", "crop(40)")
    assert "perturbed: both classes" in text
    report = robustness_report.read(out / "robustness.json")
    assert [c.name for c in report.curves] == ["jpeg", "others"]
    assert (report.before, report.treated, report.pictures) == ("crop(40)", "both classes", 8)
    assert (report.systems[0].name, report.systems[0].threshold) == ("tiny", 0.5)
    table = (out / "robustness.md").read_text(encoding="utf-8")
    for words in ("`jpeg(90)`", "`jpeg(50)`", "`blur(1)`", "none", "to both classes"):
        assert words in table
    assert sorted(p.name for p in (out / "figures").iterdir()) == ["jpeg.svg", "others.svg"]
    assert "jpeg(90)" in text
    with pytest.raises(ResumeError, match="--resume"):
        invoke(*common, "--curve", "jpeg(90;50)", "--before", "crop(40)")
    lines = (out / "journal.jsonl").read_bytes().count(b"\n")
    invoke(*common, "--curve", "jpeg(90;50)", "--before", "crop(40)", "--resume", "--figures", "none")
    assert (out / "journal.jsonl").read_bytes().count(b"\n") == lines


def test_generated_only_is_printed_and_stored(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ["robustness", data, "--layout", "plain", "--weights", tiny, "--out", out, "--draws", 0]
    text = invoke(*common, "--curve", "gamma(0.5;2)", "--generated-only", "--figures", "none")
    assert "generated pictures only" in text
    assert json.loads((out / "robustness.json").read_text())["treated"] == "generated pictures only"
    assert "Photos stay as they are" in (out / "robustness.md").read_text(encoding="utf-8")
    assert not (out / "figures").exists()


def test_bad_pictures_show_in_the_exit_code(tiny: Path, data: Path, tmp_path: Path) -> None:
    (data / "set" / "0_real" / "2.png").write_bytes(b"")
    common = ["robustness", data, "--layout", "plain", "--weights", tiny, "--out", tmp_path / "out"]
    text = invoke(*common, "--curve", "gamma(2)", "--draws", 0, "--figures", "none", code=1)
    assert "up to 1 pictures" in text
    assert "could not be scored" in (tmp_path / "out" / "robustness.md").read_text(encoding="utf-8")


def test_impossible_requests(tiny: Path, data: Path, tmp_path: Path) -> None:
    common = ["robustness", data, "--layout", "plain", "--weights", tiny, "--out", tmp_path / "o"]
    with pytest.raises(ConfigError, match="nearest: 'median'"):
        invoke(*common, "--curve", "medain(3)")
    with pytest.raises(ConfigError, match="nearest: 'crop'"):
        invoke(*common, "--curve", "blur(1)", "--before", "crob(3)")
    with pytest.raises(DataError):
        invoke("robustness", tmp_path / "none", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_attacks_are_fitted_and_then_perturb(tiny: Path, data: Path, tmp_path: Path) -> None:
    photos, made = data / "set" / "0_real", data / "set" / "1_fake"
    (photos / "bad.png").write_bytes(b"")
    file = tmp_path / "e.npz"
    fit = ["attack", "equalise-set", "--photos", photos, "--out", file, "--side", 32]
    text = invoke(*fit, "--generated", made, "--strength", 0.5)
    fitted = load(file)
    assert (fitted.method, fitted.side, fitted.strength, fitted.photos) == ("equalise-set", 32, 0.5, 4)
    assert fitted.short_hash in text
    assert "left out" in text
    (photos / "bad.png").unlink()
    out = tmp_path / "out"
    common = ["robustness", data, "--layout", "plain", "--weights", tiny, "--out", out, "--draws", 0]
    invoke(*common, "--curve", f"fitted({file})", "--figures", "none")
    (only,) = robustness_report.read(out / "robustness.json").curves
    assert only.points[0].text == f"fitted({file}@{fitted.short_hash})"
    with pytest.raises(ConfigError, match="--generated is needed"):
        invoke(*fit)
    with pytest.raises(ConfigError, match="nearest: 'peaks'"):
        invoke("attack", "peak", "--photos", photos, "--generated", made, "--out", file)
    with pytest.raises(ConfigError, match="expected a folder"):
        invoke("attack", "peaks", "--photos", tmp_path / "none", "--generated", made, "--out", file)
