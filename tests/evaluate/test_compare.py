from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, permutation_test, rankdata
from sklearn.metrics import roc_auc_score

from upprint.evaluate import compare as module
from upprint.evaluate import curve
from upprint.evaluate.compare import MEAN, Paired, compare, difference, holm, pair, permutation
from upprint.evaluate.predictions import Header, Predictions, Row
from upprint.result import ConfigError, DataError, MetricError


def paired(rng: np.random.Generator, n: int, gap: float = 0.0, *, shared: float = 1.0) -> Paired:
    """n photos and n twins; both systems see the same scene; `b` separates by `gap` more than `a`."""
    labels = np.repeat([0, 1], n)
    scene = np.tile(rng.normal(0, shared, n), 2)
    a = labels * 1.0 + scene + rng.normal(0, 1, 2 * n)
    b = labels * (1.0 + gap) + scene + rng.normal(0, 1, 2 * n)
    sources = tuple(str(i) for i in range(n)) * 2
    return Paired(labels, sources, ("x",) * (2 * n), {"a": a, "b": b})


def test_null_data_give_few_false_findings() -> None:
    rng = np.random.default_rng(0)
    rounds = 80
    false = sum(
        row.better is not None
        for _ in range(rounds)
        for row in compare(paired(rng, 25), alpha=0.1, draws=99, seed=int(rng.integers(1000)))
    )
    assert false <= 16  # binomial(80, 0.1): above 16 with a chance below 0.3 %


def test_a_known_gap_is_found_and_its_size_told() -> None:
    found = compare(paired(np.random.default_rng(1), 150, gap=1.5), draws=300)[0]
    assert found.better == "b"
    assert found.low < found.difference < found.high < 0
    assert found.p_corrected <= 0.05
    assert found.p_delong is not None
    assert found.p_delong < 0.01


def test_values_are_aurocs() -> None:
    data = paired(np.random.default_rng(2), 30, gap=0.5)
    found = compare(data, draws=99)[0]
    expected = tuple(roc_auc_score(data.labels, data.logits[s]) for s in ("a", "b"))
    assert found.values == pytest.approx(expected)
    assert found.difference == pytest.approx(expected[0] - expected[1])


def test_pairing_matters() -> None:
    """Scenes that both systems see cancel in the difference; without the pairing they would not."""
    rng = np.random.default_rng(4)
    data = paired(rng, 120, gap=0.6, shared=4.0)
    together = compare(data, draws=300)[0]
    order = np.concatenate([rng.permutation(120), 120 + rng.permutation(120)])
    torn = Paired(data.labels, data.sources, data.subsets, data.logits | {"b": data.logits["b"][order]})
    apart = compare(torn, draws=300)[0]
    assert apart.values == pytest.approx(together.values)
    assert together.high - together.low < 0.6 * (apart.high - apart.low)
    assert together.p < apart.p


def test_sources_are_exchanged_whole() -> None:
    """Ten copies of each picture are no more evidence than one."""
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], 12)
    a, b = rng.normal(labels * 1.0), rng.normal(labels * 1.4)
    sources = [str(i) for i in range(24)]
    once = permutation(labels, a, b, sources, draws=999)
    copies = [np.repeat(x, 10) for x in (labels, a, b)]
    assert permutation(*copies, np.repeat(sources, 10).tolist(), draws=999) == pytest.approx(once, abs=0.05)
    assert permutation(*copies, [str(i) for i in range(240)], draws=999) < once / 2


def test_permutation_agrees_with_scipy() -> None:
    """SciPy exchanges paired samples too, exactly where there are few."""
    rng = np.random.default_rng(6)
    labels = np.array([0] * 5 + [1] * 5)
    a, b = rng.normal(labels * 2.0), rng.normal(labels * 0.1)

    def gap(x: np.ndarray, y: np.ndarray) -> float:
        wins = [np.mean(np.sign(z[5:, None] - z[None, :5])) / 2 for z in (x, y)]
        return float(wins[0] - wins[1])

    exact = permutation_test(
        (rankdata(a), rankdata(b)), gap, permutation_type="samples", vectorized=False, n_resamples=np.inf
    )
    ours = permutation(labels, a, b, [str(i) for i in range(10)], draws=2000)
    assert ours == pytest.approx(exact.pvalue, abs=0.04)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_by_its_definition(p_values: list[float]) -> None:
    """The corrected p of a hypothesis is the smallest alpha at which the step-down procedure rejects it."""
    found = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for place, index in enumerate(order):
        needed = max((len(p_values) - k) * p_values[order[k]] for k in range(place + 1))
        assert found[index] == pytest.approx(min(1, needed))
    assert all(f >= p - 1e-15 for f, p in zip(found, p_values, strict=True))
    # never laxer than the false-discovery rate of Benjamini and Hochberg
    assert np.all(np.array(found) >= false_discovery_control(p_values) - 1e-12)


def test_many_systems_are_corrected_for() -> None:
    rng = np.random.default_rng(7)
    base = paired(rng, 40, gap=0.55)
    alone = compare(base, draws=399)[0]
    noise = {f"n{i}": rng.normal(base.labels * 1.0 + 0) for i in range(2)}
    crowd = compare(Paired(base.labels, base.sources, base.subsets, base.logits | noise), draws=399)
    assert len(crowd) == len(list(itertools.combinations(range(4), 2)))
    same = next(row for row in crowd if (row.first, row.second) == ("a", "b"))
    assert same.p == pytest.approx(alone.p, abs=0.05)
    assert same.p_corrected >= min(1, same.p * 2)


def test_subsets_and_their_mean() -> None:
    rng = np.random.default_rng(8)
    one, two = paired(rng, 30, gap=1.0), paired(rng, 20)
    joined = Paired(
        np.concatenate([one.labels, two.labels]),
        (*one.sources, *two.sources),
        ("x",) * 60 + ("y",) * 40,
        {s: np.concatenate([one.logits[s], two.logits[s]]) for s in ("a", "b")},
    )
    rows = {row.subset: row for row in compare(joined, by_subset=True, draws=99)}
    assert list(rows) == ["x", "y", MEAN]
    assert rows[MEAN].difference == pytest.approx((rows["x"].difference + rows["y"].difference) / 2)
    assert rows[MEAN].p_delong is None
    assert [row.subset for row in compare(joined, draws=99)] == [MEAN]


def predictions(system: str, logits: Mapping[str, float | None]) -> Predictions:
    rows = tuple(
        Row(path, int(path[0]), "s", "g", path[1:], logit, None if logit is not None else "bad")
        for path, logit in logits.items()
    )
    return Predictions(Header(system, "w", "0" * 64, "tiles", len(rows), "", ""), rows)


def test_pairing_of_files() -> None:
    a = predictions("a", {"0p": 0.0, "1p": 1.0, "0q": None, "1q": 2.0})
    b = predictions("b", {"1q": 5.0, "0q": 6.0, "1p": 7.0, "0p": 8.0})
    found = pair({"a": a, "b": b})
    assert found.left_out == 1
    assert found.logits["a"].tolist() == [0.0, 1.0, 2.0]
    assert found.logits["b"].tolist() == [8.0, 7.0, 5.0]
    assert found.sources == ("p", "p", "q")
    with pytest.raises(DataError, match="at least 2"):
        pair({"a": a})
    with pytest.raises(DataError, match="same samples: 1 differ, such as '1q'"):
        pair({"a": a, "b": predictions("b", {"0p": 1.0, "1p": 1.0, "0q": 1.0})})
    with pytest.raises(DataError, match="no picture"):
        pair({"a": predictions("a", {"0p": None}), "b": predictions("b", {"0p": 1.0})})


def test_impossible_requests() -> None:
    data = paired(np.random.default_rng(0), 5)
    with pytest.raises(ConfigError, match="metric 'accuracy'"):
        compare(data, metric="accuracy")
    with pytest.raises(ConfigError, match="expected at least 19"):
        compare(data, draws=18)
    with pytest.raises(ConfigError, match="alpha"):
        compare(data, alpha=1.0)
    single = Paired(np.ones(10, int), data.sources, data.subsets, data.logits)
    with pytest.raises(MetricError, match="one class only"):
        compare(single)


@pytest.mark.parametrize("metric", module.METRICS)
def test_every_metric_depends_on_ranks_alone(metric: str) -> None:
    data = paired(np.random.default_rng(9), 15, gap=0.5)
    bent = Paired(data.labels, data.sources, data.subsets, {s: np.exp(v) for s, v in data.logits.items()})
    assert compare(data, metric=metric, draws=50) == compare(bent, metric=metric, draws=50)


def test_a_difference_of_a_system_and_itself_is_zero() -> None:
    data = paired(np.random.default_rng(0), 20)
    kinds = dict.fromkeys(data.logits, curve.STANDARD["auroc"])
    same = difference(data, "a", "a", kinds, draws=50)
    assert (same.difference, same.low, same.high) == (0.0, 0.0, 0.0)


def test_a_difference_is_that_of_the_metrics_at_each_systems_threshold() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat((0, 1), 100)
    logits = {"a": labels + rng.normal(0, 1, 200), "b": 10 + labels + rng.normal(0, 1, 200)}
    data = Paired(labels, tuple(map(str, range(200))), ("one",) * 200, logits)
    kinds = {name: curve.kinds(at)["fpr_shipped"] for name, at in (("a", 0.5), ("b", 10.5))}
    found = difference(data, "a", "b", kinds, draws=300)
    expected = [np.mean(logits[name][:100] >= at) for name, at in (("a", 0.5), ("b", 10.5))]
    assert found.values == pytest.approx(expected)
    assert found.low < found.difference < found.high


def test_the_worst_subset_is_each_systems_own() -> None:
    labels = np.tile((0, 0, 1, 1), 2)
    # System a ranks the first sub-set rightly and the second one not; b the other way round, and worse.
    a = np.array([0, 1, 2, 3, 0, 2, 1, 3], float)
    b = np.array([2, 3, 0, 1, 0, 1, 2, 3], float)
    subsets = ("one",) * 4 + ("two",) * 4
    data = Paired(labels, tuple(map(str, range(8))), subsets, {"a": a, "b": b})
    found = difference(data, "a", "b", dict.fromkeys("ab", curve.STANDARD["auroc"]), worst=True, draws=20)
    assert found.values == (0.75, 0.0)


def test_a_metric_of_photos_alone_needs_no_generated_picture() -> None:
    labels = np.zeros(20, int)
    logits = {"a": np.arange(20.0), "b": np.zeros(20)}
    data = Paired(labels, tuple(map(str, range(20))), ("",) * 20, logits)
    kinds = dict.fromkeys("ab", curve.kinds(9.5)["fpr_shipped"])
    assert difference(data, "a", "b", kinds, draws=20).values == (0.5, 0.0)
    with pytest.raises(MetricError, match="one class only"):
        difference(data, "a", "b", dict.fromkeys("ab", curve.STANDARD["auroc"]), draws=20)
