"""The arithmetic of long runs, where a mistake would hide a leak."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.fixture
def series(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield import_module("support.series")
    for name in [name for name in sys.modules if name.partition(".")[0] == "support"]:
        del sys.modules[name]


def test_slope_is_that_of_a_line_in_noise_with_a_peak(series):
    rng = np.random.default_rng(0)
    values = [(i, 300 + 0.02 * i + float(rng.normal(0, 1))) for i in range(0, 2000, 5)]
    values[150] = (values[150][0], 900.0)
    found = series.slope(values)
    assert found.value == pytest.approx(0.02, rel=0.05)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.005


def test_slope_without_growth_has_an_interval_round_zero(series):
    rng = np.random.default_rng(1)
    found = series.slope([(i, 300 + float(rng.normal(0, 1))) for i in range(400)])
    assert found.low < 0 < found.high


def test_slope_needs_a_sample_for_each_block(series):
    with pytest.raises(ValueError, match="at least 20"):
        series.slope([(i, 1.0) for i in range(19)])


def test_quarters_are_those_of_the_run(series):
    took = [(i, 0.001 * (1 + i // 25)) for i in range(100)]
    found = series.quarters(took, 100)
    assert [part["p50_milliseconds"] for part in found.values()] == pytest.approx([1, 2, 3, 4])
    assert list(series.quarters([(99, 1.0)], 100)) == ["quarter_4"]
    assert series.milliseconds([]) == {}
