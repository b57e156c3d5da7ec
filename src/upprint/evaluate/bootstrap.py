"""Bootstrap intervals of metrics, over sources rather than files.

Samples with the same source (a photo and its twins, frames of one video, reals that several sub-sets
share) are drawn together: files of one source are not independent, and intervals over files would be too
narrow. Sources are drawn within strata, a stratum being the sources that occur in the same sub-sets, so
that one draw serves all sub-sets and their mean at once. A draw in which a sub-set loses a class that it
has is drawn again; so the intervals are conditional on both classes being present.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate.curve import Floats, Kind, Sorted, sort
from upprint.result import MetricError

DRAWS = 1000
LEVEL = 0.95
_REDRAWS = 100
_CELLS = 4_000_000

Samples = dict[str, dict[str, Floats]]


@dataclass(frozen=True)
class Estimate:
    """A metric's value and its percentile interval; what is not defined is None and says why.

    Args:
        value: on the set as it is.
        low, high: the interval.
        undefined: why value, or the interval, is missing.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str | None = None


@dataclass(frozen=True)
class Scores:
    """A sub-set's scores: labels (n,), logits (n,), sources (n,)."""

    labels: ArrayLike
    logits: ArrayLike
    sources: Sequence[str]


@dataclass(frozen=True)
class Estimates:
    """Per sub-set and metric, and the unweighted mean over sub-sets in which the metric is defined."""

    subsets: dict[str, dict[str, Estimate]]
    mean: dict[str, Estimate]


def estimate(
    subsets: Mapping[str, Scores],
    kinds: Mapping[str, Kind],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Estimates:
    """Every metric of every sub-set, and its mean over them, with bootstrap intervals.

    Args:
        subsets: by name.
        kinds: the metrics, by name.
        draws: bootstrap draws; 0 leaves every interval out.
        level: of the two-sided percentile interval.
        seed: of the draws, 0 or more.

    Raises:
        MetricError: a sub-set is empty or holds scores or labels that are not valid.
    """
    sets = {name: prepare(name, scores) for name, scores in subsets.items()}
    samples, failure = _sample(sets, kinds, draws, seed)
    estimates: dict[str, dict[str, Estimate]] = {}
    for name, s in sets.items():
        whole = s.scores.curve()
        no_interval = "a single source cannot be resampled" if len(s.sources) < 2 else failure
        estimates[name] = {}
        for metric, kind in kinds.items():
            reason = _missing(s, kind)
            value = None if reason else float(kind.metric(whole))
            sample = None if reason or no_interval else samples[name][metric]
            estimates[name][metric] = _estimate(value, sample, level, reason or no_interval)
    mean = {metric: _mean(metric, estimates, samples, level) for metric in kinds}
    return Estimates(estimates, mean)


def _sample(
    sets: Mapping[str, Prepared], kinds: Mapping[str, Kind], draws: int, seed: int
) -> tuple[Samples, str | None]:
    """Every defined metric of every draw, (draws,) each; or why there are none."""
    parts: dict[str, dict[str, list[Floats]]] = {
        name: {metric: [] for metric, kind in kinds.items() if not _missing(s, kind)}
        for name, s in sets.items()
    }
    if draws < 1:
        return {}, "no bootstrap draws"
    try:
        for weights in draw_weights(sets, draws, seed):
            for name, wanted in parts.items():
                curve = sets[name].scores.curve(weights[name])
                for metric, values in wanted.items():
                    values.append(kinds[metric].metric(curve))
    except MetricError as error:
        return {}, str(error)
    return {
        name: {metric: np.concatenate(values) for metric, values in wanted.items()}
        for name, wanted in parts.items()
    }, None


@dataclass(frozen=True)
class Prepared:
    """A sub-set's scores, sorted once, and which source every sample belongs to."""

    scores: Sorted
    keys: NDArray[np.intp]
    """Index of every sample's source among all sources."""
    sources: tuple[str, ...]
    labels: NDArray[np.int_]


def prepare(name: str, scores: Scores) -> Prepared:
    """Check and sort a sub-set; raises `MetricError` naming it where it is empty or not valid."""
    labels = np.asarray(scores.labels)
    ordered = sort(labels, scores.logits, name=name)
    if len(scores.sources) != len(labels):
        raise MetricError(
            f"{name}: {len(scores.sources)} sources for {len(labels)} pictures; expected one each"
        )
    position = {source: index for index, source in enumerate(dict.fromkeys(scores.sources))}
    keys = np.array([position[source] for source in scores.sources], dtype=np.intp)
    return Prepared(ordered, keys, tuple(position), labels)


def _missing(prepared: Prepared, kind: Kind) -> str:
    present = set(np.unique(prepared.labels).tolist())
    absent = sorted(kind.classes - present)
    names = {REAL: "camera-made", GENERATED: "generated"}
    return f"no {' and no '.join(names[label] for label in absent)} pictures" if absent else ""


def draw_weights(sets: Mapping[str, Prepared], draws: int, seed: int) -> Iterator[dict[str, Floats]]:
    """Sample weights per sub-set, (chunk, n), until `draws` draws have been given; draw i is (seed, i)'s."""
    everything = sorted({source for s in sets.values() for source in s.sources})
    position = {source: index for index, source in enumerate(everything)}
    where = {name: np.array([position[source] for source in s.sources]) for name, s in sets.items()}
    strata = _strata(where, len(everything))
    needed = [where[name][holders] for name, s in sets.items() for holders in _holders(s)]
    chunk = max(1, _CELLS // sum(len(s.keys) for s in sets.values()))
    for start in range(0, draws, chunk):
        indices = range(start, min(start + chunk, draws))
        counts = np.stack([_draw(strata, len(everything), needed, seed, index) for index in indices])
        yield {name: counts[:, where[name]][:, s.keys] for name, s in sets.items()}


def _strata(where: Mapping[str, NDArray[np.intp]], total: int) -> list[NDArray[np.intp]]:
    member = np.zeros((total, len(where)), dtype=bool)
    for column, indices in enumerate(where.values()):
        member[indices, column] = True
    _, stratum = np.unique(member, axis=0, return_inverse=True)
    return [np.flatnonzero(stratum.reshape(-1) == value) for value in range(int(stratum.max()) + 1)]


def _holders(prepared: Prepared) -> list[NDArray[np.intp]]:
    """For each class that the sub-set has, the sources that hold it."""
    return [np.unique(prepared.keys[prepared.labels == label]) for label in np.unique(prepared.labels)]


def _draw(
    strata: Sequence[NDArray[np.intp]], total: int, needed: Sequence[NDArray[np.intp]], seed: int, index: int
) -> Floats:
    """How often every source is drawn, (total,)."""
    rng = np.random.default_rng([seed, index])
    counts = np.zeros(total)
    for _ in range(1 + _REDRAWS):
        for members in strata:
            picks = rng.integers(0, len(members), len(members))
            counts[members] = np.bincount(picks, minlength=len(members))
        if all(counts[sources].any() for sources in needed):
            return counts
    raise MetricError("too few sources of one class: draws kept losing it")


def _estimate(value: float | None, sample: Floats | None, level: float, reason: str | None) -> Estimate:
    if value is None or sample is None:
        return Estimate(value, undefined=reason)
    low, high = np.quantile(sample, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def _mean(
    metric: str, estimates: Mapping[str, Mapping[str, Estimate]], samples: Samples, level: float
) -> Estimate:
    defined = {name: e for name, by in estimates.items() if (e := by[metric]).value is not None}
    if not defined:
        return Estimate(None, undefined="defined in no sub-set")
    value = float(np.mean([e.value for e in defined.values()]))
    without = [f"{name}: {e.undefined}" for name, e in defined.items() if e.undefined]
    if without:
        return Estimate(value, undefined="; ".join(without))
    return _estimate(value, np.mean([samples[name][metric] for name in defined], axis=0), level, None)
