from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from upprint.cli._app import app
from upprint.evaluate.laboratory.config import default_config
from upprint.result import ConfigError

module = import_module("upprint.cli.laboratory")

CONFIG = """
main = "azimuthal"
control = "dct"
crop = 32
window = 64
steps = 4
batch = 8
test_share = 0.5
draws = 20
[tests]
plain = ""
[variants.azimuthal]
title = "azimuthal"
input = "azimuthal"
network = "linear"
[variants.dct]
title = "log-DCT"
input = "dct"
network = "linear"
"""


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    root = tmp_path / "twins"
    rows = []
    for source in range(16):
        rng = np.random.default_rng(source)
        photo = rng.integers(0, 256, (64, 64, 3), np.uint8)
        for maker, factor in (("nearest2", 2), ("nearest4", 4)):
            twin = photo[::factor, ::factor].repeat(factor, 0).repeat(factor, 1)
            for label, top, pixels in ((0, "photos", photo), (1, "twins", twin)):
                path = root / top / maker / f"{source}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
                rows.append([path.relative_to(root), label, maker, source])
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "subset", "source"])
        writer.writerows(rows)
    return root


def test_one_command_gives_cells_report_page_and_figures(
    twins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out = tmp_path / "c.toml", tmp_path / "run"
    config.write_text(CONFIG)
    words = ["laboratory", str(twins), "--config", str(config), "--out", str(out), "--data", "half noise"]
    monkeypatch.setattr("sys.argv", ["upprint", *words])
    runner = CliRunner()
    none = runner.invoke(app, [*words, "--partial"])
    assert "no cell is finished" in str(none.exception)
    first = runner.invoke(app, words)
    assert first.exit_code == 0, first.output
    assert "azimuthal: " in first.stdout
    assert "s to test each network" in " ".join(first.stdout.split())
    assert len(list((out / "cells").rglob("*.json"))) == 4
    made = json.loads((out / "laboratory.json").read_text())
    assert made["command"] == "upprint laboratory twins --config c.toml --out run --data 'half noise'"
    assert made["matrices"][0]["cells"][0][0]["low"] > 0.9
    page = (out / "laboratory.md").read_text()
    assert "half noise" in page
    for picture in ("summary.svg", "matrix-azimuthal.svg", "matrix-dct.svg"):
        assert f"]({picture})" in page
        assert (out / picture).exists()
        assert (out / picture).with_suffix(".png").exists()
    again = runner.invoke(app, [*words, "--partial"])
    assert again.exit_code == 0, again.output
    assert json.loads((out / "laboratory.json").read_text()) == made


def test_the_default_config_is_found() -> None:
    assert default_config().is_file()
    with pytest.raises(ConfigError, match="cannot be read"):
        CliRunner().invoke(app, ["laboratory", "x", "--config", "nowhere.toml"], catch_exceptions=False)
