from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upprint.evaluate.calibrate import fit_calibration, threshold_at
from upprint.result import ConfigError, MetricError
from upprint.runtime.calibration import probability


@given(
    logits=st.lists(st.integers(-20, 20), min_size=20, max_size=200),
    fpr=st.sampled_from([0.05, 0.1, 0.5]),
)
def test_threshold_is_the_smallest_that_keeps_the_rate(logits: list[int], fpr: float) -> None:
    scores = np.array(logits, float)
    found = threshold_at(scores, fpr)
    assert (scores >= found).mean() <= fpr
    lower = scores[scores < found].max()
    assert (scores >= lower).mean() > fpr


def test_too_few_photos_for_the_rate() -> None:
    with pytest.raises(MetricError, match="at least 100"):
        threshold_at(np.zeros(99), 0.01)
    with pytest.raises(MetricError, match="finite"):
        threshold_at(np.full(100, np.nan), 0.01)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        threshold_at(np.zeros(10), 0)


def test_probability_recovers_a_known_logistic() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(0, 3, 40_000)
    labels = rng.random(len(latent)) < 1 / (1 + np.exp(-latent))
    logits = 2 * latent + 1
    found = fit_calibration(
        {"as is": logits[~labels]}, logits[labels], fprs=("0.01",), inconclusive_fpr=0.1, data="drawn"
    )
    assert found.temperature == pytest.approx(2, rel=0.05)
    assert found.bias == pytest.approx(1, abs=0.15)
    assert probability(1.0, found) == pytest.approx(0.5, abs=0.03)


def test_thresholds_hold_in_every_form() -> None:
    rng = np.random.default_rng(1)
    forms = {"original": rng.normal(-3, 1, 500), "jpeg(75)": rng.normal(-1, 1, 500)}
    found = fit_calibration(
        forms, rng.normal(3, 1, 100), fprs=("0.01", "0.05"), inconclusive_fpr=0.1, data="drawn"
    )
    for text, threshold in found.thresholds.items():
        assert all((logits >= threshold).mean() <= float(text) for logits in forms.values())
    assert found.inconclusive < found.thresholds["0.05"] < found.thresholds["0.01"]
    assert found.photos == 500
    assert found.default_fpr == "0.01"


def test_reversed_scores_and_bad_rates_are_refused() -> None:
    with pytest.raises(MetricError, match="do not rank"):
        fit_calibration({"a": np.ones(100)}, -np.ones(100), fprs=("0.05",), inconclusive_fpr=0.1, data="")
    with pytest.raises(ConfigError, match="inconclusive"):
        fit_calibration({"a": np.ones(100)}, np.ones(9), fprs=("0.2",), inconclusive_fpr=0.1, data="")
