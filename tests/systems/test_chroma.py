from __future__ import annotations

import numpy as np
import pytest
import torch

from upprint.detector import Detector
from upprint.perturb import parse
from upprint.result import ConfigError
from upprint.systems import create


def weighted(**options: object) -> Detector:
    detector = create("chroma", **options).eval()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    detector.network.head.weight.copy_(torch.randn(detector.network.head.weight.shape, generator=generator))
    return detector


def colours(height: int = 64, width: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(1, 3, height, width, generator=generator) * 40 + 100).round().to(torch.uint8)


def test_what_is_in_every_channel_does_not_count() -> None:
    """Luma has no say: a grey pattern added to a picture changes nothing."""
    detector, images = weighted(), colours()
    grey = torch.randint(0, 60, (1, 1, 64, 64), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    assert torch.allclose(detector(images), detector(images + grey), atol=1e-5)


def test_grey_pictures_all_score_alike() -> None:
    detector = weighted()
    one, other = colours()[:, :1].repeat(1, 3, 1, 1), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    assert torch.allclose(detector(one), detector(other), atol=1e-5)


def test_thinned_colours_lose_what_is_counted() -> None:
    """4:2:0 leaves few differences between neighbouring colours; 4:4:4 at the same quality leaves many."""
    counted = create("chroma").representation
    pixels = colours()[0].permute(1, 2, 0).numpy()

    def flat(text: str) -> float:
        saved = torch.from_numpy(np.ascontiguousarray(parse(text)(pixels, 0).transpose(2, 0, 1)))[None]
        return float(counted(saved).mean((2, 3))[0, 15])

    zero = int(counted(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).mean((2, 3))[0, :16].argmax())
    assert zero == 15  # the bin of no difference beside no difference
    assert flat("jpeg(95, 420)") > 3 * flat("jpeg(95, 444)")


def test_sizes() -> None:
    assert create("chroma").network.head.in_features == 512
    assert create("chroma", planes=["red-green"], scales=[1, 2]).network.head.in_features == 512


@pytest.mark.parametrize("planes", [["hue"], []])
def test_unknown_planes_are_refused(planes: list[str]) -> None:
    with pytest.raises(ConfigError, match="expected some of luma, red-green, blue-green"):
        create("chroma", planes=planes)
