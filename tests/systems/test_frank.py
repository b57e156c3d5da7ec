"""DCT-2d against SciPy's DCT and NumPy's moments; the published counts; the community checkpoint's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from upprint.checkpoints import import_official, load_detector
from upprint.result import ConfigError, WeightsError
from upprint.systems import create

SIDE = 32


def pixels(count: int = 6, side: int = SIDE) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8))


def test_f_is_the_standardised_logarithm() -> None:
    detector, images = create("frank", side=SIDE), pixels()
    detector.fit(lambda: [(images[:4], torch.zeros(4)), (images[4:], torch.ones(2))])
    logs = np.log(np.abs(dctn(images.numpy().astype(np.float64), axes=(2, 3), norm="ortho")) + 1e-12)
    expected = (logs - logs.mean(0)) / logs.std(0)
    np.testing.assert_allclose(detector.representation(images).numpy(), expected, rtol=0, atol=1e-4)


def test_a_constant_coefficient_becomes_nothing() -> None:
    detector = create("frank", side=SIDE)
    images = torch.full((3, 3, SIDE, SIDE), 7, dtype=torch.uint8)
    detector.fit(lambda: [(images, torch.zeros(3))])
    assert not detector.representation(pixels()).any()


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        ("cnn", 137_189),
        ("ridge", 196_609),
        ("lasso", 196_609),
        ("elastic", 196_609),
        ("linear", 196_609),
        ("nn", 25_165_952 + 129),
        ("resnet", 814_337),
    ],
)
def test_published_counts(network: str, parameters: int) -> None:
    with torch.device("meta"):
        detector = create("frank", network=network)
    assert sum(p.numel() for p in detector.parameters()) == parameters


def test_counts_at_the_papers_size() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in create("frank", side=128).parameters()) == 38_885
        assert sum(p.numel() for p in create("frank", network="ridge", side=128).parameters()) == 49_153


@pytest.mark.parametrize(
    ("network", "l1", "l2"), [("lasso", 0.1, 0), ("ridge", 0, 0.01), ("elastic", 0.1, 0.01)]
)
def test_penalties(network: str, l1: float, l2: float) -> None:
    torch.manual_seed(0)
    detector, images, labels = create("frank", network=network, side=SIDE), pixels(), torch.ones(6)
    weight = detector.network[1].weight.detach().double().numpy()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(detector(images), labels).item()
    expected = plain + l1 * np.abs(weight).sum() + l2 * (weight**2).sum()
    assert detector.loss(images, labels).item() == pytest.approx(expected, rel=1e-5)


def test_other_sizes_and_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="32 x 32 pixels, found 30 x 32"):
        create("frank", side=SIDE)(pixels()[..., :30])
    with pytest.raises(ConfigError, match="network 'vgg'"):
        create("frank", network="vgg")


def test_community_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = create("frank", network="fredect", side=SIDE)
    donor.fit(lambda: [(pixels(), torch.zeros(6))])
    state = {f"module.{k.removeprefix('network.')}": v for k, v in donor.network.state_dict().items()}
    torch.save({"netC": state, "epoch": 3}, tmp_path / "DCTAnalysis.pth")
    torch.save(donor.representation.mean.double(), tmp_path / "dct_mean")
    torch.save(donor.representation.variance.double(), tmp_path / "dct_var")
    options = {"network": "fredect", "side": SIDE}
    arguments = ("frank", tmp_path / "DCTAnalysis.pth", tmp_path / "o.safetensors")
    with pytest.raises(
        WeightsError, match=r"3 files \(the checkpoint \(netC\); dct_mean; dct_var\), 1 given"
    ):
        import_official(*arguments, options=options)
    done = import_official(*arguments, beside=[tmp_path / "dct_mean", tmp_path / "dct_var"], options=options)
    assert [path.name for path, _ in done.beside] == ["dct_mean", "dct_var"]
    ours = load_detector(done.path).eval()
    with torch.no_grad():
        assert torch.equal(ours(pixels()), donor.eval()(pixels()))
