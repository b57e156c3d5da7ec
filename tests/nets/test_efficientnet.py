"""EfficientNet: published counts, key names, TensorFlow's paddings."""

from __future__ import annotations

import math

import pytest
import torch

from upprint.nets.efficientnet import EfficientNet, SameConv, channels_of
from upprint.result import ConfigError


@pytest.mark.parametrize(("variant", "parameters"), [("b0", 5_288_548), ("b4", 19_341_616)])
def test_published_counts(variant: str, parameters: int) -> None:
    with torch.device("meta"):
        network = EfficientNet(variant, outputs=1000)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_b4_table() -> None:
    widths = [channels_of(c, 1.4) for c in (32, 16, 24, 40, 80, 112, 192, 320, 1280)]
    assert widths == [48, 24, 32, 56, 112, 160, 272, 448, 1792]
    with torch.device("meta"):
        network = EfficientNet("b4")
    assert len(network._blocks) == 2 + 4 + 4 + 6 + 6 + 8 + 2
    keys = {key for key in network.state_dict() if key.startswith("_blocks.2.") and "_bn" not in key}
    parts = {"_expand_conv.weight", "_depthwise_conv.weight", "_project_conv.weight"}
    parts |= {f"_se_{part}.{kind}" for part in ("reduce", "expand") for kind in ("weight", "bias")}
    assert keys == {f"_blocks.2.{part}" for part in parts}
    assert "_blocks.0._expand_conv.weight" not in network.state_dict()


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [95, 380])
def test_padding_is_tensorflows(kernel: int, stride: int, size: int) -> None:
    """As many outputs as size / stride, rounded up; the odd pixel is added behind."""
    layer = SameConv(1, 1, kernel, stride, size)
    out = layer(torch.zeros(1, 1, size, size)).shape[-1]
    assert out == math.ceil(size / stride)
    assert 0 <= layer.after - layer.before <= 1


def test_versions_pad_differently_where_sizes_are_odd() -> None:
    def pads(network: EfficientNet) -> list[tuple[int, int]]:
        convolutions = [block._depthwise_conv for block in network._blocks]
        return [(c.before, c.after) for c in convolutions if c.stride == (2, 2)]

    with torch.device("meta"):
        assert pads(EfficientNet("b4", traced=True)) == [(0, 1), (2, 2), (0, 1), (1, 2)]
        assert pads(EfficientNet("b4", traced=False)) == [(0, 1), (1, 2), (0, 1), (1, 2)]


def test_other_variants_are_refused() -> None:
    with pytest.raises(ConfigError, match="b9"):
        EfficientNet("b9")
