from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from upprint.detector import Detector
from upprint.export import export
from upprint.result import ConfigError
from upprint.systems import create


def weighted(**options: object) -> Detector:
    detector = create("upprint", **options).eval()  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(0)
    detector.network.head.weight.copy_(torch.randn(detector.network.head.weight.shape, generator=generator))
    return detector


def noise(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, height, width, generator=generator) * 40 + 100
    return coarse.round().to(torch.uint8)


def test_the_map_covers_the_picture_and_its_mean_is_the_logit() -> None:
    detector = weighted()
    with torch.no_grad():
        for height, width in ((64, 64), (33, 97), (75, 34)):
            features = detector.representation(noise(2, height, width))
            assert features.shape == (2, 512, -(-height // 32), -(-width // 32))
            cam = detector.network.class_activation_map(features)
            logits = detector.network(features)[:, 0]
            assert torch.allclose(cam.mean((1, 2)) + detector.network.head.bias, logits, atol=1e-4)


def test_every_histogram_sums_to_one() -> None:
    features = weighted().representation(noise(1, 64, 64)).mean((2, 3))
    assert torch.allclose(features.reshape(1, 32, 16).sum(2), torch.ones(1, 32), atol=1e-5)


def test_brightness_does_not_count() -> None:
    detector = weighted()
    images = noise(1, 64, 64)
    assert torch.allclose(detector(images), detector(images + 9), atol=1e-5)


def test_half_precision_around_it_changes_nothing() -> None:
    detector, images = weighted(), noise(1, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(detector.representation(images), weighted().representation(images))


def test_variants_have_their_sizes() -> None:
    assert create("upprint", residuals=["d3", "edge", "diagonal"], scales=[1]).network.head.in_features == 240
    assert create("upprint", steps=[1.0, 3.0]).network.head.in_features == 1024


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"residuals": ["d9"]}, "d9"),
        ({"residuals": []}, "none"),
        ({"scales": [1, 4]}, "expected 1, 2 or both"),
        ({"scales": []}, "expected 1, 2 or both"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        create("upprint", **options)  # type: ignore[call-overload]


def test_a_picture_that_is_too_small_is_refused() -> None:
    with pytest.raises(ConfigError, match="40x20 pixels, expected 32"):
        weighted()(noise(1, 20, 40))


def test_the_graph_keeps_its_limits(tmp_path: Path) -> None:
    path = export(weighted(), tmp_path, "upprint")
    assert path.stat().st_size < 8_000_000
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), np.uint8)
    logit, cam = session.run(None, {"images": images})
    assert logit.shape == (1,)
    assert cam.shape == (1, 8, 8)
