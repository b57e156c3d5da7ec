from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from upprint.evaluate.binomial import cdf, errors_allowed, interval, photos_needed, upper_limit
from upprint.result import ConfigError

counts = st.integers(1, 4000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None, max_examples=40)
@given(counts, st.sampled_from([0.9, 0.95, 0.99]))
def test_upper_limit_is_the_beta_quantile(count: tuple[int, int], confidence: float) -> None:
    errors, n = count
    expected = 1.0 if errors == n else beta.ppf(confidence, errors + 1, n - errors)
    assert upper_limit(errors, n, confidence) == pytest.approx(expected, rel=1e-8)


@settings(deadline=None, max_examples=40)
@given(counts)
def test_interval_is_scipys(count: tuple[int, int]) -> None:
    errors, n = count
    expected = binomtest(errors, n).proportion_ci(0.95, "exact")
    assert interval(errors, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(counts, st.floats(0.0001, 0.9999))
def test_cdf_is_scipys(count: tuple[int, int], rate: float) -> None:
    errors, n = count
    assert cdf(errors, n, rate) == pytest.approx(binom.cdf(errors, n, rate), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(("rate", "errors", "expected"), [(0.01, 0, 299), (0.05, 0, 59), (0.01, 1, 473)])
def test_photos_needed_as_tables_print_them(rate: float, errors: int, expected: int) -> None:
    assert photos_needed(rate, 0.95, errors) == expected
    if errors == 0:
        assert expected == math.ceil(math.log(0.05) / math.log(1 - rate))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5000), st.sampled_from([0.001, 0.01, 0.1]))
def test_errors_allowed_is_the_most(n: int, rate: float) -> None:
    found = errors_allowed(n, rate)
    if found is None:
        assert upper_limit(0, n) > rate
        return
    assert upper_limit(found, n) <= rate * (1 + 1e-9)
    assert upper_limit(found + 1, n) > rate


def test_the_bound_holds_for_a_threshold_chosen_on_the_same_photos() -> None:
    """Uniform logits: the share above the (k + 1)-th highest of 299 exceeds 1 % in 5 % of the cases."""
    rng = np.random.default_rng(0)
    highest = rng.random((20_000, 299)).max(axis=1)
    assert np.mean(1 - highest > 0.01) == pytest.approx(0.05, abs=0.006)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 errors in 2"):
        upper_limit(3, 2)
    with pytest.raises(ConfigError, match="confidence"):
        upper_limit(0, 2, 1.0)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        photos_needed(0)
