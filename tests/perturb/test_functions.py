"""Every perturbation against Pillow, SciPy or its formula."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from upprint import perturb
from upprint.perturb import parse
from upprint.perturb.chains import COMBINATION, SOCIAL


@pytest.fixture
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 60)[None, :, None] + np.linspace(0, 40, 48)[:, None, None]
    return np.clip(ramp + rng.normal(0, 8, (48, 60, 3)), 0, 255).astype(np.uint8)


def close(found: np.ndarray, exact: np.ndarray) -> None:
    """Equal to the exact values but for rounding: nowhere off by more than half a level and a hair."""
    assert np.abs(found - np.clip(exact, 0, 255)).max() <= 0.5 + 1e-3


def test_jpeg_is_pillows_jpeg(pixels: np.ndarray) -> None:
    for quality, subsampling, code in ((75, "420", 2), (90, "444", 0), (60, "422", 1)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=code)
        expected = np.asarray(Image.open(buffer).convert("RGB"))
        assert np.array_equal(parse(f"jpeg({quality},{subsampling})")(pixels, 3), expected)
        assert np.array_equal(perturb.jpeg(pixels, quality, int(subsampling)), expected)


def test_webp_round_trip(pixels: np.ndarray) -> None:
    out = parse("webp(80)")(pixels, 0)
    assert out.shape == pixels.shape
    assert 0 < np.abs(out.astype(int) - pixels).mean() < 20


@pytest.mark.parametrize("kernel", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_resize_size_and_kernel(pixels: np.ndarray, kernel: str) -> None:
    expected = Image.fromarray(pixels).resize((30, 24), Image.Resampling[kernel.upper()])
    assert np.array_equal(parse(f"resize(0.5,{kernel})")(pixels, 0), np.asarray(expected))


def test_resize_defaults_to_bicubic_and_keeps_a_pixel(pixels: np.ndarray) -> None:
    assert np.array_equal(parse("resize(0.5)")(pixels, 0), parse("resize(0.5,bicubic)")(pixels, 0))
    assert parse("resize(0.01)")(pixels, 0).shape == (1, 1, 3)


def test_fit_limits_the_longer_side_and_never_enlarges(pixels: np.ndarray) -> None:
    assert parse("fit(30)")(pixels, 0).shape == (24, 30, 3)
    assert parse("fit(30)")(pixels.transpose(1, 0, 2), 0).shape == (30, 24, 3)
    assert parse("fit(61)")(pixels, 0) is pixels


def test_crop_is_central_on_the_jpeg_grid(pixels: np.ndarray) -> None:
    assert np.array_equal(parse("crop(20)")(pixels, 0), pixels[8:28, 16:36])
    assert np.array_equal(parse("crop(1000)")(pixels, 0), pixels)


def test_zoom_enlarges_a_crop_that_is_drawn_everywhere(pixels: np.ndarray) -> None:
    places = set()
    for seed in range(60):
        rng, again = np.random.default_rng(seed), np.random.default_rng(seed)
        down, right = again.random(2)
        top, left = int(down * 11), int(right * 13)  # 20 % of 48 and of 60 pixels, and one
        places.add((top, left))
        kept = Image.fromarray(pixels[top : top + 38, left : left + 48])
        expected = np.asarray(kept.resize((60, 48), Image.Resampling.BICUBIC))
        assert np.array_equal(perturb.zoom(pixels, 20, rng), expected)
    assert {top for top, _ in places} == set(range(11))
    assert {left for _, left in places} == set(range(13))


def test_through_goes_to_a_square_and_back(pixels: np.ndarray) -> None:
    small = Image.fromarray(pixels).resize((20, 20), Image.Resampling.BILINEAR)
    expected = np.asarray(small.resize(pixels.shape[1::-1], Image.Resampling.BILINEAR))
    assert np.array_equal(parse("through(20)")(pixels, 0), expected)
    assert parse("through(64..256)")(pixels, 3).shape == pixels.shape


@settings(deadline=None, max_examples=30)
@given(sigma=st.floats(0.2, 8), seed=st.integers(0, 9))
def test_blur_is_scipys(sigma: float, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (17, 24, 3), np.uint8)
    exact = ndimage.gaussian_filter(pixels.astype(float), (sigma, sigma, 0), mode="reflect", truncate=4.0)
    close(perturb.blur(pixels, sigma), exact)


@pytest.mark.parametrize(("size", "sigma"), [(3, 0.8), (5, 1.1), (7, 1.4), (9, 1.7)])
def test_kernel_is_the_truncated_gaussian_of_the_rule(pixels: np.ndarray, size: int, sigma: float) -> None:
    line = np.exp(-0.5 * (np.arange(size) - size // 2) ** 2 / sigma**2)
    line /= line.sum()
    exact = ndimage.convolve(pixels.astype(float), np.outer(line, line)[..., None], mode="reflect")
    close(perturb.kernel(pixels, size), exact)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_median_is_scipys(pixels: np.ndarray, size: int) -> None:
    expected = ndimage.median_filter(pixels, (size, size, 1), mode="nearest")
    assert np.array_equal(perturb.median(pixels, size), expected)


def test_sharpen_is_unsharp_masking(pixels: np.ndarray) -> None:
    exact = pixels.astype(float)
    smooth = ndimage.gaussian_filter(exact, (1.5, 1.5, 0), mode="reflect", truncate=4.0)
    close(perturb.sharpen(pixels, 0.8, 1.5), exact + 0.8 * (exact - smooth))


def test_screenshot_is_resample_and_sharpen(pixels: np.ndarray) -> None:
    small = np.asarray(Image.fromarray(pixels).resize((45, 36), Image.Resampling.BILINEAR)).astype(float)
    smooth = ndimage.gaussian_filter(small, (0.7, 0.7, 0), mode="reflect", truncate=4.0)
    close(perturb.screenshot(pixels, 0.75), small + 0.5 * (small - smooth))


def test_noise_has_the_stated_deviation() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    for text, deviation in (("noise(5)", 5.0), ("noisevar(16)", 4.0)):
        drawn = parse(text)(grey, 1).astype(float) - 128
        assert abs(drawn.std() - deviation) < 0.1
        assert abs(drawn.mean()) < 0.1


@pytest.mark.parametrize("exponent", [0.45, 1.0, 2.2])
def test_gamma_is_the_formula(exponent: float) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    expected = [round(255 * (value / 255) ** exponent) for value in range(256)]
    assert perturb.gamma(ramp, exponent)[..., 1].ravel().tolist() == expected


def test_named_chains_are_the_texts_they_document(pixels: np.ndarray) -> None:
    large = np.asarray(Image.fromarray(pixels).resize((600, 480)))
    for (name,), text in SOCIAL.items():
        assert np.array_equal(parse(f"social({name})")(large, 0), parse(text)(large, 0))
    assert max(parse("social(preview)")(large, 0).shape) == 320


def test_combination_follows_both_orders() -> None:
    orders = {
        key: [step.split("*")[1].split("(")[0] for step in text.split("|")]
        for key, text in COMBINATION.items()
    }
    assert orders == {
        ("stated", "variance"): ["jpeg", "kernel", "zoom", "noisevar"],
        ("stated", "deviation"): ["jpeg", "kernel", "zoom", "noise"],
        ("restated", "variance"): ["zoom", "kernel", "jpeg", "noisevar"],
        ("restated", "deviation"): ["zoom", "kernel", "jpeg", "noise"],
    }


def test_combination_leaves_the_share_untouched_that_four_coins_leave() -> None:
    """1/16, and another 1/16 x 1/5 where the only step is the blur by a kernel of one pixel."""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    chain = parse("combination(restated,variance)")
    same = sum(np.array_equal(chain(pixels, seed), pixels) for seed in range(600))
    assert abs(same / 600 - 0.075) < 4 * (0.075 * 0.925 / 600) ** 0.5


def test_the_page_states_the_named_chains() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "perturbations.md"
    stated = dict(
        re.findall(r"^((?:social|combination)\([a-z,]+\)) +(\S+)$", page.read_text("utf-8"), re.MULTILINE)
    )
    known = {f"social({','.join(words)})": text for words, text in SOCIAL.items()}
    known |= {
        f"combination({','.join(words)})": text for words, text in COMBINATION.items() if "variance" in words
    }
    assert stated == known
