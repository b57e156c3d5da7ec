"""LGrad: gradients against finite differences, scaling, StyleGAN's layers and keys, what it asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from upprint.checkpoints import import_official, load_detector
from upprint.nets.stylegan import Layer, StyleGanDiscriminator, blur
from upprint.result import ConfigError
from upprint.systems import create
from upprint.systems._pretrained import load_pretrained

SMALL = {"discriminator": "own", "depth": 10, "side": 32, "crop": 24}


def pictures(count: int = 2, side: int = 32) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8))


def test_published_discriminator() -> None:
    with torch.device("meta"):
        network = StyleGanDiscriminator()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items() if "weight" in key}
    assert shapes["input0.weight"] == (64, 3, 1, 1)
    assert [shapes[f"layer{k}.weight"][:2] for k in range(12)] == [
        (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (512, 256), *[(512, 512)] * 6
    ]  # fmt: skip
    assert [shapes[f"layer{k}.weight"] for k in (12, 13, 14)] == [(512, 513, 3, 3), (512, 8192), (1, 512)]
    assert [network.get_submodule(f"layer{k}").down for k in (1, 3, 5, 7)] == [
        "fused",
        "fused",
        "average",
        "average",
    ]


def test_fused_halving_is_convolution_then_average() -> None:
    torch.manual_seed(0)
    layer = Layer((4, 3, 3, 3), down="fused")
    x = torch.randn(1, 3, 8, 8)
    plain = functional.conv2d(blur(x), layer.weight * layer.scale, padding=1)
    expected = functional.leaky_relu(functional.avg_pool2d(plain, 2), 0.2)
    torch.testing.assert_close(layer(x)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_gradient_is_that_of_the_output() -> None:
    torch.manual_seed(0)
    f = create("lgrad", **SMALL).representation.double()
    image = pictures(1)
    found = f.gradients(image)
    assert (found.min(), found.max()) == (0, 255)
    assert torch.equal(found, found.round())
    x = image.double() / 127.5 - 1
    values = []
    places = [(0, 3, 4), (1, 10, 20), (2, 31, 31), (0, 16, 16)]
    with torch.no_grad():
        for c, y, z in places:
            step = torch.zeros_like(x)
            step[0, c, y, z] = 1e-5
            values.append(((f.discriminator(x + step) - f.discriminator(x - step)) / 2e-5).item())
    order = np.argsort(values)
    levels = np.array([found[0, c, y, z].item() for c, y, z in places])
    assert (np.diff(levels[order]) >= 0).all()
    slope = (levels[order][-1] - levels[order][0]) / (values[order[-1]] - values[order[0]])
    np.testing.assert_allclose(levels - levels[0], slope * (np.array(values) - values[0]), atol=2.5)


def test_gradients_do_not_depend_on_the_batch_or_on_inference_mode() -> None:
    torch.manual_seed(0)
    f, images = create("lgrad", **SMALL).representation, pictures(3)
    whole = f.gradients(images)
    with torch.inference_mode():
        singles = torch.cat([f.gradients(image[None]) for image in images])
    assert torch.equal(whole, singles)


def test_training_crops_the_gradient() -> None:
    detector = create("lgrad", **SMALL)
    assert detector.train().representation(pictures()).shape == (2, 3, 24, 24)
    assert detector.eval().representation(pictures()).shape == (2, 3, 32, 32)


def test_official_files(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = create("lgrad", **SMALL).eval()
    torch.save(donor.network.state_dict(), tmp_path / "LGrad.pth")
    theirs = donor.representation.discriminator.state_dict()
    theirs |= {"lod": torch.zeros(()), "input1.weight": torch.zeros(3), "layer1.blur.kernel": torch.zeros(1)}
    torch.save(theirs, tmp_path / "discriminator.pth")
    out = tmp_path / "o.safetensors"
    done = import_official(
        "lgrad",
        tmp_path / "LGrad.pth",
        out,
        beside=[tmp_path / "discriminator.pth"],
        options=donor.card.options,
    )
    assert set(done.dropped) == {"lod", "input1.weight", "layer1.blur.kernel"}
    with torch.no_grad():
        assert torch.equal(load_detector(out).eval()(pictures()), donor(pictures()))


def test_stylegan_without_weights_is_refused_and_with_them_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    detector = create("lgrad", depth=10, side=8)
    batches = lambda: [(pictures(2, 8), torch.tensor([0.0, 1.0]))]  # noqa: E731
    with pytest.raises(ConfigError, match="no weights"):
        detector.fit(batches)
    theirs = StyleGanDiscriminator(8).state_dict() | {"lod": torch.zeros(())}
    torch.save(theirs, tmp_path / "d.pth")
    load_pretrained(detector, detector.pretrained, tmp_path / "d.pth")
    detector.fit(batches)
    assert torch.equal(detector.representation.discriminator.layer0.weight, theirs["layer0.weight"])


def test_the_stand_in_learns() -> None:
    torch.manual_seed(0)
    detector, images = create("lgrad", **SMALL), pictures(8)
    images[4:] = images[4:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    before = detector.representation.discriminator.layer0.weight.clone()
    detector.fit(lambda: [(images, torch.tensor([0.0] * 4 + [1.0] * 4))])
    assert not torch.equal(before, detector.representation.discriminator.layer0.weight)
    assert not any(p.requires_grad for p in detector.representation.parameters())
