from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upprint.card import Calibration, SystemCard
from upprint.result import CardError, ConfigError, Verdict
from upprint.runtime.calibration import check, probability, resolve_fpr, threshold_key, verdict

SCALE = Calibration(0.8, -0.3, {"0.05": 0.2, "0.01": 1.5, "0.001": 2.5}, "0.01", -1.0, 500, "made up")
logits = st.floats(-1e6, 1e6)
order = {Verdict.NO_TRACE: 0, Verdict.INCONCLUSIVE: 1, Verdict.GENERATED: 2}


@given(st.floats(-500, 500))
def test_probability_is_the_sigmoid_of_the_scaled_logit(logit: float) -> None:
    assert probability(logit, SCALE) == pytest.approx(1 / (1 + math.exp(-(logit + 0.3) / 0.8)), rel=1e-12)


@given(logits, logits)
def test_probability_and_verdict_never_fall_as_the_logit_rises(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= probability(low, SCALE) <= probability(high, SCALE) <= 1
    assert order[verdict(low, SCALE)] <= order[verdict(high, SCALE)]


@given(logits)
def test_a_lower_false_positive_rate_never_accuses_more(logit: float) -> None:
    ranks = [order[verdict(logit, SCALE, rate)] for rate in ("0.05", "0.01", "0.001")]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("logit", "expected"),
    [
        (1.5, Verdict.GENERATED),
        (math.nextafter(1.5, 0), Verdict.INCONCLUSIVE),
        (-1.0, Verdict.INCONCLUSIVE),
        (math.nextafter(-1.0, -2), Verdict.NO_TRACE),
    ],
)
def test_thresholds_are_inclusive(logit: float, expected: Verdict) -> None:
    assert verdict(logit, SCALE) is expected


@pytest.mark.parametrize("fpr", ["0.01", 0.01, "1e-2", "0.0100", ".01", None])
def test_rates_match_as_numbers(fpr: str | float | None) -> None:
    assert threshold_key(SCALE, fpr) == "0.01"


def test_an_unknown_rate_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"0\.02; .*0\.001, 0\.01, 0\.05"):
        threshold_key(SCALE, "0.02")
    with pytest.raises(ConfigError, match="expected a number"):
        threshold_key(SCALE, "one percent")


def test_an_uncalibrated_system_has_no_rates() -> None:
    card = SystemCard("x", "X", "none", 2024, False, "none", 1)
    assert resolve_fpr(card, None) is None
    with pytest.raises(ConfigError, match="uncalibrated"):
        resolve_fpr(card, "0.01")


@pytest.mark.parametrize(
    "wrong",
    [
        {"bias": math.nan},
        {"inconclusive": math.inf},
        {"thresholds": {"0.01": math.nan}},
        {"thresholds": {"0.01": None}},
        {"thresholds": {"often": 1.0}, "default_fpr": "often"},
        {"thresholds": {"1.5": 1.0}, "default_fpr": "1.5"},
    ],
)
def test_a_calibration_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    check(SCALE, "x")
    with pytest.raises(CardError, match="'x'"):
        check(dataclasses.replace(SCALE, **wrong), "x")
