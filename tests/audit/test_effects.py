import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from upprint.audit.effects import OTHER, Column, codes, cramers_v, effects, fold, holm, permuted


def categories(values) -> Column:
    return Column(codes(values), tuple(dict.fromkeys(values)))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=4, max_size=30))
@settings(max_examples=25, deadline=None)
def test_auroc_is_scikit_learns(pairs) -> None:
    labels = [0, 1, *(label for label, _ in pairs)]
    values = [0.0, 1.0, *(float(value) for _, value in pairs)]
    (effect,) = effects(labels, range(len(labels)), [Column(np.array(values))], permutations=20, draws=20)
    assert effect.value == pytest.approx(roc_auc_score(labels, values))
    assert effect.low <= effect.high
    assert 0 < effect.p <= 1


def bergsma(table: np.ndarray) -> float:
    """The formula of the paper, from SciPy's chi squared."""
    n, (r, k) = table.sum(), table.shape
    phi = chi2_contingency(table, correction=False).statistic / n
    spare = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    return float(np.sqrt(spare / min(rows - 1, columns - 1)))


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=2, max_size=6))
def test_v_is_bergsmas(columns) -> None:
    table = np.array(columns, np.float64).T
    assert float(cramers_v(table[1], table[0])) == pytest.approx(bergsma(table), abs=1e-9)


def test_v_ends() -> None:
    assert float(cramers_v(np.array([9.0, 0.0]), np.array([0.0, 9.0]))) == pytest.approx(1.0)
    assert float(cramers_v(np.array([9.0, 9.0]), np.array([9.0, 9.0]))) == 0.0
    assert float(cramers_v(np.array([9.0, 0.0]), np.array([9.0, 0.0]))) == 0.0


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8))
def test_holm_equals_the_definition(values) -> None:
    order = sorted(values)
    for value, corrected in zip(values, holm(values), strict=True):
        steps = [(len(order) - i) * order[i] for i in range(order.index(value) + 1)]
        assert corrected == pytest.approx(min(1.0, max(steps)))


def test_permutations_keep_pairs_and_whole_sources() -> None:
    labels = np.array([0, 1, 0, 1, 0, 0, 1, 1, 0, 0], np.int8)
    sources = codes(list("aabbccddee"))  # a and b hold pairs, c and e photos, d generated pictures
    (dealt,) = permuted(labels, sources, 200, seed=0)
    assert dealt.shape == (200, 10)
    assert (dealt[:, 0] + dealt[:, 1] == 1).all()
    assert (dealt[:, 2] + dealt[:, 3] == 1).all()
    for start in (4, 6, 8):
        assert (dealt[:, start] == dealt[:, start + 1]).all()
    assert (dealt[:, 4] + dealt[:, 6] + dealt[:, 8] == 1).all()
    assert len({tuple(row) for row in dealt}) == 2 * 2 * 3


def test_a_source_counts_once_however_many_files_it_has() -> None:
    """Forty files of four photographers prove no more than four."""
    labels, sources = [0] * 20 + [1] * 20, [i // 10 for i in range(40)]
    column = Column(np.array([0.0] * 20 + [1.0] * 20))
    (grouped,) = effects(labels, sources, [column], permutations=300)
    (single,) = effects(labels, range(40), [column], permutations=300)
    assert grouped.value == single.value == 1.0
    assert grouped.p > 0.2
    assert single.p < 1e-6


def test_the_tail_is_read_where_permutations_end() -> None:
    values = ["a"] * 20 + ["b"] * 20
    (effect,) = effects([0] * 20 + [1] * 20, range(40), [categories(values)], permutations=99)
    assert effect.value == pytest.approx(1.0)
    assert effect.p < 1e-6


def test_family_wise_error_of_clean_sets() -> None:
    """25 sets of 14 cues that say nothing, pairs and clusters among them: about 5 % may show one."""
    false = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        pairs = seed % 2 == 0
        labels = [0, 1] * 24 if pairs else [0] * 24 + [1] * 24
        sources = np.repeat(np.arange(24), 2) if pairs else np.repeat(np.arange(16), 3)
        own = rng.normal(size=24)
        columns = [Column(rng.normal(size=48) + 2 * own[sources] * (i % 2)) for i in range(8)]
        columns += [categories(rng.integers(0, 3, 48).tolist()) for _ in range(3)]
        columns += [categories(rng.integers(0, 3, 24)[sources].tolist()) for _ in range(3)]
        found = effects(labels, sources.tolist(), columns, permutations=499, draws=10, seed=seed)
        false += min(holm([effect.p for effect in found])) < 0.05
    assert false <= 4  # of 25 at 5 %, more than 4 would come up in 1 % of all seeds


def test_fold_keeps_what_repeats() -> None:
    assert fold(list("aabbc")) == ["a", "a", "b", "b", OTHER]
    assert fold(list("aaabbcc"), most=1) == ["a"] * 3 + [OTHER] * 4
