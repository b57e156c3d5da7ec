"""The benchmarks' own arithmetic, where a mistake would flatter a figure."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = str(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.fixture
def support(monkeypatch):
    """Imports a module of benchmarks/support."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield lambda name: import_module(f"support.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "support"]:
        del sys.modules[name]


def test_official_logits_are_those_of_the_detector(support):
    from upprint.systems import create

    official = support("official")
    torch.manual_seed(0)
    detector = create("npr").eval()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    with torch.inference_mode():
        found = official.logits_of(detector.network, official.normalised(pixels))
        expected = detector(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_normalised_is_the_formula(support):
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    found = support("official").normalised(pixels)
    expected = [
        (v / 255 - m) / s
        for v, m, s in zip((0, 128, 255), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    ]
    assert found.shape == (3, 1, 1)
    np.testing.assert_allclose(found.flatten(), expected, rtol=1e-5)


def test_ratios_are_taken_within_a_round(support):
    report = support("report")
    fast = [{"pictures": 10, "seconds": 1.0}, {"pictures": 10, "seconds": 4.0}]
    slow = [{"pictures": 10, "seconds": 2.0}, {"pictures": 10, "seconds": 12.0}]
    assert report.ratios(fast, slow) == (2.0, 3.0)
    claim = report.Claim("x", 2.6, report.ratios(fast, slow)).as_json()
    assert (claim["median"], claim["min"], claim["max"], claim["reached"]) == (2.5, 2.0, 3.0, False)
    assert report.Claim("x", 2.5, (2.5,), sense="at most").as_json()["reached"] is True


def test_agreement_counts_flips(support):
    answers = {
        "a": {"logits": [1.0, -1.0, 0.5], "verdicts": ["g", "n", "g"]},
        "b": {"logits": [0.75, 1.0, 0.5], "verdicts": ["i", "g", "g"]},
    }
    found = support("report").agreement(answers, "a")["arms"]["b"]
    assert (found["largest_logit_difference"], found["sign_flips"], found["verdict_flips"]) == (2.0, 1, 2)


def test_pictures_are_seeded_and_fall_off_as_natural_ones(support):
    pictures = support("pictures")
    first, again, other = (next(pictures.pictures(1, 128, 128, seed=seed, fields=2)) for seed in (5, 5, 6))
    assert first.shape == (128, 128, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    plane = pictures.field(np.random.default_rng(0), 256)
    power = np.abs(np.fft.rfft2(plane))[:, 0][1:65]
    slope = np.polyfit(np.log(np.arange(1, 65)), np.log(power), 1)[0]
    assert -1.4 < slope < -0.6


def test_enlarged_pictures_are_spread_evenly(support, tmp_path, monkeypatch):
    pictures = support("pictures")
    marks = iter(range(100))
    monkeypatch.setattr(
        pictures,
        "pictures",
        lambda count, *_, enlarged=False, **__: iter([enlarged] * count),
    )
    monkeypatch.setattr(pictures, "jpeg", lambda enlarged: bytes([enlarged, next(marks)]))
    paths = pictures.write_folder(tmp_path / "f", 7, 8, 8, seed=0, enlarged=0.5)
    kinds = [Path(path).read_bytes()[0] for path in paths]
    assert sum(kinds) == round(7 * 0.5)
    assert all(abs(sum(kinds[:n]) - n * sum(kinds) / 7) < 1 for n in range(1, 8))


def test_random_model_has_logits_as_a_trained_one(support, tmp_path, monkeypatch):
    from upprint.checkpoints import load_detector

    model = support("model")
    exported = {}

    def export(detector, folder, name, *, card):
        exported.update(detector=detector, card=card)
        return folder / f"{name}.onnx"

    monkeypatch.setattr("upprint.export.export", export)
    made = model.random_model(tmp_path)
    detector = load_detector(made.safetensors, system="npr").eval()
    draws = [
        picture
        for enlarged in (False, True)
        for picture in support("pictures").pictures(8, 128, 128, seed=9, enlarged=enlarged, fields=4)
    ]
    with torch.inference_mode():
        logits = detector(torch.from_numpy(np.stack(draws).transpose(0, 3, 1, 2).copy()))
    assert 1 < logits.std() < 10
    assert abs(logits.mean()) < 5
    assert exported["card"].calibration.photos == 0


def test_a_failing_arm_is_reported(support, monkeypatch):
    arms = support("arms")
    with arms.Launcher(shared=True) as launcher, pytest.raises(RuntimeError, match="no_such"):
        launcher.open("support.peak:no_such")
