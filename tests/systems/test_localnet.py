from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from upprint.export import export
from upprint.systems import create

INPUTS = ("phases", "npr", "npr3", "median", "wavelet", "noise", "pixels")


@pytest.mark.parametrize("representation", INPUTS)
def test_variants_build_and_read_pictures(representation: str) -> None:
    torch.manual_seed(0)
    detector = create("localnet", representation=representation, widths=[4, 8], depths=[1, 1]).eval()
    images = torch.randint(0, 256, (2, 3, 33, 47), dtype=torch.uint8)
    logits = detector(images)
    assert logits.shape == (2,)
    assert logits.isfinite().all()
    assert detector.card.options["representation"] == representation


def test_residuals_are_the_formulas() -> None:
    images = torch.randint(0, 256, (1, 3, 8, 10), generator=torch.Generator().manual_seed(0))
    x = images[0].numpy().astype(float)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).reshape(3, 8, 10, 9)

    def of(name: str) -> np.ndarray:
        detector = create("localnet", representation=name, widths=[4], depths=[1])
        found: np.ndarray = detector.representation(images.to(torch.uint8))[0].numpy()
        return found

    assert np.allclose(of("median"), (x - np.median(windows, -1)) / 8)
    assert np.allclose(of("noise"), (x - windows.mean(-1)) / 8, atol=1e-5)
    assert np.allclose(of("pixels"), (x - 127.5) / 64)
    a, b, c, d = x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]
    details = np.concatenate((a - b + c - d, a + b - c - d, a - b - c + d))
    assert np.allclose(of("wavelet"), details * 4 / 32)


def test_it_exports_with_its_map(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = export(create("localnet"), tmp_path, "localnet")
    assert path.stat().st_size < 8_000_000
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    logit, cam = session.run(None, {"images": images})
    assert logit.shape == (1,)
    assert cam.shape == (1, 8, 8)
