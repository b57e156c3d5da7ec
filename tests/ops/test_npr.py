"""The operator against Eq. 4 written out pixel by pixel, and its algebra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from upprint.ops.npr import npr
from upprint.result import ConfigError

SIZES = [(1, 1), (1, 4), (2, 3), (5, 7), (6, 6), (8, 12), (9, 10), (13, 4)]
VARIANTS = [
    (block, anchor) for block in (2, 3, 4) for anchor in (*range(1, block * block + 1), "mean", "max")
]


def by_hand(image: np.ndarray, block: int, anchor: int | str) -> np.ndarray:
    """w_i - w_j of one plane, float64, block after block."""
    height, width = image.shape
    out = np.empty((height, width), np.float64)
    for top in range(0, height, block):
        for left in range(0, width, block):
            members = [
                (y, x)
                for y in range(top, min(top + block, height))
                for x in range(left, min(left + block, width))
            ]
            values = [float(image[y, x]) for y, x in members]
            if anchor == "mean":
                reference = sum(values) / len(values)
            elif anchor == "max":
                reference = max(values)
            else:
                down, right = (anchor - 1) // block, (anchor - 1) % block
                reference = float(image[min(top + down, height - 1), min(left + right, width - 1)])
            for y, x in members:
                out[y, x] = float(image[y, x]) - reference
    return out


@pytest.mark.parametrize(("block", "anchor"), VARIANTS)
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_formula_written_out(block: int, anchor: int | str, size: tuple[int, int]) -> None:
    planes = np.random.default_rng(3).integers(0, 256, (2, 3, *size), dtype=np.uint8)
    expected = np.stack([by_hand(plane, block, anchor) for plane in planes.reshape(-1, *size)])
    expected = expected.reshape(planes.shape)
    exact = npr(torch.from_numpy(planes).to(torch.float64), block, anchor)
    np.testing.assert_allclose(exact.numpy(), expected, rtol=0, atol=1e-12)
    bytes_ = npr(torch.from_numpy(planes), block, anchor)
    if anchor == "mean":
        assert bytes_.dtype == torch.float32
        np.testing.assert_allclose(bytes_.numpy(), expected, rtol=0, atol=2e-5)
    else:
        assert bytes_.dtype == torch.int32
        np.testing.assert_array_equal(bytes_.numpy(), expected)


@pytest.mark.parametrize(("block", "anchor"), [(2, 1), (2, 4), (3, 5), (3, "mean"), (2, "max")])
def test_axes_may_lie_anywhere(block: int, anchor: int | str) -> None:
    images = torch.randint(0, 256, (2, 3, 7, 10), dtype=torch.uint8)
    last = npr(images.permute(0, 2, 3, 1).contiguous(), block, anchor, dims=(1, 2))
    torch.testing.assert_close(last.permute(0, 3, 1, 2), npr(images, block, anchor), rtol=0, atol=0)


@pytest.mark.parametrize("anchor", [2, "mean", "max"])
def test_floating_types_are_kept(anchor: int | str) -> None:
    for dtype in (torch.float16, torch.float32, torch.float64):
        assert npr(torch.rand(1, 3, 5, 5, dtype=dtype), 2, anchor).dtype == dtype


def test_equals_nearest_down_and_up() -> None:
    x = torch.rand(2, 3, 16, 22, dtype=torch.float64)
    down = functional.interpolate(x, scale_factor=0.5, mode="nearest")
    up = functional.interpolate(down, scale_factor=2, mode="nearest")
    assert torch.equal(npr(x), x - up)


def test_input_is_left_alone() -> None:
    for images in (torch.randint(0, 256, (1, 3, 6, 6), dtype=torch.int32), torch.rand(1, 3, 6, 6)):
        before = images.clone()
        npr(images)
        assert torch.equal(images, before)


@pytest.mark.parametrize("anchor", [1, 4, "mean"])
def test_gradient_is_that_of_the_formula(anchor: int | str) -> None:
    x = torch.rand(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: npr(t, 2, anchor), (x,))


@pytest.mark.parametrize(
    ("block", "anchor"),
    [
        *[(1, 1), (0, 1), (-2, 1), (2.0, 1), (True, 1), ("2", 1)],
        *[(2, 0), (2, 5), (3, 10), (2, -1), (2, 1.0), (2, True), (2, "min"), (2, "1"), (2, None)],
    ],
)
def test_impossible_variants_are_refused(block: object, anchor: object) -> None:
    with pytest.raises(ConfigError, match=r"NPR (block|anchor)"):
        npr(torch.zeros(1, 3, 4, 4), block, anchor)  # type: ignore[arg-type]


@st.composite
def cases(draw: st.DrawFn) -> tuple[torch.Tensor, int, int | str]:
    block = draw(st.integers(2, 5))
    anchor = draw(st.one_of(st.integers(1, block * block), st.sampled_from(["mean", "max"])))
    shape = (3, draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    seed = draw(st.integers(0, 2**32 - 1))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(pixels), block, anchor


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(0, 255))
def test_constant_images_have_no_relations(case: tuple[torch.Tensor, int, int | str], grey: int) -> None:
    image, block, anchor = case
    assert not npr(torch.full_like(image, grey), block, anchor).any()


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(-1000, 1000))
def test_adding_a_constant_changes_nothing(case: tuple[torch.Tensor, int, int | str], shift: int) -> None:
    image, block, anchor = case
    wide = image.to(torch.float64)
    torch.testing.assert_close(npr(wide + shift, block, anchor), npr(wide, block, anchor), rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_the_anchor_itself_is_zero(case: tuple[torch.Tensor, int, int | str]) -> None:
    image, block, anchor = case
    relations = npr(image, block, anchor)
    if isinstance(anchor, int):
        down, right = divmod(anchor - 1, block)
        assert not relations[:, down::block, right::block].any()
    elif anchor == "max":
        assert relations.max() == 0
        assert (relations == 0).any()
    else:
        full = relations[:, : relations.shape[1] // block * block, : relations.shape[2] // block * block]
        sums = full.unflatten(2, (-1, block)).unflatten(1, (-1, block)).sum((2, 4))
        assert sums.abs().lt(1e-2).all()


@settings(deadline=None, max_examples=40)
@given(cases())
def test_nearest_upsampling_leaves_nothing(case: tuple[torch.Tensor, int, int | str]) -> None:
    image, block, anchor = case
    enlarged = image.repeat_interleave(block, 1).repeat_interleave(block, 2)
    assert not npr(enlarged, block, anchor).any()
