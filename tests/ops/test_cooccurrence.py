from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from upprint.ops import cooccurrence as co


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (1, 3, height, width), generator=generator).to(torch.uint8)


def smooth(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Whole numbers whose residuals are small: levels other than the outermost occur."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.integers(-300, 301, (height, width)), 1) + np.cumsum(
        rng.integers(-300, 301, (height, width)), 0
    )
    return torch.from_numpy(walk[None].astype(np.float32))


def test_planes_are_whole_256ths() -> None:
    images = picture(5, 7)
    r, g, b = images[0].numpy().astype(int)
    assert np.array_equal(co.plane(images, "luma")[0].numpy(), 77 * r + 150 * g + 29 * b)
    assert np.array_equal(co.plane(images, "red-green")[0].numpy(), 256 * (r - g))
    assert np.array_equal(co.plane(images, "blue-green")[0].numpy(), 256 * (b - g))
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert [co.plane(white, name).unique().tolist() for name in co.PLANES] == [[255 * co.UNIT], [0], [0]]


def test_halved_sums_blocks_and_drops_an_odd_edge() -> None:
    y = smooth(5, 7)
    expected = y[0, :4, :6].numpy().reshape(2, 2, 3, 2).sum((1, 3))
    assert np.array_equal(co.halved(y)[0].numpy(), expected)


KERNELS = {
    "d1": [[-1, 1]],
    "d2": [[1, -2, 1]],
    "d3": [[-1, 3, -3, 1]],
    "corner": [[1, -1], [-1, 1]],
    "square": [[1, -2, 1], [-2, 4, -2], [1, -2, 1]],
    "edge": [[-1, 2, -1], [1, -2, 1]],
    "diagonal": [[-1, 0], [0, 1]],
}


@pytest.mark.parametrize("name", list(KERNELS))
def test_residuals_are_their_kernels(name: str) -> None:
    y = smooth(12, 14)
    kernel = np.array(KERNELS[name])
    rows, columns = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(y[0].numpy(), (rows, columns))
    expected = (windows * kernel).sum((2, 3))
    first, *rest = co.residuals(y)[name]
    assert np.array_equal(first[0, : expected.shape[0], : expected.shape[1]].numpy(), expected)
    if rest and name != "diagonal":
        turned = co.residuals(y.transpose(1, 2))[name][0].transpose(1, 2)
        assert torch.equal(rest[0], turned)


def levels(values: np.ndarray, step: float) -> np.ndarray:
    """Rounded, halves towards zero."""
    return np.clip(np.sign(values) * np.ceil(np.abs(values) / step - 0.5), -3, 3).astype(int)


@pytest.mark.parametrize("step", [256.0, 256 * 1.7, 100.5])
def test_exceeding_is_quantising(step: float) -> None:
    residual = torch.arange(-2000.0, 2001.0)[None, None]
    found = co.exceeds(residual, step).sum(1) - 1 - 3
    assert np.array_equal(found[0, 0].numpy(), levels(residual[0, 0].numpy(), step))


def test_the_folding_joins_what_is_alike_and_nothing_else() -> None:
    folding = co.folding()
    assert folding.shape == (49, 16)
    # C of one pair (a, b): exceeded up to and with a, and up to and with b.
    bins: dict[int, set[tuple[int, int]]] = {}
    for a in range(7):
        for b in range(7):
            counts = np.outer(np.arange(7) <= a, np.arange(7) <= b).astype(np.float32).reshape(-1)
            found = counts @ folding
            assert found.sum() == 1
            assert found.max() == 1
            bins.setdefault(int(found.argmax()), set()).add((a - 3, b - 3))
    for members in bins.values():
        a, b = next(iter(members))
        assert members == {(a, b), (b, a), (-a, -b), (-b, -a)}


def by_loops(y: np.ndarray, names: tuple[str, ...], step: float) -> np.ndarray:
    """The mean histograms of d1 written out: kinds along 1, 2, across 1, 2, diagonal."""
    height, width = y.shape
    across = levels(np.roll(y, -1, 1) - y, step)
    down = levels(np.roll(y, -1, 0) - y, step)
    kinds = {
        "along1": ((across, 0, 1), (down, 1, 0)),
        "along2": ((across, 0, 2), (down, 2, 0)),
        "across1": ((across, 1, 0), (down, 0, 1)),
        "across2": ((across, 2, 0), (down, 0, 2)),
        "diagonal": ((across, 1, 1), (across, 1, -1), (down, 1, 1), (down, 1, -1)),
    }
    found = []
    for kind in names:
        table: dict[tuple[int, int], int] = {}
        for levels_, dy, dx in kinds[kind]:
            for row in range(height - co.MARGIN):
                for column in range(1, width - co.MARGIN):
                    a, b = int(levels_[row, column]), int(levels_[row + dy, column + dx])
                    key = min((a, b), (b, a), (-a, -b), (-b, -a))
                    table[key] = table.get(key, 0) + 1
        total = sum(table.values())
        found.append({key: value / total for key, value in table.items()})
    return np.array(found, dtype=object)


def test_histograms_are_the_counts_of_a_loop() -> None:
    y = smooth(40, 37)
    padded = co.padded(y, 32)
    horizontal, vertical = co.residuals(padded)["d1"]
    inside = co.within(padded, 40, 37)
    found = co.histograms(horizontal, vertical, 256.0, inside, 32)
    assert found.shape == (1, 5, 16, 2, 2)
    kinds = ("along1", "along2", "across1", "across2", "diagonal")
    for index, expected in enumerate(by_loops(y[0].numpy(), kinds, 256.0)):
        entries = np.sort(found[0, index].mean((1, 2)).numpy())[::-1]
        assert np.allclose(entries[: len(expected)], sorted(expected.values(), reverse=True), atol=1e-6)
        assert entries.sum() == pytest.approx(1, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(40, 90), st.integers(40, 90), st.integers(0, 1000))
def test_mirrored_and_negative_pictures_count_alike(height: int, width: int, seed: int) -> None:
    y = smooth(height, width, seed)

    def mean(values: torch.Tensor) -> torch.Tensor:
        padded = co.padded(values, 32)
        maps = co.residuals(padded)["corner"]
        return co.histograms(maps[0], None, 400.0, co.within(padded, height, width), 32).mean((3, 4))

    assert torch.allclose(mean(y), mean(-y), atol=1e-6)
    # Whole numbers and sums below 2^24: padding further changes nothing at all.
    padded = co.padded(y, 64)
    maps = co.residuals(padded)["corner"]
    wider = co.histograms(maps[0], None, 400.0, co.within(padded, height, width), 32).mean((3, 4))
    assert torch.allclose(mean(y), wider, atol=1e-6)


def test_cells_add_up() -> None:
    y = smooth(96, 64)
    maps, inside = co.residuals(y)["d2"], co.within(y, 96, 64)
    fine = co.histograms(maps[0], maps[1], 500.0, inside, 16)
    coarse = co.histograms(maps[0], maps[1], 500.0, inside, 32)
    assert fine.shape[-2:] == (6, 4)
    assert torch.allclose(fine.mean((3, 4)), coarse.mean((3, 4)), atol=1e-6)
    blocks = fine.reshape(1, 5, 16, 3, 2, 2, 2).mean((4, 6))
    assert torch.allclose(blocks, coarse, atol=1e-5)
