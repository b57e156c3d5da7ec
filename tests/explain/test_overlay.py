import numpy as np
import pytest

from upprint.explain import colour, overlay
from upprint.explain.cam import CamMap, TileScore


def cam_of(cells, height, width, tiles=(), tile=0):
    return CamMap(np.asarray(cells, np.float32), 8, 0.5, 1.25, height, width, tiles, tile)


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


def test_blend_leaves_zero_untouched_and_reaches_alpha_at_the_limit():
    base = np.full((1, 5, 3), 100, np.uint8)
    out = overlay.blend(base, np.array([[-9.0, -1.0, 0.0, 1.0, 9.0]]), 1.0, alpha=1.0)[0]
    below, above = colour.apply(np.array([-0.65, 0.65]), "diverging", -1, 1)
    np.testing.assert_array_equal(out, [below, below, [100] * 3, above, above])
    half = overlay.blend(base, np.array([[0.5] * 5]), 1.0, alpha=0.5)[0, 0]
    np.testing.assert_allclose(half, 100 + (above.astype(float) - 100) * 0.25, atol=0.51)


def test_blend_tells_signs_apart_on_any_grey():
    for grey in (72, 150, 232):
        base = np.full((1, 2, 3), grey, np.uint8)
        negative, positive = overlay.blend(base, np.array([[-0.3, 0.3]]), 1.0)[0].astype(int)
        assert negative[2] > negative[0] + 15  # bluish
        assert positive[0] > positive[2] + 15  # reddish


def test_faded_grey_keeps_order_and_room():
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=-1)
    grey = overlay.faded_grey(ramp)[:, 0]
    assert (grey == grey[:, :1]).all()
    assert grey[0, 0] == 72
    assert grey[-1, 0] == 232
    assert (np.diff(grey[:, 0].astype(int)) >= 0).all()
    green, blue = overlay.faded_grey(np.array([[[0, 255, 0], [0, 0, 255]]], np.uint8))[0, :, 0]
    assert green == round(72 + 0.587 * 160)
    assert blue == round(72 + 0.114 * 160)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1600, 900), (1600, 900, 1.0, "Drawn at its own size")),
        ((1601, 900), (801, 450, 2.0, "Drawn at 1/2 of its size")),
        ((100, 64), (500, 320, 0.2, "Drawn at 5 times its size")),
        ((300, 200), (300, 200, 1.0, "Drawn at its own size")),
    ],
)
def test_drawn_size(size, expected):
    assert overlay.drawn_size(*size) == expected


@pytest.mark.parametrize("size", [(100, 64), (300, 200), (3300, 20), (1601, 3)])
def test_resized_has_the_drawn_size(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    rows, columns, step, _ = overlay.drawn_size(*size)
    out = overlay.resized(pixels, rows, columns, step)
    assert out.shape == (rows, columns, 3)
    y, x = (rows - 1) // 2, (columns - 1) // 2
    if step > 1:
        factor = int(step)
        square = pixels[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        np.testing.assert_allclose(out[y, x], square.mean(axis=(0, 1)), atol=1)
    else:
        np.testing.assert_array_equal(out[y, x], pixels[int(y * step), int(x * step)])


def test_cam_figure_shows_the_map_where_it_lies():
    cells = np.zeros((64, 80))
    cells[:, 40:], cells[:, :40] = 3, -3
    page = np.asarray(overlay.cam_figure(cam_of(cells, 512, 640), "a.png", ["a line"], limit=3))
    table = colour.table("diverging")
    y, x = find(page, np.broadcast_to(table[0], (512, 316, 3)))
    assert (page[y : y + 512, x + 324 : x + 640] == table[-1]).all()
    assert x == 25  # page margin and frame


def test_overlay_figure_blends_the_picture():
    pixels = np.random.default_rng(1).integers(0, 256, (520, 648, 3), dtype=np.uint8)
    plain = overlay.overlay_figure(pixels, cam_of(np.zeros((65, 81)), 520, 648), "a.png")
    find(np.asarray(plain), overlay.faded_grey(pixels))
    strong = overlay.overlay_figure(pixels, cam_of(np.full((65, 81), 2.0), 520, 648), "a.png", limit=2)
    tinted = overlay.blend(overlay.faded_grey(pixels), np.full((520, 648), 2.0), 2.0)
    find(np.asarray(strong), tinted)


def test_default_limit_is_symmetric_round_and_above_noise():
    assert overlay.cam_limit(cam_of(np.full((9, 9), -2.7), 72, 72)) == 3
    assert overlay.cam_limit(cam_of(np.zeros((9, 9)), 72, 72)) == pytest.approx(0.1)


def test_tiles_are_outlined_and_labelled_where_there_is_room():
    tiles = tuple(TileScore(y, x, 1.0) for y in (0, 256) for x in (0, 256))
    cells = np.zeros((64, 64))
    bare = np.asarray(overlay.cam_figure(cam_of(cells, 512, 512), "a", limit=1))
    drawn = np.asarray(overlay.cam_figure(cam_of(cells, 512, 512, tiles, 256), "a", limit=1))
    y, x = find(bare, np.broadcast_to(colour.table("diverging")[127], (512, 512, 3)))
    body = drawn[y : y + 512, x : x + 512]
    assert (body[[0, 255, 256, 511]] == 26).all()
    assert (body[:, [0, 255, 256, 511]] == 26).all()
    assert (body[5:30, 5:50] == 255).all(axis=-1).any()
    crowded = tuple(TileScore(0, x, 1.0) for x in range(0, 264, 8))
    drawn = np.asarray(overlay.cam_figure(cam_of(cells, 512, 512, crowded, 256), "a", limit=1))
    assert not (drawn[y : y + 512, x : x + 512] == 255).all(axis=-1).any()
