from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from typer.testing import CliRunner

import upprint.cli.forge
import upprint.cli.train  # noqa: F401
from upprint.cli._app import app
from upprint.curves import read_curves
from upprint.forge.taesd import TinyAutoencoder

CONFIG = """
system = "npr"
out = "{out}"
steps = 3
batch = 4
paired = true
workers = 0
accelerator = "cpu"
devices = 1
log_every = 1
trained_on = "noise"
[data]
root = "unused"
layout = "twins"
validation = 0.0
[crops]
crop = 32
"""


def test_photos_to_twins_to_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for index in range(3):
        noise = rng.integers(0, 256, (64, 72, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{index}.png")
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    torch.manual_seed(0)
    model = TinyAutoencoder(4, bypass=False)
    torch.save(model.encoder.state_dict(), tmp_path / "e.pth")
    torch.save(model.decoder.state_dict(), tmp_path / "d.pth")
    twins = tmp_path / "twins"
    arguments = ["forge", str(tmp_path / "photos"), "--out", str(twins), "--smallest", "32"]
    arguments += ["--encoder", str(tmp_path / "e.pth"), "--decoder", str(tmp_path / "d.pth")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "3 pairs made, 0 found, 1 photos left out" in result.output
    assert "bad.jpg" in result.output

    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(out=tmp_path / "unused"))
    arguments = ["train", str(config), "--data", str(twins), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "npr.safetensors").exists()
    assert CliRunner().invoke(app, arguments).exit_code != 0, "a finished run is not overwritten"
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0


def test_two_processes_train_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("0_real", "1_fake"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(3):
            noise = rng.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "data" / name / f"{index}.png")
    text = CONFIG.format(out="unused").replace("devices = 1", "devices = 2").replace("paired = true", "")
    text = text.replace("workers = 0", "workers = 1").replace('layout = "twins"', 'layout = "plain"')
    (tmp_path / "c.toml").write_text(text)
    command = [sys.executable, "-m", "upprint", "train", "c.toml", "--data", "data", "--out", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "npr.safetensors").exists()
    assert [step for step, _ in read_curves(tmp_path / "run" / "curves")["loss"]] == [1, 2, 3]
