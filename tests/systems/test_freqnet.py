"""FreqNet: high-pass filters against NumPy in the authors' order, the frequency layer, keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upprint.ops.highpass import cut_channels, cut_space
from upprint.systems import create


@pytest.mark.parametrize("size", [(8, 12), (9, 7), (16, 5)])
def test_cut_in_space(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, *size))
    spectrum = np.fft.fftshift(np.fft.fft2(x, norm="ortho"), axes=(2, 3))
    h, w = size
    spectrum[:, :, h // 2 - h // 4 : h // 2 + h // 4, w // 2 - w // 4 : w // 2 + w // 4] = 0
    expected = np.fft.ifft2(np.fft.ifftshift(spectrum, axes=(2, 3)), norm="ortho").real
    np.testing.assert_allclose(cut_space(torch.from_numpy(x)).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("channels", [3, 8, 64])
def test_cut_over_channels(channels: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, channels, 4, 5))
    spectrum = np.fft.fftshift(np.fft.fft(x, axis=1, norm="ortho"), axes=1)
    spectrum[:, channels // 2 - channels // 4 : channels // 2 + channels // 4] = 0
    expected = np.fft.ifft(np.fft.ifftshift(spectrum, axes=1), axis=1, norm="ortho").real
    np.testing.assert_allclose(cut_channels(torch.from_numpy(x)).numpy(), expected, atol=1e-12)


def test_frequency_layer() -> None:
    torch.manual_seed(0)
    network = create("freqnet", side=32).network
    x = torch.randn(1, 64, 6, 9)
    spectrum = np.fft.fft2(x.double().numpy(), norm="ortho")
    real = np.einsum("oi,nihw->nohw", network.realconv1.weight[..., 0, 0].detach().double(), spectrum.real)
    imag = np.einsum("oi,nihw->nohw", network.imagconv1.weight[..., 0, 0].detach().double(), spectrum.imag)
    expected = np.maximum(np.fft.ifft2(real + 1j * imag, norm="ortho").real, 0)
    found = network._frequency_layer(x, 1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_keys() -> None:
    with torch.device("meta"):
        state = create("freqnet").network.state_dict()
    own = {key for key in state if not key.startswith(("layer", "fc1"))}
    assert own == {
        *(f"{part}{i}" for i in (1, 2, 3, 4) for part in ("weight", "bias")),
        *(f"{part}conv{i}.weight" for i in (1, 2, 3, 4) for part in ("real", "imag")),
    }
    assert state["weight1"].shape == (64, 3, 1, 1)
    assert state["fc1.weight"].shape == (1, 512)
