from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import beta, binomtest
from sklearn.linear_model import LogisticRegression

from upprint.evaluate.calibrate import (
    bounded_threshold,
    coverage,
    fit_calibration,
    fit_scale,
    left_out_probabilities,
    threshold_at,
)
from upprint.result import ConfigError, MetricError
from upprint.runtime.calibration import probability


@settings(deadline=None, max_examples=40)
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


def two_classes(n: int = 300, gap: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n, n // 3])
    return labels, rng.normal(3 * gap * labels - 1, 3)


@pytest.mark.parametrize("gap", [0.5, 2.0, 40.0])
def test_both_is_platt_scaling_as_scikit_learn_fits_it(gap: float) -> None:
    """Also where the classes separate, and only the faint penalty keeps the slope finite."""
    labels, logits = two_classes(gap=gap)
    temperature, bias = fit_scale(labels, logits)
    platt = LogisticRegression(C=1e6, class_weight="balanced", tol=1e-10, max_iter=10_000)
    platt.fit(logits[:, None], labels)
    slope, intercept = platt.coef_[0, 0], platt.intercept_[0]
    close = 1e-4 if gap < 10 else 0.05
    assert temperature == pytest.approx(1 / slope, rel=close)
    assert bias == pytest.approx(-intercept / slope, rel=close, abs=0.02)


@pytest.mark.parametrize("method", ["temperature", "bias"])
def test_one_parameter_leaves_the_other_alone(method: str) -> None:
    labels, logits = two_classes()
    weights = np.where(labels == 1, 3.0, 1.0)

    def loss(value: np.ndarray) -> float:
        z = logits / value[0] if method == "temperature" else logits - value[0]
        return float(weights @ np.logaddexp(0, np.where(labels == 1, -z, z)))

    expected = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x[0]
    temperature, bias = fit_scale(labels, logits, method)  # type: ignore[arg-type]
    found, other = (temperature, bias) if method == "temperature" else (bias, temperature)
    assert found == pytest.approx(expected, rel=1e-4)
    assert other == (0 if method == "temperature" else 1)


def test_scales_that_cannot_be_fitted() -> None:
    labels, logits = two_classes()
    with pytest.raises(MetricError, match="do not rank"):
        fit_scale(labels, -logits)
    with pytest.raises(MetricError, match="both classes"):
        fit_scale(labels[labels == 0], logits[labels == 0])
    with pytest.raises(ConfigError, match="both, temperature, bias"):
        fit_scale(labels, logits, "isotonic")  # type: ignore[arg-type]


def test_left_out_probabilities_do_not_see_their_own_picture() -> None:
    labels, logits = two_classes(30)
    found = left_out_probabilities(labels, logits, folds=40 // 4)
    assert found.shape == labels.shape
    temperature, bias = fit_scale(labels, logits)
    own = 1 / (1 + np.exp(-(logits - bias) / temperature))
    assert np.abs(found - own).max() > 1e-4
    assert np.corrcoef(found, own)[0, 1] > 0.95
    with pytest.raises(MetricError, match="at least 5"):
        left_out_probabilities([0] * 9 + [1] * 3, np.zeros(12))


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(299, 2000),
    fpr=st.sampled_from([0.01, 0.02, 0.1]),
    levels=st.sampled_from([3, 50, 10**6]),
)
def test_a_bounded_threshold_holds_its_promise(n: int, fpr: float, levels: int) -> None:
    logits = np.random.default_rng(n).integers(0, levels, n).astype(float)
    found = bounded_threshold(logits, fpr)
    errors = int((logits >= found.threshold).sum())
    assert errors <= found.errors
    assert found.bound == pytest.approx(beta.ppf(0.95, found.errors + 1, n - found.errors), rel=1e-8)
    assert found.bound <= fpr < beta.ppf(0.95, found.errors + 2, n - found.errors - 1)
    lower = logits[logits < found.threshold].max()
    assert (logits >= lower).sum() > found.errors


def test_too_few_photos_says_what_is_needed_and_what_these_can_promise() -> None:
    with pytest.raises(MetricError, match=r"120 photos .* at least 299, 179 more; these can promise 0.025"):
        bounded_threshold(np.zeros(120), 0.01)
    assert bounded_threshold(np.zeros(120), 0.025).errors == 0
    with pytest.raises(MetricError, match="at least 299, 299 more$"):
        bounded_threshold([], 0.01)


def test_coverage_counts_what_the_band_leaves() -> None:
    labels = [0, 0, 0, 0, 1, 1, 1]
    logits = [-2.0, 0.0, 0.5, 1.0, -1.0, 0.9, 3.0]
    found = coverage(labels, logits, inconclusive=0.0, threshold=1.0)
    assert (found.pictures, found.decided, found.right) == (7, 4, 2)
    assert found.decided_share == pytest.approx(4 / 7)
    assert found.accuracy == 0.5
    exact = binomtest(2, 4).proportion_ci(0.95, "exact")
    assert found.accuracy_interval == pytest.approx((exact.low, exact.high))
    assert coverage([0], [0.5], 0.0, 1.0).accuracy is None
    assert coverage(labels, logits, inconclusive=9.0, threshold=1.0).decided == 7
    with pytest.raises(MetricError, match="n >= 1"):
        coverage([], [], 0, 1)
