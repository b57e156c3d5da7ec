"""CNNDetection: counts, key layout, standardisation, and the start from ImageNet weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from upprint.result import ConfigError, WeightsError
from upprint.systems import create
from upprint.systems._pretrained import load_pretrained

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_keys_are_torchvisions() -> None:
    with torch.device("meta"):
        state = create("cnndetection").state_dict()
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    keys = {"conv1.weight", "fc.weight", "fc.bias", *(f"bn1.{part}" for part in norm)}
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for block in range(depth):
            at = f"layer{stage}.{block}"
            keys |= {f"{at}.conv{i}.weight" for i in (1, 2, 3)}
            keys |= {f"{at}.bn{i}.{part}" for i in (1, 2, 3) for part in norm}
        keys |= {f"layer{stage}.0.downsample.0.weight", *(f"layer{stage}.0.downsample.1.{p}" for p in norm)}
    assert {key.removeprefix("network.") for key in state} == keys
    assert len(keys) == 320
    assert state["network.fc.weight"].shape == (1, 2048)


def test_f_is_imagenets_standardisation() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 7), dtype=np.uint8)
    shape = (1, 3, 1, 1)
    expected = (pixels / 255 - np.reshape(MEAN, shape)) / np.reshape(STD, shape)
    found = create("cnndetection", depth=14).representation(torch.from_numpy(pixels))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=2e-6)


def test_head_is_drawn_narrow() -> None:
    torch.manual_seed(0)
    head = create("cnndetection", depth=14).network.head
    assert head.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not head.bias.any()


def test_starts_from_imagenet_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor, detector = create("cnndetection", depth=14), create("cnndetection", depth=14)
    theirs = {k.removeprefix("network."): v for k, v in donor.state_dict().items()}
    head = detector.network.head.weight.clone()
    theirs |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    torch.save({k: v for k, v in theirs.items() if "num_batches" not in k}, tmp_path / "resnet.pth")
    load_pretrained(detector, detector.pretrained, tmp_path / "resnet.pth")
    assert torch.equal(detector.network.layer4[0].conv2.weight, donor.network.layer4[0].conv2.weight)
    assert torch.equal(detector.network.head.weight, head)
    del theirs["layer3.0.conv1.weight"]
    torch.save(theirs, tmp_path / "short.pth")
    with pytest.raises(WeightsError, match=r"1 missing \(layer3\.0\.conv1\.weight\)"):
        load_pretrained(detector, detector.pretrained, tmp_path / "short.pth")
    with pytest.raises(WeightsError, match="starts from random weights"):
        load_pretrained(create("npr"), None, tmp_path / "resnet.pth")


def test_other_depths_are_refused() -> None:
    with pytest.raises(ConfigError, match="ResNet of depth 51"):
        create("cnndetection", depth=51)
