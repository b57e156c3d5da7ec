import io

import numpy as np
import pytest
from PIL import Image

from upprint.audit import traces


def through(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def trace(image: Image.Image) -> traces.JpegTrace:
    found = traces.jpeg_trace(traces.luma(np.asarray(image)))
    assert found is not None
    return found


@pytest.fixture
def plain(sets) -> Image.Image:
    return sets.picture(np.random.default_rng(3), 192, 192)


def test_the_dct_is_orthonormal() -> None:
    matrix = traces.dct_matrix(8)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(8), atol=1e-6)
    block = np.outer(np.ones(8), np.cos(np.pi * (2 * np.arange(8) + 1) / 16))
    coefficients = matrix @ block @ matrix.T
    assert abs(coefficients[0, 1]) > 5
    coefficients[0, 1] = 0
    assert np.abs(coefficients).max() < 1e-5


def test_the_zigzag_is_the_standards() -> None:
    assert traces._ZIGZAG[:6] == [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]
    assert traces._ZIGZAG[-1] == (7, 7)


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_a_jpeg_history_is_found_with_its_quality(plain: Image.Image, quality: int) -> None:
    assert trace(plain).comb < traces.COMB_FOUND / 2
    assert trace(plain).quality is None
    found = trace(through(plain, quality))
    assert found.comb > 2 * traces.COMB_FOUND
    assert found.quality == pytest.approx(quality, abs=3)
    assert found.offset == (0, 0)


@pytest.mark.parametrize("corner", [(3, 5), (7, 0)])
def test_the_grid_is_found_where_it_starts(plain: Image.Image, corner: tuple[int, int]) -> None:
    left, top = corner
    cropped = through(plain, 60).crop((left, top, 184 + left, 184 + top))
    found = trace(cropped)
    assert found.offset == ((-left) % 8, (-top) % 8)
    assert found.quality == pytest.approx(60, abs=3)


def test_resampling_is_told_from_its_absence(plain: Image.Image) -> None:
    def measured(image: Image.Image) -> traces.Resampling:
        found = traces.resampling(traces.luma(np.asarray(image)))
        assert found is not None
        return found

    grown = measured(plain.resize((288, 288), Image.Resampling.BICUBIC))
    doubled = measured(plain.resize((384, 384), Image.Resampling.BILINEAR))
    never = measured(plain)
    assert grown.periodic > never.periodic + 0.7
    assert doubled.doubling > never.doubling + 0.5
    assert grown.detail < never.detail - 0.2
    assert measured(through(plain, 50)).doubling < doubled.doubling / 4  # JPEG's grid is no doubling


def test_small_and_flat_pictures_are_undefined() -> None:
    small = np.zeros((16, 40, 3), np.uint8)
    assert traces.jpeg_trace(traces.luma(small)) is None
    assert traces.resampling(traces.luma(small)) is None
    flat = traces.luma(np.full((64, 64, 3), 9, np.uint8))
    assert traces.resampling(flat) is None
    found = traces.jpeg_trace(flat)
    assert found is not None
    assert (found.comb, found.quality) == (0.0, None)


def test_luma_is_the_centre_on_the_grid() -> None:
    pixels = np.zeros((600, 700, 3), np.uint8)
    pixels[40, 88] = 255
    y = traces.luma(pixels)
    assert y.shape == (512, 512)
    assert y[0, 0] == pytest.approx(255, abs=0.01)
