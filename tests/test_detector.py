"""score = D(f(x))."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from upprint.detector import Detector
from upprint.systems.npr import CARD


class Brightness(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.float() / 255


class Mean(nn.Module):
    def __init__(self, columns: int | None) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((1, 2, 3))
        return means if self.columns is None else means[:, None].expand(-1, self.columns)


@pytest.mark.parametrize("columns", [None, 1])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_logit_per_image(columns: int | None, count: int) -> None:
    images = torch.full((count, 3, 4, 4), 51, dtype=torch.uint8)
    logits = Detector(Brightness(), Mean(columns), CARD)(images)
    assert logits.shape == (count,)
    torch.testing.assert_close(logits, torch.full((count,), 0.2))


def test_two_logits_per_image_are_no_score() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        Detector(Brightness(), Mean(2), CARD)(torch.zeros(3, 3, 4, 4))


def test_the_parts_stay_reachable() -> None:
    detector = Detector(Brightness(), Mean(1), CARD)
    assert isinstance(detector.representation, Brightness)
    assert isinstance(detector.network, Mean)
    assert detector.card is CARD
    assert detector.official is None
