from __future__ import annotations

from dataclasses import replace

import pytest

from upprint.evaluate.laboratory.claims import Claim, claims, text
from upprint.evaluate.laboratory.statistics import SUMMARY, Comparison, Interval, Matrix, Steadiness


def interval(value: float, half: float = 0.02, makers: tuple[float, float] | None = None) -> Interval:
    return Interval(value, value - half, value + half, (value,), makers)


def matrix(**summary: Interval) -> Matrix:
    cells = ((interval(0.9), interval(0.6)), (interval(0.6), interval(0.9)))
    found = {name: summary.get(name) for name in SUMMARY}
    return Matrix("npr", "NPR", "plain", ("a", "b"), ("a", "b"), (0,), cells, found, 2, 0, 2)


def versus(other: str, difference: Interval) -> Comparison:
    return Comparison("plain", "npr", other, "transfer", ("a", "b"), (0,), difference)


def others(m: Matrix) -> list[Matrix]:
    """The matrix, and those of two further variants whose titles the sentences need."""
    return [m, *(replace(m, variant=name, title=name.upper()) for name in ("image", "mean"))]


@pytest.mark.parametrize(
    ("transfer", "difference", "verdict"),
    [
        (interval(0.7), interval(0.1), "generalises: above chance and above IMAGE"),
        (
            interval(0.7, makers=(0.45, 0.9)),
            interval(0.1),
            "generalises: above chance and above IMAGE, among these makers; not shown for other makers",
        ),
        (interval(0.7, makers=(0.51, 0.9)), interval(0.1), "generalises: above chance and above IMAGE"),
        (interval(0.7), interval(0.01), "above chance, but not shown to be above IMAGE"),
        (interval(0.7), interval(-0.1), "above chance, but below IMAGE"),
        (interval(0.51), interval(0.1), "not shown: the interval includes chance"),
        (interval(0.4), interval(0.1), "no: below chance"),
    ],
)
def test_generalisation_needs_both_intervals(transfer: Interval, difference: Interval, verdict: str) -> None:
    m = matrix(diagonal=interval(0.9), transfer=transfer)
    (claim,) = claims(others(m), [versus("image", difference)], [], "npr", "image")
    assert claim.verdict == verdict
    assert text(transfer) in claim.sentence
    assert text(difference, signed=True) in claim.sentence


def test_a_network_that_learnt_nothing_is_not_judged() -> None:
    m = matrix(diagonal=interval(0.51), transfer=interval(0.6))
    (claim,) = claims(others(m), [versus("image", interval(0.1))], [], "npr", "image")
    assert claim.verdict == "not judged: not even its own maker is found; train longer"


def test_without_the_control_nothing_is_judged() -> None:
    m = matrix(diagonal=interval(0.9), transfer=interval(0.9))
    (claim,) = claims(others(m), [], [], "npr", "image")
    assert claim.verdict.startswith("not judged")


def test_families_rows_and_variants() -> None:
    m = matrix(
        same_family=interval(0.8),
        other_family=interval(0.7),
        family_gap=interval(0.1),
        held_out=interval(0.75),
        held_out_gain=interval(-0.1),
    )
    made = claims(others(m), [versus("mean", interval(0.01))], [], "npr", "image")
    assert [c.verdict for c in made] == ["yes", "no: they hurt", "not told apart: the interval includes 0"]
    assert all(isinstance(c, Claim) and "[" in c.sentence for c in made)
    lower = claims(others(m), [versus("mean", interval(-0.1))], [], "npr", "image")[-1]
    assert lower.verdict == "MEAN is higher"
    assert lower.question == "Does NPR carry further than MEAN?"


def test_no_verdict_stands_without_an_interval() -> None:
    m = matrix(diagonal=interval(0.9), transfer=interval(0.7), family_gap=interval(0.0))
    for claim in claims(others(m), [versus("image", interval(0.1))], [], "npr", "image"):
        assert "[" in claim.sentence


def steady(difference: Interval, *, before: float = 0.9) -> Steadiness:
    losses = (interval(0.1), interval(0.1 + difference.value))
    return Steadiness("+P", "npr", "image", (interval(before), interval(0.9)), losses, difference)


@pytest.mark.parametrize(
    ("lost", "verdict"),
    [
        (steady(interval(0.1)), "yes"),
        (steady(interval(-0.1)), "no: the other way round"),
        (steady(interval(0.01)), "not shown: the interval includes 0"),
        (
            steady(interval(0.1), before=0.51),
            "not judged: one of them does not find its own maker to begin with",
        ),
    ],
)
def test_steadiness_needs_something_to_lose(lost: Steadiness, verdict: str) -> None:
    (claim,) = claims(others(matrix()), [], [lost], "npr", "image")
    assert (claim.test, claim.question) == ("+P", "Is NPR steadier than IMAGE?")
    assert claim.verdict == verdict
    assert text(lost.difference, signed=True) in claim.sentence


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.6, "yes, larger"), (0.4, "no: smaller"), (0.51, "no difference shown")]
)
def test_what_is_not_trained_is_judged_over_all_makers(value: float, verdict: str) -> None:
    m = replace(matrix(untrained=interval(value)), variant="size", title="Size", rows=("untrained",))
    (claim,) = claims([m], [], [], "npr", "image")
    assert claim.verdict == verdict
    assert "a 0.900, b 0.600" in claim.sentence


def test_text() -> None:
    assert text(Interval(0.6414, 0.5956, 0.69, ())) == "0.641 [0.596, 0.690]"
    assert text(Interval(0.01, -0.02, 0.03, ()), signed=True) == "+0.010 [-0.020, +0.030]"
    assert text(None) == "–"
