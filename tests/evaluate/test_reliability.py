from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve

from upprint.evaluate.reliability import draw, reliability
from upprint.result import ConfigError, MetricError


def drawn(n: int = 4000, *, tilt: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    p = rng.random(n)
    return (rng.random(n) < p**tilt).astype(int), p


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("count", "quantile")])
def test_bins_are_scikit_learns(binning: str, strategy: str) -> None:
    labels, p = drawn(997)
    found = reliability(labels, p, bins=8, binning=binning, draws=1)  # type: ignore[arg-type]
    share, probability = calibration_curve(labels, p, n_bins=8, strategy=strategy)
    assert [b.share for b in found.bins] == pytest.approx(share.tolist())
    assert [b.probability for b in found.bins] == pytest.approx(probability.tolist())
    assert sum(b.pictures for b in found.bins) == 997


def test_ece_is_the_loop() -> None:
    labels, p = drawn(500, tilt=2.0)
    expected = 0.0
    for k in range(10):
        inside = (p > k / 10) & (p <= (k + 1) / 10)
        expected += inside.sum() / 500 * abs(labels[inside].mean() - p[inside].mean())
    found = reliability(labels, p, draws=200)
    assert found.ece == pytest.approx(expected)
    assert found.low <= found.ece <= found.high
    assert found.ece > 0.1


def test_a_perfect_scale_has_little_error_and_a_tilted_one_more() -> None:
    good, bad = (reliability(*drawn(tilt=tilt), draws=100) for tilt in (1.0, 2.0))
    assert good.high < 0.04
    assert bad.low > 0.12


def test_copies_of_a_source_narrow_nothing() -> None:
    labels, p = drawn(200, tilt=1.5)
    sources = [str(i) for i in range(200)]
    once = reliability(labels, p, sources, draws=400)
    many = reliability(np.repeat(labels, 9), np.repeat(p, 9), np.repeat(sources, 9).tolist(), draws=400)
    assert many.ece == pytest.approx(once.ece)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.2)
    alone = reliability(np.repeat(labels, 9), np.repeat(p, 9), draws=400)
    assert alone.high - alone.low < 0.6 * (once.high - once.low)


def test_one_probability_for_all() -> None:
    found = reliability([0, 1, 1, 1], [0.5] * 4, binning="count", draws=10)
    assert len(found.bins) == 1
    assert found.ece == pytest.approx(0.25)


def test_bad_input() -> None:
    with pytest.raises(MetricError, match="equal"):
        reliability([], [])
    with pytest.raises(MetricError, match="from 0 to 1"):
        reliability([0, 1], [0.5, 1.5])
    with pytest.raises(ConfigError, match="bins"):
        reliability([0, 1], [0.5, 0.5], bins=0)


def test_the_diagram_is_drawn(tmp_path: Path) -> None:
    found = reliability(*drawn(300), bins=4, draws=20)
    draw(found, tmp_path / "r.png", "a title")
    with Image.open(tmp_path / "r.png") as image:
        assert len(np.unique(np.asarray(image.convert("L")))) > 20
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(found, tmp_path / "missing" / "r.png", "t")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(found, tmp_path / "r.nosuch", "t")
