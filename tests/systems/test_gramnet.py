"""GramNet: counts, Gram matrices written out, channel order."""

from __future__ import annotations

import numpy as np
import torch

from upprint.systems import create
from upprint.systems.gramnet import gram


def test_counts_of_the_specification() -> None:
    with torch.device("meta"):
        network = create("gramnet").network
    assert sum(p.numel() for p in network.parameters()) == 11_734_723
    assert len(network.state_dict()) == 233
    sizes = [sum(p.numel() for p in branch.reduce.parameters()) for branch in network.branches]
    assert sizes == [928, 18_496, 18_496, 18_496, 36_928, 73_792]
    heads = network.branches[0].head
    assert [sum(p.numel() for p in part.parameters()) for part in heads] == [176, 4_672]


def test_gram_matrix() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5))
    found = gram(torch.from_numpy(x)).numpy()
    for n in range(2):
        for i in range(4):
            for j in range(4):
                assert np.isclose(found[n, 0, i, j], (x[n, i] * x[n, j]).sum() / (4 * 3 * 5))


def test_pixels_reach_the_network_as_opencv_reads_them() -> None:
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert create("gramnet", depth=10).representation(image).flatten().tolist() == [30.0, 20.0, 10.0]


def test_one_scale_for_all_branches() -> None:
    torch.manual_seed(0)
    detector = create("gramnet", depth=10).eval()
    images = torch.randint(0, 256, (2, 3, 48, 40), dtype=torch.uint8)
    with torch.no_grad():
        detector.network.scale.zero_()
        without = detector(images)
        for branch in detector.network.branches:
            for parameter in branch.parameters():
                parameter.add_(1.0)
        assert torch.equal(detector(images), without)
