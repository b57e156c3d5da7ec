from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from upprint.evaluate.delong import delong
from upprint.result import MetricError


def by_the_formula(labels: np.ndarray, scores: list[np.ndarray]) -> tuple[float, float]:
    """DeLong et al. 1988, equations 4 to 6, pair by pair: difference and its variance."""
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    m, n = len(positive), len(negative)

    def psi(x: float, y: float) -> float:
        return 1.0 if x > y else 0.5 if x == y else 0.0

    v10 = np.array([[np.mean([psi(s[i], s[j]) for j in negative]) for i in positive] for s in scores])
    v01 = np.array([[np.mean([psi(s[i], s[j]) for i in positive]) for j in negative] for s in scores])
    covariance = np.cov(v10) / m + np.cov(v01) / n
    contrast = np.array([1.0, -1.0])
    return float(contrast @ v10.mean(axis=1)), float(contrast @ covariance @ contrast)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(3, 30))
def test_delong_is_the_formula(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.array([0] * 9 + [1] * 7)
    a, b = rng.integers(0, levels, (2, 16)).astype(float)
    found = delong(labels, a, b)
    difference, variance = by_the_formula(labels, [a, b])
    assert found.difference == pytest.approx(difference)
    assert found.difference == pytest.approx(roc_auc_score(labels, a) - roc_auc_score(labels, b))
    assert found.error == pytest.approx(math.sqrt(max(variance, 0)), abs=1e-7)
    if found.error > 0:
        assert found.p == pytest.approx(2 * norm.sf(abs(difference) / found.error), rel=1e-6)


def test_a_doubled_picture_of_one_source_adds_no_certainty() -> None:
    rng = np.random.default_rng(3)
    labels = np.array([0] * 40 + [1] * 40)
    a, b = rng.normal(labels * 1.0), rng.normal(labels * 0.5)
    sources = [str(i) for i in range(80)]
    once = delong(labels, a, b, sources)
    twice = [np.concatenate([x, x]) for x in (labels, a, b)]
    assert delong(*twice, sources * 2).error == pytest.approx(once.error)
    assert delong(*twice).error < 0.8 * once.error


def test_pairs_of_photo_and_twin_count_together() -> None:
    """With sources, covariance within a pair enters; simulated spread is the judge."""
    rng = np.random.default_rng(0)
    labels = np.array([0] * 60 + [1] * 60)
    sources = [str(i) for i in range(60)] * 2
    seen, told, naive = [], [], []
    for _ in range(300):
        scene = rng.normal(0, 3, 60)
        a = np.concatenate([scene, scene]) + rng.normal(labels * 1.0, 0.3)
        b = rng.normal(labels * 1.0)
        found = delong(labels, a, b, sources)
        seen.append(found.difference)
        told.append(found.error)
        naive.append(delong(labels, a, b).error)
    assert np.mean(told) == pytest.approx(np.std(seen), rel=0.12)
    assert np.mean(naive) > 1.2 * np.std(seen)


def test_equal_systems_and_bad_input() -> None:
    labels, scores = [0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8]
    assert delong(labels, scores, scores) == delong(labels, scores, np.multiply(scores, 2.0))
    assert delong(labels, scores, scores).p == 1
    assert delong([0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]).p == 0
    with pytest.raises(MetricError, match="expected 2 each"):
        delong([0, 1, 1], [0, 1, 1], [0, 1, 1])
    with pytest.raises(MetricError, match="finite"):
        delong(labels, scores, [0, 0, 0, np.nan])
