"""Patchfor: counts, map sizes and patch sizes of the specification; aggregates; the loss over patches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from upprint.result import ConfigError
from upprint.systems import create
from upprint.systems.patchfor import PatchClassifier

COUNTS = {
    "xception_block1": 55_010,
    "xception_block2": 191_330,
    "xception_block3": 1_108_218,
    "xception_block4": 2_722_194,
    "xception_block5": 4_336_170,
    "resnet18_layer1": 157_634,
    "resnet18_layer2": 683_330,
    "resnet18_layer3": 2_783_298,
}


@pytest.mark.parametrize(("network", "parameters"), COUNTS.items())
def test_published_counts(network: str, parameters: int) -> None:
    with torch.device("meta"):
        detector = create("patchfor", network=network)
    assert sum(p.numel() for p in detector.parameters()) == parameters


@pytest.mark.parametrize(
    ("network", "side", "cells"),
    [
        ("xception_block1", 299, 74),
        ("xception_block1", 256, 63),
        ("xception_block2", 333, 41),
        ("xception_block3", 299, 19),
        ("xception_block3", 256, 16),
        ("resnet18_layer1", 224, 56),
        ("resnet18_layer3", 224, 14),
    ],
)
def test_map_sizes(network: str, side: int, cells: int) -> None:
    with torch.device("meta"):
        patches = create("patchfor", network=network).network.patch_logits(torch.zeros(1, 3, side, side))
    assert patches.shape == (1, cells, cells)


@pytest.mark.parametrize(
    ("network", "reach"), [("xception_block1", 19), ("xception_block2", 43), ("resnet18_layer1", 43)]
)
def test_patch_sizes(network: str, reach: int) -> None:
    """Input pixels that the middle cell depends on, with maximum pooling made an average to let all
    through."""
    torch.manual_seed(0)
    model = create("patchfor", network=network).network.double().eval()
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(3, 2, padding=1))
            elif isinstance(child, nn.ReLU):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.Conv2d):
                nn.init.constant_(child.weight, 0.1)
    x = torch.full((1, 3, 128, 128), 100.0, dtype=torch.float64, requires_grad=True)
    patches = model.convout(model.trunk(x))[0, 0]
    patches[patches.shape[0] // 2, patches.shape[1] // 2].backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == reach


def test_aggregates_against_their_definitions() -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 64, 70), dtype=torch.uint8)
    model = create("patchfor", network="xception_block1").eval()
    nn.init.normal_(model.network.convout.weight, 0, 3)
    with torch.no_grad():
        features = model.network.trunk(model.representation(images))
        two = model.network.convout(features)
        probability = two.softmax(1)[:, 1].flatten(1)
        torch.testing.assert_close(model(images), probability.mean(1).logit(), rtol=1e-4, atol=1e-4)
        model.network.aggregate = "logits"
        mean = two.flatten(2).mean(2)
        torch.testing.assert_close(model(images), mean[:, 1] - mean[:, 0], rtol=1e-4, atol=1e-4)
        model.network.aggregate = "vote"
        share = (probability > 0.5).float().mean(1)
        assert torch.equal(model(images) > 0, share > 0.5)


def test_loss_is_the_cross_entropy_of_every_patch() -> None:
    torch.manual_seed(0)
    model = create("patchfor", network="xception_block1").eval()
    images, labels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8), torch.tensor([0, 1])
    two = model.network.convout(model.network.trunk(model.representation(images)))
    target = labels[:, None, None].expand(-1, *two.shape[2:])
    expected = nn.functional.cross_entropy(two, target)
    torch.testing.assert_close(model.loss(images, labels.float()), expected)


@pytest.mark.parametrize("options", [{"network": "xception_block9"}, {"aggregate": "median"}])
def test_other_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options.values()))):
        create("patchfor", **options)


@pytest.mark.parametrize("aggregate", ["softmax", "logits", "vote"])
def test_the_map_is_the_patches_and_its_mean_the_logit(aggregate: str) -> None:
    torch.manual_seed(0)
    network = PatchClassifier("resnet18_layer1", aggregate).eval()
    x = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        cells, patches, logits = network.class_activation_map(x), network.patch_logits(x), network(x)
    assert torch.allclose(cells.mean((1, 2)) + network.head.bias, logits, atol=1e-5)
    moved = cells - patches
    assert torch.allclose(moved, moved[:, :1, :1].expand_as(moved), atol=1e-6)
    assert not any(name.startswith("head") for name in network.state_dict())
