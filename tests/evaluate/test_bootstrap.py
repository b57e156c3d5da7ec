from __future__ import annotations

import numpy as np
import pytest

from upprint.evaluate import metrics
from upprint.evaluate.bootstrap import Scores, estimate
from upprint.evaluate.curve import STANDARD, kinds
from upprint.result import MetricError


def scores(n: int, seed: int, *, copies: int = 1) -> Scores:
    """n sources of `copies` equal samples each, half generated, with scores that overlap."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    logits = rng.normal(size=n) + 1.5 * labels
    names = [f"{seed}/{i}" for i in range(n)]
    return Scores(
        labels.repeat(copies), logits.repeat(copies), [name for name in names for _ in range(copies)]
    )


def test_values_are_those_of_the_metrics() -> None:
    case = scores(200, 0)
    found = estimate({"a": case}, kinds(0.7), draws=20).subsets["a"]
    args = case.labels, case.logits
    assert found["auroc"].value == metrics.auroc(*args)
    assert found["average_precision"].value == metrics.average_precision(*args)
    assert found["eer"].value == metrics.eer(*args)
    assert found["tpr_at_1_fpr"].value == metrics.tpr_at_fpr(*args)
    assert found["accuracy_shipped"].value == metrics.accuracy(*args, 0.7, inclusive=True)
    assert found["fpr_shipped"].value == metrics.fpr(*args, 0.7, inclusive=True)


def test_intervals_agree_with_resampling_written_out() -> None:
    case = scores(120, 1)
    labels, logits = np.asarray(case.labels), np.asarray(case.logits)
    rng = np.random.default_rng(7)
    drawn = []
    for _ in range(3000):
        pick = rng.integers(0, 120, 120)
        drawn.append([metrics.auroc(labels[pick], logits[pick]), metrics.eer(labels[pick], logits[pick])])
    expected = np.quantile(drawn, [0.025, 0.975], axis=0)
    found = estimate({"a": case}, STANDARD, draws=3000, seed=3).subsets["a"]
    assert [found["auroc"].low, found["auroc"].high] == pytest.approx(expected[:, 0], abs=0.012)
    assert [found["eer"].low, found["eer"].high] == pytest.approx(expected[:, 1], abs=0.015)


def test_intervals_cover_the_true_accuracy() -> None:
    """Accuracy at 0 of N(-1, 1) against N(1, 1) is Phi(1) = 0.8413; about 95 % of intervals hold it."""
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        labels = np.arange(150) % 2
        case = Scores(labels, rng.normal(size=150) + 2 * labels - 1, [str(i) for i in range(150)])
        found = estimate({"a": case}, {"accuracy": STANDARD["accuracy"]}, draws=200, seed=trial).subsets["a"]
        low, high = found["accuracy"].low, found["accuracy"].high
        assert low is not None
        assert high is not None
        covered += low <= 0.8413 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_copies_of_a_source_add_no_certainty() -> None:
    once = estimate({"a": scores(80, 2)}, STANDARD, draws=800).subsets["a"]["auroc"]
    copied = estimate({"a": scores(80, 2, copies=9)}, STANDARD, draws=800).subsets["a"]["auroc"]
    assert copied.value == pytest.approx(once.value, abs=1e-12)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-12)
    files = scores(80, 2, copies=9)
    apart = Scores(files.labels, files.logits, [str(i) for i in range(720)])
    naive = estimate({"a": apart}, STANDARD, draws=800).subsets["a"]["auroc"]
    assert naive.high - naive.low < 0.5 * (once.high - once.low)  # type: ignore[operator]


def test_the_same_seed_gives_the_same_intervals() -> None:
    sets = {"a": scores(50, 3), "b": scores(60, 4)}
    assert estimate(sets, STANDARD, draws=100, seed=5) == estimate(sets, STANDARD, draws=100, seed=5)
    assert estimate(sets, STANDARD, draws=100, seed=5) != estimate(sets, STANDARD, draws=100, seed=6)


def test_draws_are_the_same_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = estimate({"a": scores(40, 8)}, STANDARD, draws=64).mean
    monkeypatch.setattr("upprint.evaluate.bootstrap._CELLS", 40)
    cut = estimate({"a": scores(40, 8)}, STANDARD, draws=64).mean
    for name, one in whole.items():
        assert (one.low, one.high) == pytest.approx((cut[name].low, cut[name].high), abs=1e-12)


def test_a_class_with_one_source_is_drawn_again() -> None:
    case = Scores([1] + [0] * 30, [2.0, *range(30)], [str(i) for i in range(31)])
    found = estimate({"a": case}, STANDARD, draws=300).subsets["a"]
    for name in ("auroc", "average_precision", "generated_accuracy"):
        assert found[name].undefined is None
        assert np.isfinite([found[name].low, found[name].high]).all()  # type: ignore[list-item]


def test_one_class_leaves_a_reason_instead_of_a_number() -> None:
    found = estimate({"reals": Scores([0, 0, 0], [-1.0, 1.0, -2.0], ["x", "y", "z"])}, STANDARD, draws=50)
    auroc, real = found.subsets["reals"]["auroc"], found.subsets["reals"]["real_accuracy"]
    assert (auroc.value, auroc.low, auroc.undefined) == (None, None, "no generated pictures")
    assert real.value == pytest.approx(2 / 3)
    assert real.low is not None
    assert found.mean["auroc"].undefined == "defined in no sub-set"


def test_a_single_source_has_a_value_but_no_interval() -> None:
    found = estimate({"a": scores(40, 5), "b": Scores([0, 1], [0.0, 1.0], ["x", "x"])}, STANDARD, draws=50)
    assert found.subsets["a"]["auroc"].low is not None
    assert found.subsets["b"]["auroc"].value == 1.0
    assert found.subsets["b"]["auroc"].low is None
    assert "single source" in str(found.mean["auroc"].undefined)


def test_mean_over_subsets_that_share_reals() -> None:
    """Shared sources are drawn once for all sub-sets, so the mean keeps their common error."""
    rng = np.random.default_rng(6)
    reals = rng.normal(size=60)
    names = [f"real/{i}" for i in range(60)]

    def sets(*, shared: bool) -> dict[str, Scores]:
        return {
            k: Scores(
                [0] * 60 + [1] * 60,
                np.concatenate([reals, np.linspace(3, 4, 60)]),
                [n if shared else f"{k}/{n}" for n in names] + [f"{k}/{i}" for i in range(60)],
            )
            for k in "abcdefgh"
        }

    together = estimate(sets(shared=True), STANDARD, draws=400).mean["real_accuracy"]
    apart = estimate(sets(shared=False), STANDARD, draws=400).mean["real_accuracy"]
    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low > 2 * (apart.high - apart.low)  # type: ignore[operator]


def test_no_draws_no_intervals_and_bad_scores_are_named() -> None:
    found = estimate({"a": scores(20, 9)}, STANDARD, draws=0).subsets["a"]["auroc"]
    assert (found.low, found.undefined) == (None, "no bootstrap draws")
    with pytest.raises(MetricError, match="^b: no scored pictures"):
        estimate({"b": Scores([], [], [])}, STANDARD)
    with pytest.raises(MetricError, match="^c: 1 sources for 2 pictures"):
        estimate({"c": Scores([0, 1], [0.0, 1.0], ["x"])}, STANDARD)
