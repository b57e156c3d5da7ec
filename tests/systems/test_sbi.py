"""SBI: input scale, official layout, and that the recipe's parts work together on faces with landmarks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from upprint.checkpoints import import_official, load_detector
from upprint.data.loader import CropRule
from upprint.result import DataError
from upprint.systems import create
from upprint.train import DataConfig, OptimiserConfig, TrainConfig, fit


def test_pixels_are_divided_by_255_alone() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    torch.testing.assert_close(
        create("sbi", variant="b0").representation(image).flatten(), torch.tensor([0.0, 0.2, 1.0])
    )


def test_official_layout(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = create("sbi", variant="b0").eval()
    state = {f"net.{k}": v for k, v in donor.network.net.state_dict().items()}
    torch.save({"model": state, "optimizer": {}, "epoch": 99}, tmp_path / "FFraw.tar")
    out = tmp_path / "o.safetensors"
    done = import_official("sbi", tmp_path / "FFraw.tar", out, options={"variant": "b0"})
    assert not done.flipped
    assert "net._blocks.0._depthwise_conv.weight" in state
    images = torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8)
    with torch.no_grad():
        ours = load_detector(out).eval()(images).sigmoid()
        theirs = donor.network.net(images / 255).softmax(1)[:, 1]
    torch.testing.assert_close(ours, theirs)


def settings(root: Path, out: Path) -> TrainConfig:
    return TrainConfig(
        system="sbi",
        options={"variant": "b0"},
        out=str(out),
        data=DataConfig(str(root), "photos", validation=0.0),
        crops=CropRule(crop=64, blend="self"),
        optimiser=OptimiserConfig(kind="sgd", lr=1e-3, momentum=0.9, sam=0.05, schedule="linear"),
        paired=True,
        steps=2,
        batch=4,
        workers=0,
        accelerator="cpu",
        devices=1,
    )


def test_training_makes_its_own_fakes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(parents=True)
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (120, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        points = [[30, 30], [70, 30], [75, 60], [50, 90], [25, 60]]
        (folder / f"{index}.png.landmarks.json").write_text(json.dumps({"landmarks": points}))
    weights = fit(settings(tmp_path / "data", tmp_path / "run"))
    assert weights.exists()
    (folder / "1.png.landmarks.json").unlink()
    with pytest.raises(DataError, match="no landmarks"):
        fit(settings(tmp_path / "data", tmp_path / "other"))
