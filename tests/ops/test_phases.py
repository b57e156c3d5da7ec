from __future__ import annotations

import numpy as np
import pytest
import torch

from upprint.ops.npr import npr
from upprint.ops.phases import CHANNELS, phases


@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 9)])
def test_the_formula(height: int, width: int) -> None:
    images = torch.randint(0, 256, (2, height, width, 3), generator=torch.Generator().manual_seed(0))
    found = phases(images.to(torch.uint8)).numpy()
    rows, columns = height // 2, width // 2
    assert found.shape == (2, rows, columns, CHANNELS)
    x = images.numpy().astype(np.int64)
    sums = np.zeros((2, rows, columns, 3), np.int64)
    for i in range(rows):
        for j in range(columns):
            sums[:, i, j] = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].sum((1, 2))
    for i in range(rows):
        for j in range(columns):
            for k, (a, b) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
                expected = 4 * x[:, 2 * i + a, 2 * j + b] - sums[:, i, j]
                assert np.array_equal(found[:, i, j, 3 * k : 3 * k + 3], expected)
            around = sum(
                sums[:, min(max(i + di, 0), rows - 1), min(max(j + dj, 0), columns - 1)]
                for di in (-1, 0, 1)
                for dj in (-1, 0, 1)
            )
            assert np.array_equal(found[:, i, j, 12:], 9 * sums[:, i, j] - around)


def test_brightness_and_colour_are_gone_and_every_anchor_is_in_it() -> None:
    images = torch.randint(0, 200, (1, 8, 8, 3), generator=torch.Generator().manual_seed(1))
    shifted = images + torch.tensor([5, 20, 40])
    assert torch.equal(phases(images), phases(shifted))
    p = phases(images)[..., :12].reshape(1, 4, 4, 4, 3)
    for anchor in (1, 2, 3, 4):
        relations = npr(images, 2, anchor, dims=(1, 2)).reshape(1, 4, 2, 4, 2, 3).permute(0, 1, 3, 2, 4, 5)
        expected = (p - p[:, :, :, anchor - 1 : anchor]) // 4
        assert torch.equal(relations.reshape(1, 4, 4, 4, 3).to(p.dtype), expected.to(p.dtype))


def test_floats_carry_gradients() -> None:
    images = torch.rand(1, 8, 8, 3, requires_grad=True)
    phases(images).square().sum().backward()
    assert images.grad is not None
    assert images.grad.abs().max() > 0
