"""Yu's image classifier: the table of widths, the count, the run-time scale, and the network restated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from upprint.result import ConfigError
from upprint.systems import create


def test_widths_and_count() -> None:
    with torch.device("meta"):
        network = create("image").network
    pairs = [(c.weight.shape[1], c.weight.shape[0]) for c in (*network.convolutions, network.last)]
    assert pairs == [
        (3, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256),
        (256, 512), (512, 512),
    ]  # fmt: skip
    assert network.dense0.weight.shape == (512, 8192)
    assert sum(p.numel() for p in network.parameters()) == 8_912_258


def test_weights_are_drawn_wide_and_scaled_in_use() -> None:
    torch.manual_seed(0)
    layer = create("image").network.convolutions[3]
    assert layer.weight.std().item() == pytest.approx(1, abs=0.02)
    x = torch.randn(1, 32, 5, 6)
    scaled = layer.weight * math.sqrt(2) / math.sqrt(32 * 9)
    padded = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect"))
    torch.testing.assert_close(layer(x), functional.conv2d(padded, scaled, layer.bias))


def test_two_classes_make_one_logit() -> None:
    torch.manual_seed(0)
    detector = create("image", slim=8).eval()
    images = torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8)
    kept = {}
    detector.network.dense1.register_forward_hook(lambda _m, _i, out: kept.update(out=out))
    with torch.no_grad():
        logits = detector(images)
    torch.testing.assert_close(logits.sigmoid(), kept["out"].softmax(1)[:, 1])


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="128 x 128 pixels, found 96 x 128"):
        create("image", slim=8)(torch.zeros(1, 3, 128, 96))
