"""Is one system better than another on the same pictures? Said only when it holds after correction.

Every pair of systems is compared by a metric that depends on the ranking alone, over each sub-set or the
unweighted mean of all. Three looks at one difference:

- its bootstrap interval over sources, both systems drawn together (`bootstrap.py`);
- a permutation test over sources: were the two systems alike, their ranks of all pictures of a source could
  be exchanged (Venkatraman and Begg, Biometrika 1996); its p is corrected by Holm (1979) over all
  comparisons made;
- DeLong's test, an asymptotic check (`delong.py`).

"Better" needs a corrected p of at most alpha and an interval that leaves zero out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from upprint.evaluate import bootstrap, curve
from upprint.evaluate.bootstrap import Scores
from upprint.evaluate.curve import Floats, Kind
from upprint.evaluate.delong import delong
from upprint.evaluate.predictions import Predictions
from upprint.result import ConfigError, DataError, MetricError, Progress

METRICS = ("auroc", "average_precision", "tpr_at_1_fpr")
"""Those that no rising function of the scores changes; ranks may stand for scores."""
MEAN = "mean over sub-sets"


@dataclass(frozen=True)
class Paired:
    """The pictures that every system scored: labels, sources and sub-sets (n,), logits (n,) per system.

    `left_out` counts pictures that some system could not score.
    """

    labels: NDArray[np.int_]
    sources: tuple[str, ...]
    subsets: tuple[str, ...]
    logits: dict[str, Floats]
    left_out: int = 0


@dataclass(frozen=True)
class Comparison:
    """Two systems on one sub-set, or on the mean over sub-sets.

    Args:
        first, second: the systems; `values` are theirs, as fractions.
        subset: its name, or `MEAN`.
        difference: first minus second, with its bootstrap interval `low` to `high`.
        p: of the permutation test, two-sided.
        p_corrected: after Holm's correction over all comparisons made together.
        p_delong: of DeLong's test; None for other metrics and for means.
        better: the better system, or None where that does not hold.
    """

    first: str
    second: str
    subset: str
    values: tuple[float, float]
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    p_delong: float | None
    better: str | None


@dataclass(frozen=True)
class Difference:
    """What one system has more of a metric than another, with a paired bootstrap interval `low` to `high`."""

    values: tuple[float, float]
    difference: float
    low: float
    high: float


def pair(systems: Mapping[str, Predictions]) -> Paired:
    """Bring predictions of the same samples together; pictures that one system failed on are left out.

    Raises:
        DataError: fewer than two systems, or their samples differ.
    """
    if len(systems) < 2:
        raise DataError(f"{len(systems)} predictions to compare: expected at least 2")
    tables = {
        name: {(r.subset, r.path, r.label, r.source): r.logit for r in found.rows}
        for name, found in systems.items()
    }
    first, *others = tables
    for other in others:
        if differing := tables[first].keys() ^ tables[other].keys():
            subset, path, *_ = min(differing)
            raise DataError(
                f"{first} and {other} did not score the same samples: {len(differing)} differ, such as "
                f"{path!r} in {subset!r}; evaluate both on one data set with the same --subset"
            )
    keys = [key for key in tables[first] if all(table[key] is not None for table in tables.values())]
    if not keys:
        raise DataError("no picture was scored by all systems")
    return Paired(
        np.array([key[2] for key in keys]),
        tuple(key[3] for key in keys),
        tuple(key[0] for key in keys),
        {name: np.array([table[key] for key in keys], dtype=float) for name, table in tables.items()},
        len(tables[first]) - len(keys),
    )


def compare(
    paired: Paired,
    *,
    metric: str = "auroc",
    by_subset: bool = False,
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress = lambda _done, _total: None,
) -> list[Comparison]:
    """Compare every pair of systems.

    Args:
        paired: their scores of the same pictures.
        metric: one of `METRICS`.
        by_subset: each sub-set for itself besides the mean; all count in the correction.
        alpha: chance of any false "better" that is accepted, over all comparisons together.
        draws: of the bootstrap and of each permutation test.
        seed: of both, 0 or more.
        progress: called with (comparisons done, comparisons).

    Raises:
        ConfigError: another metric, an alpha outside (0, 1), or too few draws to reach it.
        MetricError: a sub-set lacks a class, or has too few sources.
    """
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r}: expected one of {', '.join(METRICS)}")
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha {alpha}: expected a number between 0 and 1")
    kind = curve.STANDARD[metric]
    names = tuple(dict.fromkeys(paired.subsets))
    parts = {name: np.flatnonzero(np.array(paired.subsets) == name) for name in names}
    wanted = [*names, MEAN] if by_subset and len(names) > 1 else [MEAN if len(names) > 1 else names[0]]
    pairs = [(a, b, subset) for subset in wanted for a, b in combinations(paired.logits, 2)]
    if (least := math.ceil(len(pairs) / alpha)) > draws + 1:
        raise ConfigError(
            f"{draws} draws cannot show a difference at {alpha} over {len(pairs)} comparisons: "
            f"expected at least {least - 1}"
        )
    values, samples = _bootstrap(paired, parts, dict.fromkeys(paired.logits, kind), draws, seed)
    found = []
    for done, (a, b, subset) in enumerate(pairs, start=1):
        members = list(parts) if subset == MEAN else [subset]
        drawn = np.mean([samples[a][n] - samples[b][n] for n in members], axis=0)
        both = tuple(float(np.mean([values[s][n] for n in members])) for s in (a, b))
        low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
        p = _permutation(paired, [parts[n] for n in members], a, b, kind, draws, [seed, done])
        check = None
        if metric == "auroc" and len(members) == 1:
            i = parts[members[0]]
            sources = [paired.sources[k] for k in i]
            check = delong(paired.labels[i], paired.logits[a][i], paired.logits[b][i], sources, name=subset).p
        found.append((a, b, subset, (both[0], both[1]), float(low), float(high), p, check))
        progress(done, len(pairs))
    corrected = holm([row[6] for row in found])
    return [_judge(row, q, alpha) for row, q in zip(found, corrected, strict=True)]


def difference(
    paired: Paired,
    first: str,
    second: str,
    kinds: Mapping[str, Kind],
    *,
    worst: bool = False,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Difference:
    """A metric of one system minus that of another, each at its own threshold, with a paired interval.

    An interval alone: no test and no correction, where `compare` has both.

    Args:
        paired: their scores of the same pictures.
        first, second: two of them.
        kinds: the metric of each, which may depend on its threshold.
        worst: of every system's own worst sub-set, instead of the mean over sub-sets.
        level: of the two-sided percentile interval.
        draws, seed: of the bootstrap over sources.

    Raises:
        MetricError: a sub-set lacks a class that the metric needs, or has too few sources.
    """
    parts = {name: np.flatnonzero(np.array(paired.subsets) == name) for name in dict.fromkeys(paired.subsets)}
    both = Paired(
        paired.labels, paired.sources, paired.subsets, {name: paired.logits[name] for name in (first, second)}
    )
    values, samples = _bootstrap(both, parts, kinds, draws, seed)

    def reduced(system: str, rows: Sequence[Any]) -> Any:
        if not worst:
            return np.mean(rows, axis=0)
        return np.min(rows, axis=0) if kinds[system].higher_is_better else np.max(rows, axis=0)

    at = tuple(float(reduced(name, list(values[name].values()))) for name in (first, second))
    drawn = reduced(first, list(samples[first].values())) - reduced(second, list(samples[second].values()))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Difference((at[0], at[1]), at[0] - at[1], float(low), float(high))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: p values of a family, adjusted, in their order, at most 1."""
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def permutation(
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    sources: Sequence[str],
    *,
    metric: str = "auroc",
    draws: int = 1000,
    seed: int = 0,
) -> float:
    """Two-sided p that two systems rank one set's pictures alike, exchanging whole sources.

    Args:
        labels, first, second: (n,); see `delong.delong`.
        sources: (n,), kept together.
        metric: one of `METRICS`.
        draws: random exchanges; the smallest p is 1 / (draws + 1).
        seed: 0 or more.
    """
    truth = np.asarray(labels)
    logits = {"first": np.asarray(first, float), "second": np.asarray(second, float)}
    paired = Paired(truth, tuple(sources), ("",) * len(truth), logits)
    part = [np.arange(len(truth))]
    return _permutation(paired, part, "first", "second", curve.STANDARD[metric], draws, [seed])


def _judge(
    row: tuple[str, str, str, tuple[float, float], float, float, float, float | None], q: float, alpha: float
) -> Comparison:
    first, second, subset, values, low, high, p, check = row
    better = None
    if q <= alpha and (low > 0 or high < 0):
        better = first if low > 0 else second
    return Comparison(first, second, subset, values, values[0] - values[1], low, high, p, q, check, better)


def _bootstrap(
    paired: Paired, parts: Mapping[str, NDArray[np.intp]], kinds: Mapping[str, Kind], draws: int, seed: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, Floats]]]:
    """Per system and sub-set: the metric, and the metric of every draw (draws,), the same for all systems."""
    sets = {
        system: {
            name: bootstrap.prepare(name, Scores(paired.labels[i], logits[i], [paired.sources[k] for k in i]))
            for name, i in parts.items()
        }
        for system, logits in paired.logits.items()
    }
    values: dict[str, dict[str, float]] = {system: {} for system in sets}
    for system, by in sets.items():
        for name, prepared in by.items():
            if not kinds[system].classes <= set(prepared.labels.tolist()):
                raise MetricError(
                    f"{name}: one class only; a comparison needs camera-made and generated pictures"
                )
            values[system][name] = float(kinds[system].metric(prepared.scores.curve()))
    chunks: dict[str, dict[str, list[Floats]]] = {s: {name: [] for name in parts} for s in sets}
    for weights in bootstrap.draw_weights(next(iter(sets.values())), draws, seed):
        for system, by in sets.items():
            for name, prepared in by.items():
                chunks[system][name].append(kinds[system].metric(prepared.scores.curve(weights[name])))
    samples = {s: {name: np.concatenate(c) for name, c in by.items()} for s, by in chunks.items()}
    return values, samples


def _permutation(
    paired: Paired,
    parts: Sequence[NDArray[np.intp]],
    first: str,
    second: str,
    kind: Kind,
    draws: int,
    seed: Sequence[int],
) -> float:
    used = np.concatenate(parts)
    _, keys = np.unique(np.array(paired.sources)[used], return_inverse=True)
    a, b = (_ranks(paired.logits[name][used]) for name in (first, second))
    labels = paired.labels[used]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    cuts = np.split(np.arange(len(used)), ends)

    def difference(x: Floats, y: Floats) -> float:
        gaps = [
            kind.metric(curve.sort(labels[i], x[i]).curve())
            - kind.metric(curve.sort(labels[i], y[i]).curve())
            for i in cuts
        ]
        return abs(float(np.mean(gaps)))

    seen = difference(a, b)
    rng = np.random.default_rng(list(seed))
    total = int(keys.max()) + 1
    as_large = 0
    for _ in range(draws):
        swap = (rng.random(total) < 0.5)[keys]
        as_large += difference(np.where(swap, b, a), np.where(swap, a, b)) >= seen - 1e-12
    return (1 + as_large) / (1 + draws)


def _ranks(values: Floats) -> Floats:
    """Mid-ranks: equal values share one."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2)[inverse]
    return ranks
