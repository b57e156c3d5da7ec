from __future__ import annotations

import numpy as np
import pytest

from upprint.evaluate.tail import exponential_threshold
from upprint.result import ConfigError, MetricError


def test_an_exponential_tail_is_found() -> None:
    logits = np.random.default_rng(0).exponential(2.0, 20_000) - 5
    assert exponential_threshold(logits, 0.001) == pytest.approx(-5 - 2 * np.log(0.001), rel=0.1)


def test_the_formula() -> None:
    logits = np.arange(100.0) ** 1.5
    start, top = logits[89], logits[90:]
    expected = start + (top - start).mean() * np.log(0.1 / 0.001)
    assert exponential_threshold(logits[::-1], 0.001) == pytest.approx(expected)


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="below 0.1"):
        exponential_threshold(np.arange(200.0), 0.2)
    with pytest.raises(MetricError, match="expected at least 100"):
        exponential_threshold(np.arange(99.0), 0.001)
    with pytest.raises(MetricError, match="finite"):
        exponential_threshold(np.full(200, np.nan), 0.001)
    with pytest.raises(MetricError, match="all equal"):
        exponential_threshold(np.zeros(200), 0.001)
