from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from upprint.evaluate.laboratory.config import VariantConfig
from upprint.evaluate.laboratory.inputs import FLOOR, FullPrecision, features, network, representation
from upprint.systems.npr import npr

INPUTS = ("npr", "image", "dct", "fft")


def crops(count: int = 4, side: int = 32) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), np.uint8))


def test_npr_is_the_systems_own() -> None:
    variant = VariantConfig("v", "npr", block=3, anchor="mean")
    torch.manual_seed(0)
    ours = network(variant).eval()
    torch.manual_seed(0)
    theirs = npr(3, "mean").eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(crops()), theirs(crops()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", INPUTS)
def test_the_network_starts_equal_whatever_it_reads(name: str) -> None:
    found = []
    for other in ("npr", name):
        torch.manual_seed(1)
        net = network(VariantConfig("v", other))  # type: ignore[arg-type]
        found.append([parameter.detach().clone() for parameter in net.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert net(crops()).shape == (4,)


def test_plain_pictures_are_standardised() -> None:
    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    image[:, 1] = 255
    found = representation(VariantConfig("v", "image"))(image)[0, :, 0, 0]
    wanted = [(0 - 0.485) / 0.229, (1 - 0.456) / 0.224, (0 - 0.406) / 0.225]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["dct", "fft"])
def test_spectra_are_standardised_entry_by_entry(name: str) -> None:
    examples = crops(64)
    net = network(VariantConfig("v", name), examples)  # type: ignore[arg-type]
    values = net.get_submodule("representation")(examples)
    assert values.shape == (64, 3, 32, 32)
    torch.testing.assert_close(values.mean(0), torch.zeros(3, 32, 32), atol=1e-4, rtol=0)
    torch.testing.assert_close(values.std(0), torch.ones(3, 32, 32), atol=1e-4, rtol=0)


def test_features_of_the_lines() -> None:
    x = crops(2)
    logs = np.log(np.abs(dctn(x.numpy().astype(float), norm="ortho", axes=(-2, -1))) + FLOOR)
    found = features(VariantConfig("v", "dct", "linear"), x)
    np.testing.assert_allclose(found.numpy(), logs.mean(1).reshape(2, -1), atol=2e-3)
    grey = np.tensordot(x.numpy().astype(float), (0.299, 0.587, 0.114), axes=(1, 0))
    power = np.log(np.abs(np.fft.fftshift(np.fft.fft2(grey, norm="ortho"), axes=(1, 2))) + FLOOR)
    rings = features(VariantConfig("v", "azimuthal", "linear"), x)
    assert rings.shape == (2, 23)
    np.testing.assert_allclose(rings[:, 0], power[:, 16, 16], atol=1e-4)


def test_the_first_convolution_keeps_its_precision() -> None:
    layer = FullPrecision(torch.nn.Conv2d(3, 4, 3))
    x = torch.rand(1, 3, 8, 8) * 255
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
        rounded = layer.inner(x)
    assert found.dtype == torch.float32
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(found, layer.inner(x), atol=0, rtol=0)
    net = network(VariantConfig("v", "image"))
    assert isinstance(net.get_submodule("network.conv1"), FullPrecision)
