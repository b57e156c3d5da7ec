from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from upprint.ops.azimuthal import azimuthal_average, radii


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 6), (1, 1), (5, 12)])
def test_equals_a_loop(height: int, width: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, height, width))
    rings: dict[int, list[np.ndarray]] = {}
    for i in range(height):
        for j in range(width):
            rings.setdefault(math.floor(math.hypot(i - height // 2, j - width // 2)), []).append(x[:, i, j])
    wanted = np.stack([np.mean(rings[r], axis=0) for r in range(max(rings) + 1)], axis=-1)
    found = azimuthal_average(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


def test_a_function_of_the_radius_is_kept() -> None:
    ring = radii(64, 64)
    found = azimuthal_average((ring * 3.0).expand(2, 3, 64, 64))
    assert found.shape == (2, 3, 46)
    torch.testing.assert_close(found, (torch.arange(46) * 3.0).expand(2, 3, 46))
