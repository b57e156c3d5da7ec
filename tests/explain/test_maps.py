import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from upprint.explain import maps
from upprint.ops.npr import npr as torch_npr
from upprint.result import ConfigError

ANCHORS = [
    (2, 1),
    (2, 2),
    (2, 3),
    (2, 4),
    (2, "mean"),
    (2, "max"),
    (3, 5),
    (3, 9),
    (3, "mean"),
    (4, "max"),
    (5, 8),
]


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_formula(pixels, block, anchor):
    """Eq. 4 pixel by pixel."""
    height, width, channels = pixels.shape
    out = np.empty(pixels.shape)
    for y in range(height):
        for x in range(width):
            top, left = y // block * block, x // block * block
            for c in range(channels):
                inside = pixels[top : top + block, left : left + block, c].astype(float)
                if anchor == "mean":
                    reference = inside.sum() / inside.size
                elif anchor == "max":
                    reference = inside.max()
                else:
                    down, right = (anchor - 1) // block, (anchor - 1) % block
                    reference = float(pixels[min(top + down, height - 1), min(left + right, width - 1), c])
                out[y, x, c] = float(pixels[y, x, c]) - reference
    return out


@pytest.mark.parametrize(("block", "anchor"), ANCHORS)
@pytest.mark.parametrize("size", [(6, 8), (7, 5), (1, 1), (1, 9)])
def test_npr_is_the_formula_and_the_torch_operator(block, anchor, size):
    pixels = picture(*size)
    values = maps.npr(pixels, block, anchor)
    np.testing.assert_allclose(values, by_formula(pixels, block, anchor), atol=1e-4)
    reference = torch_npr(torch.from_numpy(pixels).permute(2, 0, 1), block, anchor).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(values, reference, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 19), st.integers(1, 19), st.integers(2, 5), st.data(), st.integers(0, 2**32 - 1))
def test_npr_equals_torch_anywhere(height, width, block, data, seed):
    anchor = data.draw(st.one_of(st.sampled_from(["mean", "max"]), st.integers(1, block * block)))
    pixels = picture(height, width, seed)
    reference = torch_npr(torch.from_numpy(pixels).permute(2, 0, 1), block, anchor).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(maps.npr(pixels, block, anchor), reference, atol=1e-4)


def test_npr_keeps_the_full_range():
    pixels = np.array([[[0], [255]], [[255], [0]]], np.uint8)
    assert maps.npr(pixels)[..., 0].tolist() == [[0, 255], [255, 0]]
    assert maps.npr(pixels, anchor=2)[..., 0].tolist() == [[-255, 0], [0, -255]]


@pytest.mark.parametrize(("block", "anchor"), [(1, 1), (2, 0), (2, 5), (3, 10), (2, "median")])
def test_npr_refuses_what_is_out_of_range(block, anchor):
    with pytest.raises(ConfigError, match="NPR"):
        maps.npr(picture(4, 4), block, anchor)


@pytest.mark.parametrize(("text", "anchor"), [("1", 1), ("12", 12), ("mean", "mean"), ("max", "max")])
def test_parse_anchor(text, anchor):
    assert maps.parse_anchor(text) == anchor


@pytest.mark.parametrize("text", ["", "median", "-1", "1.5", "²", "Mean"])
def test_parse_anchor_refuses(text):
    with pytest.raises(ConfigError, match="'mean', 'max' or an index"):
        maps.parse_anchor(text)


def test_differential_is_first_minus_second():
    first, second = picture(9, 7, 1), picture(9, 7, 2)
    for block, anchor in ((2, 1), (3, "mean")):
        signed = maps.differential(first, second, block, anchor)
        expected = by_formula(first, block, anchor) - by_formula(second, block, anchor)
        np.testing.assert_allclose(signed, expected, atol=1e-4)
        magnitude = maps.differential(first, second, block, anchor, absolute=True)
        np.testing.assert_allclose(magnitude, np.abs(expected), atol=1e-4)
    assert not maps.differential(first, first).any()


def test_differential_needs_equal_sizes():
    with pytest.raises(ConfigError, match=r"7x9 and 9x7 pixels: expected the same size"):
        maps.differential(picture(9, 7), picture(7, 9))


def test_scale_limit_joins_maps_and_has_a_floor():
    one, other = np.arange(-50, 51), -np.arange(100, 201)
    joined = np.abs(np.concatenate([one, other]))
    assert maps.scale_limit(one, other, percentile=90) == pytest.approx(np.percentile(joined, 90))
    assert maps.scale_limit(np.zeros((3, 3)), least=1.0) == 1.0


@pytest.mark.parametrize(
    ("size", "longest", "factor"), [((10, 40), 40, 1), ((10, 41), 40, 2), ((90, 5), 30, 3)]
)
def test_reduction(size, longest, factor):
    assert maps.reduction(*size, longest) == factor


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_pool_extreme_keeps_the_strongest(height, width, factor, seed):
    values = np.random.default_rng(seed).integers(-9, 10, (height, width, 2)).astype(np.int16)
    pooled = maps.pool_extreme(values, factor)
    assert pooled.shape == (-(-height // factor), -(-width // factor), 2)
    assert pooled.dtype == values.dtype
    for y, x, c in np.ndindex(*pooled.shape):
        square = values[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor, c].ravel().tolist()
        assert pooled[y, x, c] == max(square, key=lambda v: (abs(v), v))
