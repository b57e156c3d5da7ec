import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from upprint.card import InputRule
from upprint.data.layouts import LAYOUTS
from upprint.data.protocol import (
    OWN_PROTOCOL,
    PROTOCOL_OF,
    PROTOCOLS,
    Pixels,
    apply,
    named,
    protocol_for,
    protocol_of,
    views,
    whole_copies,
)
from upprint.result import ConfigError, UnsupportedImage
from upprint.systems import card_of, list_systems


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_resize256_is_pillows_bilinear_without_aspect() -> None:
    pixels = noise(40, 100)
    wanted = np.array(Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(apply(pixels, named("npr-resize256")), wanted)


@pytest.mark.parametrize("shape", [(31, 64), (64, 64), (5, 7)])
def test_native_changes_nothing(shape: tuple[int, int]) -> None:
    pixels = noise(*shape)
    np.testing.assert_array_equal(apply(pixels, named("npr-native")), pixels)


def test_aigc_drops_odd_last_row_and_column_and_nothing_else() -> None:
    pixels = noise(225, 301)
    np.testing.assert_array_equal(apply(pixels, named("npr-aigc")), pixels[:224, :300])
    assert named("npr-aigc").batch == 1


def test_genimage_repeats_small_pictures_by_whole_copies_then_crops_the_centre() -> None:
    pixels = noise(100, 300)
    canvas = Image.new("RGB", (300, 300))
    for top in (0, 100, 200):
        canvas.paste(Image.fromarray(pixels), (0, top))
    wanted = np.array(canvas.crop((38, 38, 38 + 224, 38 + 224)))
    np.testing.assert_array_equal(apply(pixels, named("npr-genimage")), wanted)


def test_genimage_leaves_large_pictures_native() -> None:
    pixels = noise(300, 260)
    np.testing.assert_array_equal(apply(pixels, named("npr-genimage")), pixels[38:262, 18:242])


@given(height=st.integers(1, 40), width=st.integers(1, 40), side=st.integers(1, 40))
def test_whole_copies(height: int, width: int, side: int) -> None:
    pixels = noise(height, width)
    out = whole_copies(pixels, side)
    if min(height, width) >= side:
        assert out is pixels
    assert out.shape[0] == height * math.ceil(side / height)
    assert out.shape[1] == width * math.ceil(side / width)
    for row in range(out.shape[0]):
        for column in (0, out.shape[1] // 2, out.shape[1] - 1):
            assert (out[row, column] == pixels[row % height, column % width]).all()


def test_training_crops_windows_of_the_resized_picture_and_flips_half() -> None:
    pixels = noise(256, 256)
    rng = np.random.default_rng(1)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (224, 224), axis=(0, 1))
    windows = np.moveaxis(windows, 2, -1)
    flipped = 0
    for _ in range(40):
        out = apply(pixels, named("npr-train"), rng)
        assert out.shape == (224, 224, 3)
        straight = (windows[:, :, 0, 0] == out[0, 0]).all(-1) & (windows[:, :, -1, -1] == out[-1, -1]).all(-1)
        mirrored = (windows[:, :, 0, -1] == out[0, 0]).all(-1) & (windows[:, :, -1, 0] == out[-1, -1]).all(-1)
        matches = [windows[t, c] for t, c in np.argwhere(straight)]
        mirror_matches = [windows[t, c][:, ::-1] for t, c in np.argwhere(mirrored)]
        assert any((m == out).all() for m in matches + mirror_matches)
        flipped += any((m == out).all() for m in mirror_matches)
    assert 8 <= flipped <= 32


def test_training_draws_depend_on_the_generator_alone() -> None:
    pixels, protocol = noise(300, 400), named("npr-genimage-train")
    first = apply(pixels, protocol, np.random.default_rng(3))
    np.testing.assert_array_equal(first, apply(pixels, protocol, np.random.default_rng(3)))
    assert (first != apply(pixels, protocol, np.random.default_rng(4))).any()


def test_validation_is_the_centre_of_the_resized_picture() -> None:
    pixels = noise(256, 256)
    np.testing.assert_array_equal(apply(pixels, named("npr-val")), pixels[16:240, 16:240])


def test_views_of_tiles_are_native_and_within_budget() -> None:
    pixels, rule = noise(100, 140), InputRule(tile=64, grid=8, budget=4)
    tiles = views(pixels, named("tiles"), rule)
    assert tiles.shape == (4, 64, 64, 3)
    np.testing.assert_array_equal(tiles[0], pixels[:64, :64])


def test_views_of_other_protocols_are_one_picture() -> None:
    pixels = noise(33, 50)
    np.testing.assert_array_equal(views(pixels, named("npr-native"))[0], pixels)
    assert len(views(pixels, named("npr-native"))) == 1


def test_every_layout_has_a_protocol_and_every_protocol_its_name() -> None:
    assert {name.partition("/")[0] for name in PROTOCOL_OF} == set(LAYOUTS)
    assert set(PROTOCOL_OF.values()) <= set(PROTOCOLS)
    assert all(name == protocol.name and protocol.note for name, protocol in PROTOCOLS.items())
    assert protocol_of("forensynths", "train").name == "npr-train"
    assert protocol_of("forensynths", "test").name == "npr-resize256"


def test_wrong_use_is_named() -> None:
    pixels = noise(32, 32)
    with pytest.raises(ConfigError, match="known: npr-resize256"):
        named("npr")
    with pytest.raises(ConfigError, match="pass rng"):
        apply(pixels, named("npr-train"))
    with pytest.raises(ConfigError, match=r"use views\(\)"):
        apply(pixels, named("tiles"))
    with pytest.raises(UnsupportedImage):
        apply(pixels.astype(np.float32), named("npr-native"))  # type: ignore[arg-type]


@pytest.mark.parametrize("system", sorted(OWN_PROTOCOL))
def test_a_system_of_one_size_has_a_protocol_that_makes_it(system: str) -> None:
    rule = card_of(system).input
    own = protocol_for(system, named("npr-resize256"))
    assert rule.exact
    assert apply(np.zeros((300, 410, 3), np.uint8), own).shape == (rule.tile, rule.tile, 3)
    assert protocol_for(system, named("tiles")) is named("tiles")


def test_every_system_of_another_size_has_a_protocol() -> None:
    exact = {name for name in list_systems() if card_of(name).input.exact and card_of(name).input.tile != 256}
    assert exact == set(OWN_PROTOCOL)
    assert protocol_for("npr", named("npr-native")) is named("npr-native")
