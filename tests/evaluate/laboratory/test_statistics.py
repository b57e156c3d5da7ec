from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from upprint.evaluate import bootstrap
from upprint.evaluate.curve import STANDARD
from upprint.evaluate.laboratory.cell import Scored
from upprint.evaluate.laboratory.statistics import (
    Interval,
    Matrix,
    Sampled,
    compare,
    matrix,
    sample,
    steadiness,
    whole,
)

MAKERS = ("a", "b", "c")
SOURCES = tuple(f"photo {i}" for i in range(20))
LABELS = [0] * 20 + [1] * 20
FAMILIES = {"a": "x", "b": "x", "c": "c"}
DRAWS = 60


def scored(variant: str, row: str, seed: int, shift: float = 0.5) -> Scored:
    rng = np.random.default_rng((len(variant), *row.encode(), seed))
    logits = {m: tuple((rng.normal(size=40) + shift * np.array(LABELS)).tolist()) for m in MAKERS}
    return Scored(variant, row, seed, {"plain": logits}, None, 1.0, 1.0)


ROWS = (*MAKERS, "all but a", "all but b")
CELLS = {(seed, row): scored("npr", row, seed) for seed, row in product((0, 4), ROWS)}
OTHER = {(4, row): scored("image", row, 4, 0.1) for row in ("b", "a")}


@pytest.fixture(scope="module")
def sampled() -> Sampled:
    return sample("npr", "plain", CELLS, MAKERS, SOURCES, DRAWS)


@pytest.fixture(scope="module")
def found(sampled: Sampled) -> Matrix:
    return matrix(sampled, "NPR", FAMILIES)


def auroc(seed: int, row: str, column: str) -> float:
    return float(roc_auc_score(LABELS, CELLS[seed, row].logits["plain"][column]))


def number(m: Matrix, name: str) -> Interval:
    found = m.summary[name]
    assert found is not None
    return found


def test_cells_are_means_over_seeds(found: Matrix) -> None:
    assert found.rows == ROWS
    assert found.seeds == (0, 4)
    for j, k in product(range(5), range(3)):
        cell = found.cells[j][k]
        wanted = [auroc(seed, ROWS[j], MAKERS[k]) for seed in (0, 4)]
        assert cell.seeds == pytest.approx(wanted)
        assert cell.value == pytest.approx(np.mean(wanted))
        assert cell.low < cell.value < cell.high


def test_intervals_are_the_bootstraps_own() -> None:
    """One seed: cells, and the mean over pairs of makers, as `bootstrap.estimate` gives them."""
    one = {key: cell for key, cell in CELLS.items() if key[0] == 0 and key[1] in MAKERS}
    m = matrix(sample("npr", "plain", one, MAKERS, SOURCES, DRAWS), "NPR", FAMILIES)
    pairs = [(row, column) for row, column in product(MAKERS, MAKERS) if row != column]
    sets = {
        f"{row}{column}": bootstrap.Scores(LABELS, CELLS[0, row].logits["plain"][column], SOURCES * 2)
        for row, column in pairs
    }
    wanted = bootstrap.estimate(sets, {"auroc": STANDARD["auroc"]}, draws=DRAWS)
    for row, column in pairs:
        cell, estimate = (
            m.cells[MAKERS.index(row)][MAKERS.index(column)],
            wanted.subsets[row + column]["auroc"],
        )
        assert (cell.value, cell.low, cell.high) == pytest.approx(
            (estimate.value, estimate.low, estimate.high)
        )
    transfer, mean = number(m, "transfer"), wanted.mean["auroc"]
    assert (transfer.value, transfer.low, transfer.high) == pytest.approx((mean.value, mean.low, mean.high))


def test_summary_numbers(found: Matrix) -> None:
    def mean(pairs: list[tuple[str, str]]) -> float:
        return float(np.mean([auroc(seed, *pair) for seed in (0, 4) for pair in pairs]))

    same = mean([(m, m) for m in MAKERS])
    another = mean([(r, c) for r in MAKERS for c in MAKERS if r != c])
    kin = mean([("a", "b"), ("b", "a")])
    strange = mean([("a", "c"), ("b", "c"), ("c", "a"), ("c", "b")])
    held = mean([("all but a", "a"), ("all but b", "b")])
    single = (mean([("b", "a"), ("c", "a")]) + mean([("a", "b"), ("c", "b")])) / 2
    wanted = {
        "diagonal": same,
        "transfer": another,
        "gap": same - another,
        "same_family": kin,
        "other_family": strange,
        "family_gap": kin - strange,
        "held_out": held,
        "held_out_gain": held - single,
    }
    assert {name: number(found, name).value for name in wanted} == pytest.approx(wanted)
    assert list(found.summary) == [*wanted, "untrained"]
    assert found.summary["untrained"] is None
    assert found.pairs == 6
    off = [found.cells[j][k] for j in range(3) for k in range(3) if j != k]
    assert found.above == sum(cell.low > 0.5 for cell in off)
    assert found.below == sum(cell.high < 0.5 for cell in off)


def test_what_does_not_occur_is_none() -> None:
    one = {(0, "a"): CELLS[0, "a"]}
    m = matrix(sample("npr", "plain", one, MAKERS, SOURCES, DRAWS), "NPR", {})
    assert {name for name, value in m.summary.items() if value is None} == {
        "same_family",
        "family_gap",
        "held_out",
        "held_out_gain",
        "untrained",
    }


def test_makers_drawn_anew_widen_the_interval() -> None:
    """Cells without any spread over photos: the makers' spread alone, against a loop."""
    values = np.empty((1, 3, 3, 1 + 4000))
    values[0] = np.array([[1, 0.9, 0.6], [0.8, 1, 0.5], [0.7, 0.55, 1]])[..., None]
    m = matrix(Sampled("v", "t", MAKERS, MAKERS, (0,), values), "V", {})
    transfer = number(m, "transfer")
    assert transfer.low == transfer.high == pytest.approx(transfer.value)
    assert transfer.makers is not None
    rng, means = np.random.default_rng(9), []
    for _ in range(4000):
        drawn = rng.integers(0, 3, 3)
        pairs = [
            values[0, i, j, 0] for p, i in enumerate(drawn) for q, j in enumerate(drawn) if i != j and p != q
        ]
        if pairs:
            means.append(np.mean(pairs))
    assert transfer.makers == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.02)
    two = matrix(Sampled("v", "t", ("a", "b"), ("a", "b"), (0,), values[:, :2, :2]), "V", {})
    assert number(two, "transfer").makers is None


def test_comparisons_are_paired(sampled: Sampled) -> None:
    other = sample("image", "plain", OTHER, MAKERS, SOURCES, DRAWS)
    found = {c.what: c for c in compare(sampled, other)}
    transfer = found["transfer"]
    assert transfer.rows == ("a", "b")
    assert transfer.seeds == (4,)
    pairs = [(row, column) for row in ("a", "b") for column in MAKERS if row != column]
    wanted = [
        auroc(4, row, column) - roc_auc_score(LABELS, OTHER[4, row].logits["plain"][column])
        for row, column in pairs
    ]
    assert transfer.difference.value == pytest.approx(np.mean(wanted))
    itself = compare(sampled, sampled)
    assert {(c.difference.value, c.difference.low, c.difference.high) for c in itself} == {(0.0, 0.0, 0.0)}
    without = sample("v", "plain", {(9, "a"): scored("v", "a", 9)}, MAKERS, SOURCES, DRAWS)
    assert compare(sampled, without) == []


def test_an_unfinished_run_gives_a_rectangle() -> None:
    some = [CELLS[0, "a"], CELLS[0, "b"], CELLS[4, "a"], OTHER[4, "b"]]
    found = whole(some)
    assert list(found["npr"]) == [(0, "a"), (0, "b")]
    assert list(found["image"]) == [(4, "b")]
    assert list(whole([*some, CELLS[4, "b"], CELLS[4, "c"]])["npr"]) == [
        (0, "a"),
        (0, "b"),
        (4, "a"),
        (4, "b"),
    ]


def test_losses_are_counted_on_the_makers_trained_on(sampled: Sampled) -> None:
    other = sample("image", "plain", OTHER, MAKERS, SOURCES, DRAWS)
    changed = Sampled("npr", "changed", sampled.rows, MAKERS, sampled.seeds, sampled.auroc - 0.05)
    found = steadiness("changed", (sampled, changed), (other, other))
    own = np.mean([auroc(seed, maker, maker) for seed in (0, 4) for maker in MAKERS])
    assert found.before[0].value == pytest.approx(own)
    assert found.losses[0].value == pytest.approx(0.05)
    assert (found.losses[1].value, found.losses[1].low) == (0.0, 0.0)
    assert found.difference.value == pytest.approx(-0.05)


def test_a_maker_that_hides_takes_its_places(sampled: Sampled) -> None:
    found = steadiness("hiding", (sampled, sampled), (sampled, sampled), {"a": "b"})
    lost = [auroc(seed, "a", "a") - auroc(seed, "a", "b") for seed in (0, 4)]
    assert found.losses[0].value == pytest.approx(np.mean(lost))
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)


def test_what_is_not_trained_has_one_row_and_counts_everywhere() -> None:
    cell = {(0, "untrained"): scored("size", "untrained", 0)}
    m = matrix(sample("size", "plain", cell, MAKERS, SOURCES, DRAWS), "Size", FAMILIES)
    values = [roc_auc_score(LABELS, cell[0, "untrained"].logits["plain"][maker]) for maker in MAKERS]
    assert number(m, "untrained").value == pytest.approx(np.mean(values))
    assert m.summary["diagonal"] is None
    assert m.summary["transfer"] is None
