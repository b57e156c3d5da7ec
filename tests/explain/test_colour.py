import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upprint.explain import colour
from upprint.result import ConfigError

# Deuteranopia in linear RGB: Machado, Oliveira, Fernandes 2009, severity 1.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def as_seen_without_green_cones(rgb):
    encoded = np.asarray(rgb) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = (linear @ DEUTERANOPIA.T).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def distance(one, other):
    return np.linalg.norm(colour.to_oklab(one) - colour.to_oklab(other), axis=-1)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # published values of the sRGB primaries
        ([255, 255, 255], [1.0, 0.0, 0.0]),
        ([255, 0, 0], [0.62796, 0.22486, 0.12585]),
        ([0, 255, 0], [0.86644, -0.23389, 0.17950]),
        ([0, 0, 255], [0.45201, -0.03246, -0.31153]),
    ],
)
def test_oklab_of_the_primaries(rgb, lab):
    np.testing.assert_allclose(colour.to_oklab(np.array(rgb)), lab, atol=2e-4)


def test_oklab_round_trip():
    rgb = np.random.default_rng(0).uniform(0, 255, (500, 3))
    np.testing.assert_allclose(colour.from_oklab(colour.to_oklab(rgb)), rgb, atol=1e-4)


@pytest.mark.parametrize("cmap", ["diverging", "sequential"])
def test_no_colour_was_clipped(cmap):
    half = colour.SIZE // 2 + 1
    if cmap == "diverging":
        ramps = [colour._ramp(s, half, colour._DARK_DIVERGING) for s in (colour._BELOW, colour._ABOVE)]
    else:
        ramps = [colour._ramp(colour._RISING, colour.SIZE, colour._DARK_SEQUENTIAL)]
    for ramp in ramps:
        exact = colour.from_oklab(ramp)
        assert exact.min() > -0.5
        assert exact.max() < 255.5


def test_sequential_lightness_falls_evenly():
    steps = np.diff(colour.to_oklab(colour.table("sequential"))[:, 0])
    assert steps.max() < 0
    assert steps.std() < 0.6 * abs(steps.mean())  # what rounding to 8 bits leaves


def test_diverging_lightness_rises_to_the_middle_and_falls_alike():
    lightness = colour.to_oklab(colour.table("diverging"))[:, 0]
    middle = colour.SIZE // 2
    assert np.diff(lightness[: middle + 1]).min() > 0
    assert np.diff(lightness[middle:]).max() < 0
    np.testing.assert_allclose(lightness, lightness[::-1], atol=0.005)


def test_diverging_middle_is_neutral():
    red, green, blue = colour.table("diverging")[colour.SIZE // 2].tolist()
    assert max(red, green, blue) - min(red, green, blue) <= 1
    assert min(red, green, blue) > 230


def test_colours_change_evenly():
    """No step between neighbours is more than three times the mean: no false edge in a smooth map."""
    for cmap in ("diverging", "sequential"):
        table = colour.table(cmap)
        steps = distance(table[1:], table[:-1])
        assert steps.max() < 3 * steps.mean()


def test_signs_stay_apart_for_deuteranopes():
    table = as_seen_without_green_cones(colour.table("diverging"))
    gaps = distance(table, table[::-1])
    middle = colour.SIZE // 2
    assert gaps[0] > 0.2
    quarter = middle // 4  # from a quarter of the scale on, well above a just noticeable difference (0.02)
    assert gaps[: middle - quarter].min() > 0.1


def test_apply_places_ends_and_zero():
    values = np.array([[-9.0, -2.0, 0.0, 2.0, 9.0]])
    out = colour.apply(values, "diverging", -2, 2)
    assert out.dtype == np.uint8
    assert out.shape == (1, 5, 3)
    table = colour.table("diverging")
    np.testing.assert_array_equal(out[0], table[[0, 0, colour.SIZE // 2, -1, -1]])


@given(st.floats(-50, 50, width=32), st.floats(0.01, 50))
def test_apply_is_the_nearest_colour(value, limit):
    expected = round(min(max((value + limit) / (2 * limit), 0), 1) * (colour.SIZE - 1))
    table = colour.table("diverging").astype(int)
    out = colour.apply(np.array([value]), "diverging", -limit, limit)[0].astype(int)
    near = table[max(0, expected - 1) : expected + 2]  # half-way cases may fall either way
    assert (near == out).all(axis=1).any()


def test_apply_takes_integers():
    values = np.array([-3, 0, 3], np.int16)
    np.testing.assert_array_equal(
        colour.apply(values, "diverging", -3, 3), colour.apply(values.astype(float), "diverging", -3, 3)
    )


def test_errors_name_what_was_expected():
    with pytest.raises(ConfigError, match="first below the second"):
        colour.apply(np.zeros(2), "sequential", 1, 1)
    with pytest.raises(ConfigError, match="'diverging' or 'sequential'"):
        colour.apply(np.zeros(2), "jet", 0, 1)


@given(st.floats(1e-6, 1e6))
def test_nice_limit_is_round_and_close(limit):
    nice = colour.nice_limit(limit)
    assert limit <= nice * (1 + 1e-9)
    assert nice <= 1.52 * limit
    assert len(f"{nice:.6e}".partition("e")[0].rstrip("0").rstrip(".").replace(".", "")) <= 2
