"""The residual network against the published sizes, counts and initialisation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from upprint.nets.resnet import ResNet, resnet


@pytest.fixture(scope="module")
def truncated() -> ResNet:
    torch.manual_seed(0)
    return ResNet((3, 4), stem_kernel=3, head="fc1").eval()


@pytest.mark.parametrize(
    ("depths", "kernel", "parameters", "entries"),
    [((3, 4), 3, 1_437_761, 146), ((3, 4, 6, 3), 7, 23_510_081, 320)],
)
def test_published_counts(depths: tuple[int, ...], kernel: int, parameters: int, entries: int) -> None:
    network = ResNet(depths, stem_kernel=kernel)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert len(network.state_dict()) == entries


@pytest.mark.parametrize(("side", "expected"), [(224, (112, 56, 56, 28)), (256, (128, 64, 64, 32))])
def test_stage_sizes(truncated: ResNet, side: int, expected: tuple[int, ...]) -> None:
    with torch.no_grad():
        stem = truncated.conv1(torch.zeros(1, 3, side, side))
        pooled = truncated.maxpool(stem)
        first = truncated.layer1(pooled)
        second = truncated.layer2(first)
        assert torch.equal(truncated.feature_map(torch.zeros(1, 3, side, side)).isfinite(), second.isfinite())
    shapes = [tuple(t.shape[1:]) for t in (stem, pooled, first, second)]
    channels = (64, 64, 256, 512)
    assert shapes == [(c, s, s) for c, s in zip(channels, expected, strict=True)]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 40), (65, 63)])
def test_any_size_gives_one_logit_and_an_eighth_of_the_map(
    truncated: ResNet, height: int, width: int
) -> None:
    x = torch.randn(2, 3, height, width)
    with torch.no_grad():
        assert truncated(x).shape == (2, 1)
        cam = truncated.class_activation_map(x)
    assert cam.shape == (2, math.ceil(height / 8), math.ceil(width / 8))


def test_the_stride_is_in_the_three_by_three(truncated: ResNet) -> None:
    first = truncated.layer2[0]
    assert (first.conv1.stride, first.conv2.stride, first.conv3.stride) == ((1, 1), (2, 2), (1, 1))
    assert first.downsample[0].stride == (2, 2)
    assert all(block.downsample is None for block in truncated.layer2[1:])


def test_mean_of_the_map_plus_bias_is_the_logit(truncated: ResNet) -> None:
    x = torch.randn(3, 3, 50, 41)
    with torch.no_grad():
        cam = truncated.class_activation_map(x)
        features = truncated.feature_map(x)
        logits = truncated(x)[:, 0]
    weights = truncated.fc1.weight[0]
    loop = sum(weights[k] * features[:, k] for k in range(512))
    torch.testing.assert_close(cam, loop, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(cam.mean((1, 2)) + truncated.fc1.bias, logits, rtol=1e-5, atol=1e-5)


def test_initialisation() -> None:
    torch.manual_seed(1)
    network = ResNet((3, 4), stem_kernel=3, head="fc1")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.bias is None
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.08)
            assert abs(module.weight.mean().item()) < 0.1 * math.sqrt(2 / fan_out)
        elif isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all()
            assert module.bias.eq(0).all()
    bound = 1 / math.sqrt(512)
    assert network.head.weight.abs().max() <= bound
    assert network.head.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_head_and_channels_are_options() -> None:
    network = ResNet((1,), stem_kernel=5, head="classifier", channels=9)
    assert network.head is network.classifier
    assert network.conv1.weight.shape == (64, 9, 5, 5)
    assert network(torch.zeros(2, 9, 16, 16)).shape == (2, 1)


@pytest.mark.parametrize(
    ("channels", "parameters"),
    [(3, 23_635_906), (64, 23_671_042), (128, 23_707_906), (256, 23_781_634), (512, 23_929_090)],
)
def test_deep_stem_counts(channels: int, parameters: int) -> None:
    """Re-Synthesis counts two outputs; ours is their difference, one Linear row fewer."""
    with torch.device("meta"):
        network = ResNet((3, 4, 6, 3), stem="deep", strides=(2, 2, 1, 1), channels=channels)
    assert sum(p.numel() for p in network.parameters()) + 2048 + 1 == parameters
    state = network.state_dict()
    assert len(state) == 332
    shapes = {
        "conv1.0.weight": (64, channels, 3, 3),
        "conv1.3.weight": (64, 64, 3, 3),
        "conv1.6.weight": (128, 64, 3, 3),
        "bn1.weight": (128,),
        "layer1.0.downsample.0.weight": (256, 128, 1, 1),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


@pytest.mark.parametrize(("side", "cells"), [(1024, 32), (256, 8), (64, 2), (16, 1)])
def test_deep_stem_reduces_by_32(side: int, cells: int) -> None:
    with torch.device("meta"):
        network = ResNet((3, 4, 6, 3), stem="deep", strides=(2, 2, 1, 1)).eval()
        x = torch.zeros(1, 3, side, side)
        assert network.conv1(x).shape == (1, 128, side // 4, side // 4)
        assert network.class_activation_map(x).shape == (1, cells, cells)


def test_a_narrow_deep_stem_without_pooling() -> None:
    network = ResNet(
        (2, 2), stem="deep", strides=(2, 2), stem_strides=(1, 2), pool=False, width=16, channels=5
    ).eval()
    with torch.no_grad():
        assert network.class_activation_map(torch.rand(1, 5, 32, 24)).shape == (1, 4, 3)


@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)])
def test_torchvisions_counts(depth: int, parameters: int) -> None:
    """The published sizes with 1000 classes, less 999 rows of the head."""
    with torch.device("meta"):
        network = resnet(depth)
    assert sum(p.numel() for p in network.parameters()) == parameters - 999 * (network.head.in_features + 1)
