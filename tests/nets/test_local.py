from __future__ import annotations

import pytest
import torch

from upprint.nets.local import LocalNet


@pytest.mark.parametrize("experts", [1, 2])
def test_the_logit_is_the_mean_of_the_map(experts: int) -> None:
    torch.manual_seed(0)
    net = LocalNet(15, (4, 8), (1, 2), experts=experts).eval()
    x = torch.randn(2, 15, 12, 20)
    cam = net.class_activation_map(x)
    assert cam.shape == (2, 6, 10)
    assert torch.allclose(net(x)[:, 0], cam.mean((1, 2)) + net.head.bias)


def test_a_score_depends_on_its_surroundings_alone() -> None:
    torch.manual_seed(0)
    net = LocalNet(3, (4, 8), (1, 1), stem_stride=2).eval()
    x = torch.randn(1, 3, 128, 128)
    other = x.clone()
    other[..., 100:, :] = 0
    difference = (net.class_activation_map(x) - net.class_activation_map(other)).abs().amax((0, 2))
    assert difference[-1] > 0
    assert torch.equal(difference[:16], torch.zeros(16))
