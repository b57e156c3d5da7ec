from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from typer.testing import CliRunner

import upprint.cli.forge
import upprint.cli.train  # noqa: F401
from upprint.cli._app import app
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
