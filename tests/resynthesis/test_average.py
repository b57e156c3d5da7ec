"""Trained branches put side by side, and the command that draws what they see."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from upprint.checkpoints import load_detector, read_metadata, save_safetensors
from upprint.cli import artifacts as command
from upprint.cli import average as average_command
from upprint.cli._app import app
from upprint.images import decode
from upprint.result import ConfigError
from upprint.resynthesis import average
from upprint.resynthesis.artifacts import artifacts
from upprint.systems import create

SMALL: dict[str, Any] = {"light": True, "rdn": [4, 4, 1, 1], "perceptual": "small"}


def saved(folder: Path, name: str, phi: int, **options: Any) -> Path:
    """A branch; `phi` seeds its re-synthesiser."""
    torch.manual_seed(len(name))
    detector = create("resynthesis", **SMALL | options)
    torch.manual_seed(phi)
    for parameter in detector.representation.phi.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = folder / f"{name}.safetensors"
    save_safetensors(detector, path, {"trained_on": name, "licence": "none"})
    return path


@pytest.mark.parametrize("own", [False, True])
def test_average_scores_as_its_branches_do(tmp_path: Path, *, own: bool) -> None:
    files = [saved(tmp_path, "deep", 2 if own else 1, branch=5), saved(tmp_path, "pixel", 1)]
    both = average.average(files, averaging="logit").eval()
    assert both.card.options["beta"] == [0.5, 0, 0, 0, 0, 0.5]
    assert both.card.options["own_phi"] is own
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        singles = torch.stack([load_detector(path).eval()(images) for path in files])
        torch.testing.assert_close(both(images), singles.mean(0))


def test_branches_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    pixel, again = saved(tmp_path, "pixel", 1), saved(tmp_path, "again", 1)
    with pytest.raises(ConfigError, match="once each"):
        average.average([pixel, again])
    other = saved(tmp_path, "other", 1, branch=5, rdn=[4, 4, 1, 2])
    with pytest.raises(ConfigError, match="different rdn"):
        average.average([pixel, other])
    with pytest.raises(ConfigError, match="weighs stages"):
        average.average([pixel], beta=[0.5, 0, 0, 0, 0, 0.5])
    with pytest.raises(ConfigError, match="no branches"):
        average.average([])


def test_commands_and_figures(tmp_path: Path) -> None:
    files = [saved(tmp_path, "pixel", 1), saved(tmp_path, "deep", 1, branch=5)]
    out = tmp_path / "avg.safetensors"
    joined = ["average", *map(str, files), "--out", str(out), "--beta", "0.5,0,0,0,0,0.5"]
    assert CliRunner().invoke(app, joined, catch_exceptions=False).exit_code == 0
    assert read_metadata(out)["trained_on"] == "pixel; deep"
    with pytest.raises(ConfigError, match="--force"):
        CliRunner().invoke(app, joined, catch_exceptions=False)
    with pytest.raises(ConfigError, match="six numbers"):
        CliRunner().invoke(app, [*joined[:-1], "a,b", "--force"], catch_exceptions=False)
    rng = np.random.default_rng(0)
    for name, count in (("photos", 2), ("gan", 1)):
        (tmp_path / name).mkdir()
        for index in range(count):
            Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)).save(
                tmp_path / name / f"{index}.png"
            )
    arguments = [
        "artifacts",
        str(out),
        str(tmp_path / "photos"),
        str(tmp_path / "gan"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert {command.artifacts, average_command.average} <= {
        known.callback for known in app.registered_commands
    }
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "pixel, gan (1): mean residual" in done.output
    assert "AUROC of the mean alone" in done.output
    for name in ("artifacts.png", "cam.png", "histogram.png"):
        with Image.open(tmp_path / "o" / name) as drawn:
            assert drawn.size[0] > 400
    rows = list(csv.DictReader((tmp_path / "o" / "averages.csv").read_text(encoding="utf-8").splitlines()))
    assert [(r["group"], r["branch"]) for r in rows] == [
        (g, b) for g in ("real", "real", "gan") for b in ("pixel", "stage 5")
    ]
    detector = load_detector(out).eval()
    pixels = decode(str(tmp_path / "gan" / "0.png")).pixels
    found = artifacts(detector, pixels, "0.png", "gan")
    with torch.no_grad():
        maps = detector.representation(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])
    assert found.maps["pixel"] == pytest.approx(maps[0][0].mean(0).numpy(), abs=1e-5)
    assert float(rows[-2]["average"]) == pytest.approx(float(maps[0].mean()), rel=1e-3)
    assert found.logits["stage 5"] == pytest.approx(float(rows[-1]["logit"]), abs=1e-3)
    with pytest.raises(ConfigError, match="only Re-Synthesis"):
        artifacts(create("npr"), pixels, "0", "gan")
    (tmp_path / "gan" / "0.png").unlink()
    with pytest.raises(ConfigError, match="no image found for gan"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
