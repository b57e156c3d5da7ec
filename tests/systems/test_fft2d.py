"""FFT-2d against NumPy's FFT and percentiles; bands; the official layout's turned classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from upprint.checkpoints import import_official, load_detector
from upprint.result import ConfigError
from upprint.systems import create


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 3, height, width), dtype=np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (15, 22)])
def test_f_equals_numpy(size: tuple[int, int]) -> None:
    images = pixels(*size)
    found = create("fft2d", depth=10).representation(torch.from_numpy(images)).numpy()
    for image, ours in zip(images, found, strict=True):
        bgr = image[::-1].astype(np.float64) / 255
        for channel, result in zip(bgr, ours, strict=True):
            logs = np.log(np.abs(np.fft.fft2(channel)) + 1e-3)
            p5, p95 = np.percentile(logs, 5), np.percentile(logs, 95)
            expected = np.clip(2 * ((logs - p5) / (p95 - p5) - 0.5), -1, 1)
            np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_bands_are_squares_of_the_shifted_spectrum_and_add_up() -> None:
    images = torch.from_numpy(pixels(224, 224)[:1])
    whole = create("fft2d", depth=10).representation(images)
    kept = {}
    for band in ("low", "middle", "high"):
        found = create("fft2d", band=band, depth=10).representation(images)
        kept[band] = np.fft.fftshift((found[0, 0] != 0).numpy())
        whole = whole - found
    assert not whole.any()
    rows = np.flatnonzero(kept["low"].any(1))
    assert (rows.min(), rows.max()) == (53, 171)
    assert not kept["middle"][53:172, 53:172].any()
    assert not kept["high"][22:203, 22:203].any()


def test_a_flat_picture_is_finite() -> None:
    flat = torch.full((1, 3, 16, 16), 90, dtype=torch.uint8)
    assert create("fft2d", depth=10).representation(flat).isfinite().all()


def test_official_classes_are_turned(tmp_path: Path) -> None:
    """Probability of generated = softmax of the authors' class 0."""
    torch.manual_seed(0)
    donor = create("fft2d", depth=10).eval()
    state = {f"module.{k}": v for k, v in donor.network.net.state_dict().items()}
    torch.save({"epoch": 20, "state_dict": state}, tmp_path / "checkpoint_20.pth")
    done = import_official(
        "fft2d", tmp_path / "checkpoint_20.pth", tmp_path / "o.safetensors", options={"depth": 10}
    )
    assert done.flipped
    images = torch.from_numpy(pixels(64, 64))
    with torch.no_grad():
        ours = load_detector(done.path).eval()(images).sigmoid()
        theirs = donor.network.net.fc(
            donor.network.net.feature_map(donor.representation(images)).mean((2, 3))
        )
    torch.testing.assert_close(ours, theirs.softmax(1)[:, 0])


def test_other_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match="band 'mid'"):
        create("fft2d", band="mid")
