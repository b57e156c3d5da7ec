"""What maps of composites are worth, over all of them: means, intervals, and whether a map beats chance.

Chance is 0.5, but not only: a few regions may by chance favour the middle of the picture, and a map may
respond to pasting. A map beats chance when its mean AUROC is above 0.5, above that of a guess at the centre
on the same composites, and above its own on the controls (the same regions, with the photo pasted into
itself), each with an interval that lies above zero.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from upprint.card import MapTest
from upprint.evaluate.bootstrap import Estimate
from upprint.evaluate.curve import Floats
from upprint.evaluate.where import Item, Pixelwise, overlap, value
from upprint.evaluate.where_maps import LocalMap
from upprint.record import build
from upprint.result import DataError, MetricError

CENTRE = "centre"
CONTROLS = (CENTRE, "flat")
SUFFIX = ".where.json"
_PROBABILITY_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Pixels of similar local probability: their mean, and the share generated; both classes weigh alike."""

    probability: float
    share: float
    pixels: int


@dataclass(frozen=True)
class MapResult:
    """What was measured of one map. Estimates are means over composites, intervals over sources.

    Args:
        name, title, rule: the map's.
        auroc: over composites, chance 0.5.
        auroc_lossless, auroc_jpeg: of those stored in this way.
        auroc_pooled: of all pixels of all composites together: needs one scale for all pictures.
        auroc_null: on the controls, where 0.5 means that pasting leaves it cold.
        over_centre: AUROC minus the centre guess's.
        over_null: AUROC minus `auroc_null`.
        iou: overlap at the shipped threshold.
        iou_everything: overlap of marking the whole picture, to compare with.
        calibration: of local probabilities; empty where values are no logits.
        beats_chance: see the module.
    """

    name: str
    title: str
    rule: str
    auroc: Estimate
    auroc_lossless: Estimate
    auroc_jpeg: Estimate
    auroc_pooled: Estimate
    auroc_null: Estimate
    over_centre: Estimate
    over_null: Estimate
    iou: Estimate
    iou_everything: Estimate
    calibration: tuple[CalibrationBin, ...]
    beats_chance: bool


@dataclass(frozen=True)
class WhereResult:
    """Every map of a system on one set of composites."""

    system: str
    weights_sha256: str
    trained_on: str
    threshold: float | None
    threshold_fpr: str | None
    data: str
    makers: tuple[str, ...]
    source_patterns: tuple[str, ...]
    sources: int
    composites: int
    controls: int
    share: float
    maps: tuple[MapResult, ...]
    draws: int
    level: float
    seed: int
    plan: dict[str, Any] = field(default_factory=dict)
    date: str = ""
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    schema: Literal[1] = 1


def summarise(
    items: Sequence[Item],
    maps: Sequence[LocalMap],
    probability: Callable[[float], float] | None,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[MapResult, ...]:
    """Every map's results over all composites.

    Args:
        items: of `score`; the maps must include the control "centre".
        maps: what to report.
        probability: from a local logit; None leaves calibration out.
        draws, level, seed: of the bootstrap over sources.

    Raises:
        MetricError: fewer than two sources, or no composites.
    """
    sources = sorted({item.source for item in items})
    if len(sources) < 2:
        raise MetricError(f"{len(sources)} sources of composites: expected at least 2 for an interval")
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(sources), (draws, len(sources)))
    times = np.stack([np.bincount(row, minlength=len(sources)) for row in picks]).astype(float)
    at = {source: index for index, source in enumerate(sources)}

    def mean(values: Mapping[int, float]) -> Estimate:
        """Of composites by index; a draw without any is left out."""
        if not values:
            return Estimate(None, undefined="none of this kind")
        totals, counts = np.zeros(len(sources)), np.zeros(len(sources))
        for index, number in values.items():
            totals[at[items[index].source]] += number
            counts[at[items[index].source]] += 1
        return _interval(float(totals.sum() / counts.sum()), times @ totals, times @ counts, level)

    twins = [i for i, item in enumerate(items) if item.kind == "twin"]
    nulls = {_number(item): i for i, item in enumerate(items) if item.kind == "null"}
    results = []
    for local in maps:
        found = [item.maps[local.name] for item in items]
        auroc = {i: found[i].auroc for i in twins}
        over = {i: found[i].auroc - items[i].maps[CENTRE].auroc for i in twins}
        null = {i: found[i].auroc for i in nulls.values()}
        gain = {
            i: found[i].auroc - found[j].auroc
            for i in twins
            if (j := nulls.get(_number(items[i]))) is not None
        }
        estimates = [mean(v) for v in (auroc, over, gain)]
        histogram = _histogram([found[i] for i in twins])
        results.append(
            MapResult(
                local.name,
                local.title,
                local.rule,
                estimates[0],
                mean({i: v for i, v in auroc.items() if items[i].encoding == "lossless"}),
                mean({i: v for i, v in auroc.items() if items[i].encoding != "lossless"}),
                _pooled(histogram, np.array([at[items[i].source] for i in twins]), times, level),
                mean(null),
                estimates[1],
                estimates[2],
                mean({i: o for i in twins if (o := overlap(found[i])) is not None}),
                mean({i: _everything(found[i]) for i in twins}),
                () if probability is None or not local.logits else _calibration(histogram, probability),
                all(
                    e.low is not None and e.low > at_least
                    for e, at_least in zip(estimates, (0.5, 0, 0), strict=True)
                ),
            )
        )
    return tuple(results)


def _number(item: Item) -> str:
    """What a composite and its control have in common."""
    return Path(item.path).name.partition("-")[0]


def map_tests(result: WhereResult) -> tuple[MapTest, ...]:
    """What a card keeps: every map that has an interval, the controls left out."""
    found = {local.name: local for local in result.maps}
    centre = found[CENTRE].auroc.value
    tests = []
    for local in result.maps:
        told, null = local.auroc, local.auroc_null.value
        if local.name in CONTROLS or told.value is None or told.low is None or told.high is None:
            continue
        if centre is None or null is None:
            continue
        test = MapTest(
            map=local.name,
            beats_chance=local.beats_chance,
            auroc=told.value,
            low=told.low,
            high=told.high,
            centre=centre,
            null=null,
            iou=local.iou.value,
            data=result.data,
            weights_sha256=result.weights_sha256,
            date=result.date,
            command=result.command,
        )
        tests.append(test)
    return tuple(tests)


def write(result: WhereResult, path: Path) -> None:
    """Write a result, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    text = json.dumps(asdict(result), indent=2, ensure_ascii=True, allow_nan=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> WhereResult:
    """Read a result strictly; `DataError` names what is wrong."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a result ({error})") from error
    return build(WhereResult, raw, str(path), DataError)


def _everything(found: Pixelwise) -> float:
    inside = sum(found.inside)
    return inside / (inside + sum(found.outside))


def _interval(whole: float, totals: Floats, counts: Floats, level: float) -> Estimate:
    held = counts > 0
    if np.count_nonzero(held) < 0.9 * len(counts):
        return Estimate(whole, undefined="too few sources of this kind")
    low, high = np.quantile(totals[held] / counts[held], [(1 - level) / 2, (1 + level) / 2])
    return Estimate(whole, float(low), float(high))


def _histogram(found: Sequence[Pixelwise]) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Bins that occur, rising, and pixels inside and outside, (composites, bins)."""
    bins = np.unique(np.concatenate([np.array(one.bins, dtype=np.int64) for one in found]))
    inside, outside = np.zeros((len(found), len(bins))), np.zeros((len(found), len(bins)))
    for row, one in enumerate(found):
        columns = np.searchsorted(bins, one.bins)
        inside[row, columns], outside[row, columns] = one.inside, one.outside
    return bins, inside, outside


def _pooled(
    histogram: tuple[NDArray[np.int64], Floats, Floats], keys: NDArray[np.intp], times: Floats, level: float
) -> Estimate:
    _, inside, outside = histogram

    def area(weights: Floats) -> Floats:
        a, b = weights @ inside, weights @ outside
        above = a.sum(axis=-1, keepdims=True) - np.cumsum(a, axis=-1)
        won: Floats = (b * (above + a / 2)).sum(axis=-1) / (a.sum(axis=-1) * b.sum(axis=-1))
        return won

    whole = float(area(np.ones(len(inside))))
    drawn = area(times[:, keys])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(whole, float(low), float(high))


def _calibration(
    histogram: tuple[NDArray[np.int64], Floats, Floats], probability: Callable[[float], float]
) -> tuple[CalibrationBin, ...]:
    bins, inside, outside = histogram
    given = np.array([probability(logit) for logit in value(bins).tolist()])
    a, b = inside.sum(axis=0), outside.sum(axis=0)
    weighed_a, weighed_b = a / a.sum(), b / b.sum()
    member = np.minimum((given * _PROBABILITY_BINS).astype(int), _PROBABILITY_BINS - 1)
    made = []
    for index in np.unique(member):
        inner = member == index
        mass = weighed_a[inner].sum() + weighed_b[inner].sum()
        centre = float((given[inner] * (weighed_a + weighed_b)[inner]).sum() / mass)
        pixels = int((a + b)[inner].sum())
        made.append(CalibrationBin(centre, float(weighed_a[inner].sum() / mass), pixels))
    return tuple(made)
