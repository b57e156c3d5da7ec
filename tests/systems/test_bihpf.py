"""BiHPF: our two filters written out with NumPy and SciPy; the card says whose reading it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from upprint.systems import card_of, create
from upprint.systems.bihpf import background, high_pass


def test_the_card_says_that_it_is_an_interpretation() -> None:
    card = card_of("bihpf")
    assert not card.faithful
    assert "our interpretation" in card.title


@pytest.mark.parametrize("size", [(24, 24), (21, 30)])
def test_f(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 3, *size), dtype=np.uint8)
    x = images[0] / 127.5 - 1
    expected = []
    for channel in x:
        residual = channel - gaussian_filter(channel, 1.0, mode="mirror", truncate=3)
        spectrum = np.fft.fftshift(np.abs(np.fft.fft2(residual * background(*size).numpy())))
        expected.append(np.log1p(spectrum * high_pass(*size, 0.25).numpy()))
    found = create("bihpf", depth=10).representation(torch.from_numpy(images))[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weights() -> None:
    place, frequency = background(64, 64), high_pass(64, 64, 0.25)
    assert place[32, 32] < 0.01
    assert place[0, 0] == 1
    assert frequency[32, 32] == frequency[32, 32 + 15] == 0
    assert frequency[32, 32 + 21] == frequency[0, 0] == 1
    assert 0.4 < frequency[32, 32 + 18] < 0.6
    assert (np.diff(place[32, 32:].numpy()) >= 0).all()
