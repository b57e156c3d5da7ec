from __future__ import annotations

import torch

from upprint.ops.augment import random_crop


def test_a_crop_is_a_window_of_the_map_or_its_mirror_image() -> None:
    maps = torch.arange(2 * 3 * 9 * 11.0).reshape(2, 3, 9, 11)
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        found = random_crop(maps, 5)
        assert found.shape == (2, 3, 5, 5)
        windows = [maps[..., top : top + 5, left : left + 5] for top in range(5) for left in range(7)]
        for one, kept in zip(found, zip(*windows, strict=True), strict=True):
            plain = [torch.equal(one, window) for window in kept]
            turned = [torch.equal(one, window.flip(-1)) for window in kept]
            assert sum(plain) + sum(turned) == 1
            seen.add((max(range(35), key=lambda i: plain[i] or turned[i]), any(turned)))
    assert len(seen) > 20


def test_the_seed_decides() -> None:
    maps = torch.rand(4, 1, 8, 8)
    torch.manual_seed(3)
    first = random_crop(maps, 4)
    torch.manual_seed(3)
    assert torch.equal(first, random_crop(maps, 4))
