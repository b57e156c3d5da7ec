"""How strongly a cue separates the classes, how sure that is, and whether chance would do it.

- Numbers: AUROC, the share of (generated, camera-made) pairs in which the generated picture has the higher
  value. Categories: Cramér's V with the bias correction of Bergsma (J. Korean Stat. Soc. 2013), 0 to 1.
- Intervals: percentile bootstrap over sources, so that a photo and its twin are drawn together.
- p-values: permutation. Where a source has both labels they are dealt anew within it; sources of one label
  exchange theirs as a whole. That is exact under the hypothesis that the cue says nothing. Where no
  permutation reaches the observed value, the tail of a normal (AUROC) or gamma (V) distribution with the
  permutations' moments is read, if it is smaller than the permutations can resolve.
- Many cues: Holm's correction over everything that is tested in one audit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from upprint.data.sample import GENERATED
from upprint.evaluate.curve import Floats, area_under_roc, sort

Labels = NDArray[np.int8]

PERMUTATIONS, DRAWS, LEVEL = 1999, 400, 0.95
MOST_CATEGORIES = 40
OTHER = "(other)"
_CELLS = 8_000_000


@dataclass(frozen=True)
class Column:
    """A cue's values, one per file: numbers (n,), or codes (n,) of `categories`."""

    values: NDArray[np.float64] | NDArray[np.int64]
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Effect:
    """`kind` says what `value` is, with its interval; `p` is not corrected for the number of cues."""

    kind: Literal["auroc", "cramers_v"]
    value: float
    low: float
    high: float
    p: float

    @property
    def strength(self) -> float:
        """0 to 1: |2 AUROC - 1|, or V."""
        return abs(2 * self.value - 1) if self.kind == "auroc" else self.value


def effects(
    labels: Sequence[int],
    sources: Sequence[Hashable],
    columns: Sequence[Column],
    *,
    permutations: int = PERMUTATIONS,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Effect]:
    """Test columns of the same files against their labels.

    Args:
        labels: (n,) of 0 and 1, both there.
        sources: (n,) keys of the photos that files go back to.
        columns: what may separate; none constant.
        permutations: for p-values.
        draws: for intervals.
        seed: of both.
    """
    truth = np.asarray(labels, np.int8)
    groups = codes(sources)
    tests = [_Test.of(truth, column) for column in columns]
    observed = np.array([float(t.statistic(truth[None].astype(np.float64))[0]) for t in tests])
    reached = np.zeros(len(tests))
    total, squares = np.zeros(len(tests)), np.zeros(len(tests))
    for dealt in permuted(truth, groups, permutations, seed):
        for index, test in enumerate(tests):
            found = test.statistic(dealt)
            reached[index] += np.count_nonzero(found >= observed[index] - 1e-12)
            total[index] += found.sum()
            squares[index] += (found**2).sum()
    samples = _bootstrap(tests, truth, groups, draws, seed)
    found_effects = []
    for index, test in enumerate(tests):
        mean = total[index] / permutations
        variance = max(squares[index] / permutations - mean**2, 0.0)
        p = (1 + reached[index]) / (1 + permutations)
        if reached[index] == 0:
            p = min(p, test.tail(observed[index], mean, variance))
        low, high = np.quantile(samples[index], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        value = float(test.value(np.ones((1, len(truth))))[0])
        found_effects.append(Effect(test.kind, value, float(low), float(high), float(p)))
    return found_effects


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number so that the chance of any false finding stays at the level.

    Holm, Scand. J. Stat. 1979: the smallest times m, the next times m - 1, ..., never falling, at most 1.
    """
    corrected = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected


def fold(values: Sequence[str], most: int = MOST_CATEGORIES) -> list[str]:
    """Categories with those that occur once, and all beyond the `most` most frequent, as one."""
    counts = Counter(values)
    kept = {value for value, count in counts.most_common(most) if count > 1}
    return [value if value in kept else OTHER for value in values]


def codes(values: Sequence[Hashable]) -> NDArray[np.int64]:
    """Equal values get equal numbers, in the order of their first occurrence."""
    position: dict[Hashable, int] = {}
    return np.array([position.setdefault(value, len(position)) for value in values], np.int64)


def cramers_v(generated: Floats, real: Floats) -> Floats:
    """Bias-corrected V of tables of counts (..., k), one row per class; 0 where a class or all but one
    category is empty."""
    together = generated + real
    number = together.sum(axis=-1)
    k = np.count_nonzero(together > 0, axis=-1)
    phi = _phi_squared(generated, real)
    spare = np.maximum(number - 1, 1)
    corrected = np.maximum(0.0, phi - (k - 1) / spare)
    rows = 2 - 1 / spare
    columns = k - (k - 1.0) ** 2 / spare
    smallest = np.minimum(rows, columns) - 1
    ratio = np.divide(corrected, smallest, out=np.zeros_like(corrected), where=smallest > 1e-9)
    v: Floats = np.sqrt(np.minimum(ratio, 1.0))
    return v


def _phi_squared(generated: Floats, real: Floats) -> Floats:
    """Chi squared over n."""
    together = generated + real
    number, first = together.sum(axis=-1, keepdims=True), generated.sum(axis=-1, keepdims=True)
    expected = together * first / np.maximum(number, 1)
    share = together * first * (number - first) / np.maximum(number, 1) ** 2
    parts = np.divide((generated - expected) ** 2, share, out=np.zeros_like(expected), where=share > 0)
    phi: Floats = parts.sum(axis=-1) / np.maximum(number[..., 0], 1)
    return phi


# --- tests -------------------------------------------------------------------------------------------------


class _Test(ABC):
    """A column ready to be tested: `statistic` of dealt labels (b, n), `value` under file weights (b, n)."""

    kind: Literal["auroc", "cramers_v"]

    @staticmethod
    def of(labels: Labels, column: Column) -> _Test:
        return _Numeric(labels, column) if column.categories is None else _Categorical(labels, column)

    @abstractmethod
    def statistic(self, dealt: Floats) -> Floats: ...

    @abstractmethod
    def value(self, weights: Floats) -> Floats: ...

    @abstractmethod
    def tail(self, observed: float, mean: float, variance: float) -> float: ...


class _Numeric(_Test):
    kind = "auroc"

    def __init__(self, labels: Labels, column: Column) -> None:
        _, inverse, counts = np.unique(column.values, return_inverse=True, return_counts=True)
        self._ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
        self._sorted = sort(labels, column.values)

    def statistic(self, dealt: Floats) -> Floats:
        generated = dealt.sum(axis=1)
        pairs = np.maximum(generated * (dealt.shape[1] - generated), 1)
        area: Floats = (dealt @ self._ranks - generated * (generated + 1) / 2) / pairs
        return np.abs(area - 0.5)

    def value(self, weights: Floats) -> Floats:
        return area_under_roc(self._sorted.curve(weights))

    def tail(self, observed: float, mean: float, variance: float) -> float:
        """Normal: of a folded normal around 0, the second moment is the variance."""
        second = variance + mean**2
        return math.erfc(observed / math.sqrt(2 * second)) if second > 0 else 1.0


class _Categorical(_Test):
    kind = "cramers_v"

    def __init__(self, labels: Labels, column: Column) -> None:
        assert column.categories is not None
        self._members = np.eye(len(column.categories))[column.values]
        self._labels = labels

    def statistic(self, dealt: Floats) -> Floats:
        generated = dealt @ self._members
        return _phi_squared(generated, self._members.sum(axis=0) - generated)

    def value(self, weights: Floats) -> Floats:
        generated = weights * (self._labels == GENERATED)
        return cramers_v(generated @ self._members, (weights - generated) @ self._members)

    def tail(self, observed: float, mean: float, variance: float) -> float:
        """Gamma with the same mean and variance, as chi squared has."""
        if variance <= 0 or mean <= 0:
            return 1.0
        from scipy.special import gammaincc

        return float(gammaincc(mean**2 / variance, observed * mean / variance))


# --- drawing -----------------------------------------------------------------------------------------------


def permuted(labels: Labels, groups: NDArray[np.int64], number: int, seed: int) -> Iterator[Floats]:
    """Labels dealt anew, (b, n) at a time until there are `number`.

    Args:
        labels: (n,).
        groups: (n,) codes of the sources.
    """
    rng = np.random.default_rng([seed, 2])
    generated = np.bincount(groups, labels == GENERATED)
    mixed = (generated > 0) & (generated < np.bincount(groups))
    inside = np.flatnonzero(mixed[groups])
    inside = inside[np.argsort(groups[inside], kind="stable")]
    whole = np.flatnonzero(~mixed)
    rest = ~mixed[groups]
    place = np.zeros(len(mixed), np.int64)
    place[whole] = np.arange(len(whole))
    kinds = (generated[whole] > 0).astype(np.float64)
    chunk = max(1, _CELLS // len(labels))
    for start in range(0, number, chunk):
        dealt = np.tile(labels.astype(np.float64), (min(chunk, number - start), 1))
        for row in dealt:
            if len(inside):
                order = np.lexsort((rng.random(len(inside)), groups[inside]))
                row[inside] = labels[inside][order]
            if len(whole):
                row[rest] = rng.permutation(kinds)[place[groups[rest]]]
        yield dealt


def _bootstrap(
    tests: Sequence[_Test], labels: Labels, groups: NDArray[np.int64], draws: int, seed: int
) -> list[Floats]:
    """Each test's value in every draw; sources are drawn among those of the same classes."""
    rng = np.random.default_rng([seed, 1])
    number = np.bincount(groups)
    strata = np.bincount(groups, labels == GENERATED) / number
    kinds = [np.flatnonzero(kind) for kind in (strata == 0, strata == 1, (strata > 0) & (strata < 1))]
    parts: list[list[Floats]] = [[] for _ in tests]
    chunk = max(1, _CELLS // (len(labels)))
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        counts = np.zeros((size, len(number)))
        for members in kinds:
            if len(members):
                even = np.full(len(members), 1 / len(members))
                counts[:, members] = rng.multinomial(len(members), even, size)
        weights = counts[:, groups]
        for part, test in zip(parts, tests, strict=True):
            part.append(test.value(weights))
    return [np.concatenate(part) for part in parts]
