"""How sure a counted share is: exact one-sided limits of a binomial proportion.

Clopper and Pearson (Biometrika 1934), with NumPy alone, so that a threshold can be set where SciPy is not
installed. For a threshold set just above the (k + 1)-th highest of n independent photos, the share of such
photos that it calls generated has the limit of k errors in n (Wilks 1941: coverage of order statistics is
beta distributed), although the threshold was chosen on these photos.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from upprint.result import ConfigError

CONFIDENCE = 0.95


def cdf(errors: int, n: int, rate: float) -> float:
    """P(at most `errors` of n go wrong) where each does with probability `rate`."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return float(errors >= n)
    k = min(errors, n)
    i = np.arange(k + 1)
    terms = _log_choices(k, n) + i * math.log(rate) + (n - i) * math.log1p(-rate)
    largest = float(terms.max())
    return min(1.0, math.exp(largest) * float(np.exp(terms - largest).sum()))


@lru_cache(maxsize=8)
def _log_choices(k: int, n: int) -> NDArray[np.float64]:
    """The logarithms of n over i for i from 0 to k."""
    i = np.arange(k)
    return np.concatenate([[0.0], np.cumsum(np.log((n - i) / (i + 1)))])


def upper_limit(errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """The rate that errors in n leave possible with this confidence, one-sided.

    Raises:
        ConfigError: errors outside 0..n, no photos, or a confidence outside (0, 1).
    """
    _check(errors, n, confidence)
    if errors == n:
        return 1.0
    low, high = errors / n, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if cdf(errors, n, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def interval(errors: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The two-sided interval of a share: both one-sided limits at half of what is left."""
    side = (1 + confidence) / 2
    return 1 - upper_limit(n - errors, n, side), upper_limit(errors, n, side)


def photos_needed(rate: float, confidence: float = CONFIDENCE, errors: int = 0) -> int:
    """The fewest photos with which `errors` errors still bound the rate: 299 for 1 %, 95 %, none."""
    if not 0 < rate < 1:
        raise ConfigError(f"false-positive rate {rate}: expected a number between 0 and 1")
    _check(errors, errors + 1, confidence)
    low, high = errors, errors + 1
    while cdf(errors, high, rate) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cdf(errors, middle, rate) > 1 - confidence else (low, middle)
    return high


def errors_allowed(n: int, rate: float, confidence: float = CONFIDENCE) -> int | None:
    """The most errors in n photos that still bound the rate; None where not even zero errors do."""
    if n < photos_needed(rate, confidence):
        return None
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cdf(middle, n, rate) <= 1 - confidence else (low, middle)
    return low


def _check(errors: int, n: int, confidence: float) -> None:
    if not 0 <= errors <= n or n < 1:
        raise ConfigError(f"{errors} errors in {n} photos: expected 0 to n errors, and at least one photo")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence {confidence}: expected a number between 0 and 1")
