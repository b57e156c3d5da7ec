import numpy as np
import pytest

from upprint.explain import colour, sheets
from upprint.explain.maps import differential, npr
from upprint.result import ConfigError


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def find(page, pattern):
    """Top-left position of an exact copy of `pattern` in `page`."""
    height, width = pattern.shape[:2]
    room = page[: len(page) - height + 1, : page.shape[1] - width + 1]
    places = np.argwhere((room == pattern[0, 0]).all(axis=-1))
    for y, x in ((height // 2, width // 2), (height // 3, width // 4), (height - 1, width - 1)):
        places = places[(page[places[:, 0] + y, places[:, 1] + x] == pattern[y, x]).all(axis=-1)]
    for y, x in places:
        if (page[y : y + height, x : x + width] == pattern).all():
            return int(y), int(x)
    raise AssertionError("not on the page")


def test_shown_is_native_enlarged_or_pooled_but_never_interpolated():
    values = npr(picture(300, 280))
    same, note = sheets.shown(values, 512)
    np.testing.assert_array_equal(same, values)
    assert note == "One dot is one pixel"
    large, note = sheets.shown(values[:100, :64], 512)
    assert large.shape == (500, 320, 3)
    np.testing.assert_array_equal(large[2::5, 2::5], values[:100, :64])
    assert note == "One pixel is 5 x 5 dots"
    small, note = sheets.shown(values, 150)
    assert small.shape == (150, 140, 3)
    assert set(np.unique(small)) <= set(np.unique(values))
    assert note == "One dot is the strongest of 2 x 2 pixels"


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_channel_figure_holds_the_map_at_native_resolution(channel):
    values = npr(picture(301, 700))
    page = np.asarray(sheets.channel_figure(values, channel, 50, "a.png", 2, 1))
    find(page, colour.apply(values[..., channel], "diverging", -50, 50))


def test_sheet_holds_picture_and_channels():
    pixels = picture(300, 400)
    values = npr(pixels, 3, "mean")
    page = np.asarray(sheets.sheet(pixels, values, 40, "a.png", 3, "mean"))
    places = [find(page, pixels)]
    places += [find(page, colour.apply(values[..., c], "diverging", -40, 40)) for c in range(3)]
    (top, left), red, green, blue = places
    assert red[0] == top
    assert green[1] == left
    assert blue == (green[0], red[1])


def test_comparison_has_one_scale_and_the_signed_difference():
    first, second = picture(300, 400, 1), picture(300, 400, 2) // 2
    page = np.asarray(sheets.comparison((first, second), ("a.png", "b.png")))
    maps = [npr(first), npr(second), differential(first, second)]
    limit = sheets.npr_limit(*maps[:2])
    for row in maps:
        places = [find(page, colour.apply(row[..., c], "diverging", -limit, limit)) for c in range(3)]
        assert len({y for y, _ in places}) == 1
        assert [x for _, x in places] == sorted(x for _, x in places)
    find(page, first)
    find(page, second)


def test_comparison_refuses_other_sizes():
    with pytest.raises(ConfigError, match="same size"):
        sheets.comparison((picture(30, 40), picture(40, 30)), ("a", "b"))


def test_limit_is_shared_and_round():
    weak, strong = np.full((10, 10), 3), np.full((10, 10), -27)
    assert sheets.npr_limit(weak) == 3
    assert sheets.npr_limit(weak, strong) == 30
    assert sheets.npr_limit(np.zeros((4, 4))) == 1


@pytest.mark.parametrize(
    ("block", "anchor", "phrase"),
    [
        (2, 1, "pixel 1 (row 1, column 1) of its 2 x 2"),
        (3, 6, "pixel 6 (row 2, column 3) of its 3 x 3"),
        (4, "mean", "the mean of its 4 x 4"),
        (2, "max", "the maximum of its 2 x 2"),
    ],
)
def test_rule_text(block, anchor, phrase):
    assert phrase in sheets.rule_text(block, anchor)
