import numpy as np
import pytest
from PIL import Image

from upprint.explain import colour, figure
from upprint.result import ConfigError


def ink(picture):
    """Where a picture is not white, (H, W)."""
    return (np.asarray(picture) != 255).any(axis=-1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Zürich à 5 ²", "Zurich a 5 2"),
        ("a\nb\x1b[", "a?b?["),
        ("图\udcff", "??"),
    ],
)
def test_plain(text, expected):
    assert figure.plain(text) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.0, "0"), (-2.5, "-2.5"), (15.0, "+15"), (0.1, "+0.1")]
)
def test_number(value, text):
    assert figure.number(value) == text


@pytest.mark.parametrize(
    "words", ["one two three four five six seven", "unbreakable" * 9, "a " + "b" * 80, ""]
)
@pytest.mark.parametrize("width", [60, 200])
def test_wrap_fits_and_loses_nothing(words, width):
    lines = figure.wrap(words, 18, width)
    assert all(figure.font(18).getlength(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")


def test_text_stays_inside():
    block = ink(figure.text("gjpqy ÄÖÜ " * 30, 200))
    assert block.any()
    assert not block[:, -1].any()
    assert not block[[0, -1]].any()


def test_label_is_one_line_and_says_that_it_was_cut():
    short, cut = figure.label("a.png", 200), figure.label("a" * 200, 200)
    assert short.size == cut.size
    assert short.height == figure.text("x", 200, figure.SMALL).height
    end = ink(cut)[:, 150:]
    assert end[-9:].any()  # the dots on the base line


def test_row_and_column_place_their_parts():
    red, blue = Image.new("RGB", (4, 2), (255, 0, 0)), Image.new("RGB", (2, 6), (0, 0, 255))
    side = np.asarray(figure.row([red, blue], gap=3))
    assert side.shape == (6, 9, 3)
    assert side[:2, :4].tolist() == [[[255, 0, 0]] * 4] * 2
    assert (side[:, 7:] == (0, 0, 255)).all()
    assert (side[2:, :4] == 255).all()
    pile = np.asarray(figure.column([red, blue], gap=1, centred=True))
    assert pile.shape == (9, 4, 3)
    assert (pile[3:, 1:3] == (0, 0, 255)).all()
    assert (pile[3:, [0, 3]] == 255).all()


def test_legend_shows_every_colour_in_order_with_ticks_below():
    table = colour.table("diverging")
    legend = np.asarray(figure.legend(table, figure.signed_ticks(4), "grey levels", ("left", "right")))
    row = next(y for y in range(len(legend)) if (legend[y] == table[0]).all(axis=-1).any())
    bar = legend[row + 5]
    inside = np.flatnonzero((bar == table[0]).all(axis=-1)).min()
    last = np.flatnonzero((bar == table[-1]).all(axis=-1)).max()
    strip = bar[inside : last + 1].astype(int)
    expected = table[np.arange(len(strip)) * len(table) // len(strip)]
    np.testing.assert_array_equal(strip, expected)
    below = row + 18 + 4
    marks = np.flatnonzero((legend[below] == figure.INK).all(axis=-1))
    np.testing.assert_allclose(marks, np.linspace(inside, last, 5), atol=1)


def test_signed_ticks_are_symmetric_about_zero():
    assert figure.signed_ticks(30) == [(0, "-30"), (0.25, "-15"), (0.5, "0"), (0.75, "+15"), (1, "+30")]


def test_page_keeps_its_margins():
    body = Image.new("RGB", (900, 50), (10, 10, 10))
    page = ink(figure.page("A title " * 40, ["a line " * 60], [body]))
    m = figure.MARGIN
    assert not page[:m].any()
    assert not page[-m:].any()
    assert not page[:, :m].any()
    assert not page[:, -m:].any()
    assert page[-m - 50 : -m, m:-m].all()


def test_save_png_round_trip_and_named_error(tmp_path):
    body = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    path = figure.save_png(body, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(body))
    with pytest.raises(ConfigError, match="cannot be written"):
        figure.save_png(body, tmp_path / "missing" / "a.png")
