from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from upprint.cli._app import app

import_module("upprint.cli.benchmark")

CONFIG = """
title = "Shipped systems"
reference = "upprint"
out = "run"
side = 64
[tests.made]
title = "Folders"
photos = "photos"
generated = "generated"
[systems.upprint]
weights = "upprint"
[systems.npr]
weights = "npr"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("photos/a", "photos/b", "photos/c", "generated/x/1", "generated/x/2"):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path = tmp_path / "b.toml"
    path.write_text(CONFIG)
    return path


def test_one_command_scores_and_writes_the_page(config: Path) -> None:
    done = CliRunner().invoke(app, ["benchmark", str(config), "--system", "npr"])
    assert done.exit_code == 0, done.output
    assert "no page yet: upprint not scored" in done.output
    done = CliRunner().invoke(app, ["benchmark", str(config)])
    assert done.exit_code == 0, done.output
    text = Path("run/benchmark.md").read_text()
    assert "| upprint | " in text
    assert "| npr | " in text
    done = CliRunner().invoke(app, ["benchmark", str(config), "--speed"])
    assert done.exit_code == 0, done.output
    assert json.loads(Path("run/results/npr.json").read_text())["side"] == 64
    assert "pictures of 64 pixels squared" in Path("run/benchmark.md").read_text()


def test_the_page_alone(config: Path) -> None:
    CliRunner().invoke(app, ["benchmark", str(config), "--results", "kept"])
    Path("run/benchmark.md").unlink()
    done = CliRunner().invoke(app, ["benchmark", str(config), "--results", "kept", "--table"])
    assert done.exit_code == 0, done.output
    assert Path("run/benchmark.md").exists()
