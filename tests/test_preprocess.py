"""Tiling against properties, resizing and cropping against Pillow and formulas written out."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from upprint.card import InputRule
from upprint.preprocess import center_crop, even, pool, repeat_to, resize, tile_origins, tiles
from upprint.result import ConfigError, UnsupportedImage

SMALL = InputRule(tile=16, grid=4, budget=4)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)


sides = st.integers(1, 130)
rules = st.tuples(st.integers(1, 40), st.integers(1, 12)).filter(lambda pair: pair[1] <= pair[0])
budgets = st.none() | st.integers(1, 60)


@given(sides, sides, rules, budgets)
@settings(max_examples=300)
def test_origins_lie_inside_on_the_grid_within_the_budget(
    height: int, width: int, pair: tuple[int, int], budget: int | None
) -> None:
    rule = InputRule(tile=pair[0], grid=pair[1])
    origins = tile_origins(height, width, rule, budget)
    assert origins == tile_origins(height, width, rule, budget) == sorted(set(origins))
    assert 1 <= len(origins) <= (budget or 10**9)
    for origin, side in [(o[axis], (height, width)[axis]) for o in origins for axis in (0, 1)]:
        assert origin % rule.grid == 0
        assert 0 <= origin <= max(side - rule.tile, 0)


@given(sides, sides, rules)
@settings(max_examples=200)
def test_all_tiles_cover_all_but_the_border(height: int, width: int, pair: tuple[int, int]) -> None:
    rule = InputRule(tile=pair[0], grid=pair[1])
    height, width = max(height, rule.tile), max(width, rule.tile)
    seen = np.zeros((height, width), bool)
    origins = tile_origins(height, width, rule, None)
    for row, column in origins:
        seen[row : row + rule.tile, column : column + rule.tile] = True
    assert seen[: height - rule.grid + 1, : width - rule.grid + 1].all()
    assert max(row for row, _ in origins) > height - rule.tile - rule.grid
    if rule.tile % rule.grid == 0:  # no cover on the grid has fewer tiles
        fewest = [
            -(-((side - rule.tile) // rule.grid) * rule.grid // rule.tile) + 1 for side in (height, width)
        ]
        assert len(origins) == fewest[0] * fewest[1]


@given(sides, sides, st.integers(1, 30))
def test_a_budget_makes_the_least_long_cells(height: int, width: int, budget: int) -> None:
    """Against all lattices that the budget and the picture allow."""
    full = tile_origins(height, width, SMALL, None)
    rows, columns = len({row for row, _ in full}), len({column for _, column in full})
    chosen = tile_origins(height, width, SMALL, budget)
    if rows * columns <= budget:
        assert chosen == full
        return
    r, c = len({row for row, _ in chosen}), len({column for _, column in chosen})
    assert r * c == len(chosen)
    allowed = [(a, b) for a in range(1, rows + 1) for b in range(1, columns + 1) if a * b <= budget]
    assert (r, c) in allowed
    longest = min(max(height / a, width / b) for a, b in allowed)
    assert max(height / r, width / c) == longest
    assert r * c == max(a * b for a, b in allowed if max(height / a, width / b) == longest)


def test_known_origins() -> None:
    rule = InputRule()  # tiles of 256 on a grid of 8
    assert tile_origins(256, 256, rule, None) == [(0, 0)]
    assert tile_origins(100, 90, rule, None) == [(0, 0)]
    assert tile_origins(512, 263, rule, None) == [(0, 0), (256, 0)]
    assert tile_origins(512, 264, rule, None) == [(0, 0), (0, 8), (256, 0), (256, 8)]
    assert tile_origins(600, 256, rule, None) == [(0, 0), (168, 0), (344, 0)]
    corners_and_middle = [0, 1368, 2744]
    assert {row for row, _ in tile_origins(3000, 4000, rule, 9)} == set(corners_and_middle)
    assert tile_origins(3000, 4000, rule, 1) == [(1368, 1872)]
    assert len(tile_origins(512, 5000, rule, 9)) == 9
    assert {row for row, _ in tile_origins(512, 5000, rule, 9)} == {128}


@given(sides, sides, budgets)
@settings(deadline=None)
def test_tiles_are_the_pixels_at_their_origins(height: int, width: int, budget: int | None) -> None:
    pixels = picture(height, width)
    found = tiles(pixels, SMALL, budget)
    whole = repeat_to(pixels, 16, grid=4)
    expected = [whole[r : r + 16, c : c + 16] for r, c in tile_origins(height, width, SMALL, budget)]
    assert np.array_equal(found, np.stack(expected))
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(1, 9))
@settings(deadline=None)
def test_repetition_keeps_the_phase(height: int, width: int, side: int, grid: int) -> None:
    """Every pixel written out: the one at the same place in a period that is a multiple of the grid."""
    pixels = picture(height, width)
    found = repeat_to(pixels, side, grid=grid)
    assert found.shape == (max(height, side), max(width, side), 3)
    periods = []
    for length in (height, width):
        period = length
        while length < side and period % (grid if length >= grid else min(2, length)):
            period -= 1
        periods.append(period)
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            source = (
                row if height >= side else row % periods[0],
                column if width >= side else column % periods[1],
            )
            assert (found[row, column] == pixels[source]).all()


def test_nothing_is_copied_where_nothing_is_repeated() -> None:
    pixels = picture(20, 30)
    assert repeat_to(pixels, 16) is pixels
    assert np.shares_memory(even(pixels), pixels)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_pooling(logits: list[float]) -> None:
    rule = InputRule()
    assert pool(logits, rule) == pytest.approx(statistics.fmean(logits), abs=1e-12)
    assert pool(logits, replace(rule, pooling="max")) == max(logits)
    assert pool(logits, replace(rule, pooling="median")) == pytest.approx(
        statistics.median(logits), abs=1e-12
    )


def test_pooling_is_in_double_precision() -> None:
    logits = np.array([1e8, 1, -1e8, 3], np.float32)
    assert pool(logits, InputRule()) == 1.0


def test_resize_is_pillows_bilinear_without_keeping_the_aspect() -> None:
    pixels = picture(37, 81)
    expected = np.asarray(Image.fromarray(pixels).resize((20, 50), Image.Resampling.BILINEAR))
    assert np.array_equal(resize(pixels, (50, 20)), expected)
    assert np.array_equal(resize(pixels, (37, 81)), pixels)


@pytest.mark.parametrize(
    ("height", "width", "side", "top", "left"),
    [(10, 10, 10, 0, 0), (11, 12, 10, 0, 1), (13, 17, 10, 2, 4), (256, 300, 224, 16, 38), (15, 10, 10, 2, 0)],
)
def test_center_crop(height: int, width: int, side: int, top: int, left: int) -> None:
    pixels = picture(height, width)
    assert np.array_equal(center_crop(pixels, side), pixels[top : top + side, left : left + side])


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 2), (7, 9), (8, 5)])
def test_even(height: int, width: int) -> None:
    pixels = picture(height, width)
    found = even(pixels)
    assert found.shape == (height - height % 2, width - width % 2, 3)
    assert np.array_equal(found, pixels[: found.shape[0], : found.shape[1]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: tile_origins(0, 5, SMALL, None),
        lambda: tile_origins(5, 5, SMALL, 0),
        lambda: tile_origins(5, 5, InputRule(tile=8, grid=9), None),
        lambda: tiles(picture(5, 5), SMALL, -1),
        lambda: repeat_to(picture(5, 5), 0),
        lambda: repeat_to(picture(5, 5), 4, grid=0),
        lambda: pool([], SMALL),
        lambda: pool([[1.0]], SMALL),
        lambda: pool([1.0], InputRule(pooling="min")),  # type: ignore[arg-type]
        lambda: resize(picture(5, 5), (0, 5)),
        lambda: center_crop(picture(5, 9), 6),
        lambda: center_crop(picture(5, 9), 0),
    ],
)
def test_settings_without_sense_are_refused(call: Any) -> None:
    with pytest.raises(ConfigError, match="expected"):
        call()


@pytest.mark.parametrize("function", [lambda p: tiles(p, SMALL, 1), lambda p: resize(p, (2, 2)), even])
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(function: Any, pixels: Any) -> None:
    with pytest.raises(UnsupportedImage, match="expected uint8"):
        function(pixels)


def test_even_needs_two_pixels() -> None:
    with pytest.raises(UnsupportedImage, match="at least 2 x 2"):
        even(picture(1, 8))
