from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from upprint.perturb import KINDS, parse
from upprint.result import ConfigError


@pytest.fixture
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 60)[None, :, None] + np.linspace(0, 40, 48)[:, None, None]
    return np.clip(ramp + rng.normal(0, 8, (48, 60, 3)), 0, 255).astype(np.uint8)


def test_empty_text_changes_nothing(pixels: np.ndarray) -> None:
    assert np.array_equal(parse("")(pixels, 0), pixels)


def test_jpeg_is_pillows_jpeg(pixels: np.ndarray) -> None:
    for quality, subsampling, code in ((75, "420", 2), (90, "444", 0), (60, "422", 1)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=code)
        expected = np.asarray(Image.open(buffer).convert("RGB"))
        assert np.array_equal(parse(f"jpeg({quality},{subsampling})")(pixels, 3), expected)


def test_resize_size_and_kernel(pixels: np.ndarray) -> None:
    out = parse("resize(0.5)")(pixels, 0)
    assert np.array_equal(out, np.asarray(Image.fromarray(pixels).resize((30, 24), Image.Resampling.BICUBIC)))
    assert parse("resize(0.01)")(pixels, 0).shape == (1, 1, 3)


def test_crop_is_central_on_the_jpeg_grid(pixels: np.ndarray) -> None:
    assert np.array_equal(parse("crop(20)")(pixels, 0), pixels[8:28, 16:36])
    assert np.array_equal(parse("crop(1000)")(pixels, 0), pixels)


def test_noise_has_the_stated_deviation() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    drawn = parse("noise(5)")(grey, 1).astype(float) - 128
    assert abs(drawn.std() - 5) < 0.1
    assert abs(drawn.mean()) < 0.1


def test_webp_round_trip(pixels: np.ndarray) -> None:
    out = parse("webp(80)")(pixels, 0)
    assert out.shape == pixels.shape
    assert 0 < np.abs(out.astype(int) - pixels).mean() < 20


@given(seed=st.integers(0, 2**31 - 1))
def test_same_seed_same_draws_whatever_the_picture(seed: int) -> None:
    chain = parse("0.5*resize(0.5..1.5)|0.5*crop(10..40)")
    black, white = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)
    assert chain(black, seed).shape == chain(white, seed).shape
    assert np.array_equal(chain(white, seed), chain(white, seed))


def test_probability_is_the_share_of_applications(pixels: np.ndarray) -> None:
    chain = parse("0.3*crop(8)")
    applied = sum(chain(pixels, seed).shape == (8, 8, 3) for seed in range(1000))
    assert 250 < applied < 350


def test_ranges_cover_their_interval(pixels: np.ndarray) -> None:
    widths = {parse("crop(10..30)")(pixels, seed).shape[0] for seed in range(300)}
    assert widths == set(range(10, 31))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("jpg(75)", "position 0.*nearest: 'jpeg'"),
        ("jpeg(75)|rezise(0.5)", "position 9.*nearest: 'resize'"),
        ("jpeg(75)| ", "position 10"),
        ("jpeg", "not name"),
        ("jpeg()", "takes 1 to 2 arguments"),
        ("jpeg(0)", "expected 1"),
        ("jpeg(95..75)", "low <= high"),
        ("jpeg(75,411)", "subsampling"),
        ("jpeg(75,420..444)", "subsampling"),
        ("resize(x)", "'x' is not a number"),
        ("1.5*crop(8)", "probability 1.5"),
        ("..*crop(8)", "not a number"),
        ("resize(nan)", "expected"),
    ],
)
def test_malformed_text_names_position_and_way_out(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse(text)


def test_every_kind_is_reachable_from_text(pixels: np.ndarray) -> None:
    for name in KINDS:
        out = parse(f"{name}(16)")(pixels, 0)
        assert out.dtype == np.uint8
        assert out.shape[2] == 3
