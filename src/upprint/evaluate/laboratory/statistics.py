"""From cells to matrices: AUROC with intervals over source photos, and what is made of them.

Every number is a linear function of the AUROCs of cells, so it has the draws that they have: one draw of
source photos counts for all cells of all variants, and differences are paired. AUROC 0.5 is chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate import bootstrap
from upprint.evaluate.curve import area_under_roc
from upprint.evaluate.laboratory.cell import ALL_BUT, UNTRAINED, Scored

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEVEL, SEED = 0.95, 0


@dataclass(frozen=True)
class Interval:
    """A number, its interval over source photos, and its value for each seed alone.

    Args:
        value: mean over seeds.
        low, high: 95 % percentile interval over draws of source photos.
        seeds: the value of each seed, in the order of the matrix's seeds.
        makers: the interval where makers are drawn anew too, for means over pairs of makers.
    """

    value: float
    low: float
    high: float
    seeds: tuple[float, ...]
    makers: tuple[float, float] | None = None


@dataclass(frozen=True)
class Matrix:
    """One variant under one test.

    Args:
        variant, title, test: which.
        rows: trained on: a maker, or "all but <maker>".
        columns: tested on.
        seeds: that every row has.
        cells: rows x columns, AUROC.
        summary: name -> number; None where nothing falls under it. See `SUMMARY`.
        above, below, pairs: of the cells trained on one maker and tested on another, how many have their
            whole interval above 0.5, below 0.5, and how many there are.
    """

    variant: str
    title: str
    test: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: tuple[tuple[Interval, ...], ...]
    summary: dict[str, Interval | None]
    above: int
    below: int
    pairs: int


@dataclass(frozen=True)
class Comparison:
    """Main variant minus another, over the rows and seeds that both have.

    Args:
        test, main, other: which.
        what: "diagonal" or "transfer".
        rows, seeds: common ones.
        difference: of AUROC.
    """

    test: str
    main: str
    other: str
    what: str
    rows: tuple[str, ...]
    seeds: tuple[int, ...]
    difference: Interval


SUMMARY = {
    "diagonal": "same maker",
    "transfer": "another maker",
    "gap": "same minus another",
    "same_family": "another of the same family",
    "other_family": "of another family",
    "family_gap": "same minus another family",
    "held_out": "trained on all but the one tested",
    "held_out_gain": "that minus trained on one other",
    "untrained": "all makers, nothing trained",
}
"""Summary numbers and what they are means over."""


@dataclass(frozen=True)
class Steadiness:
    """What two variants lose when pictures or makers change, on the makers that they were trained on.

    Args:
        change: under what, in words.
        main, other: which.
        before: AUROC of both before the change.
        losses: of both.
        difference: what the other loses more.
    """

    change: str
    main: str
    other: str
    before: tuple[Interval, Interval]
    losses: tuple[Interval, Interval]
    difference: Interval


@dataclass(frozen=True)
class Sampled:
    """AUROC of every cell of a variant under a test, (seeds, rows, columns, 1 + draws); entry 0: undrawn."""

    variant: str
    test: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    seeds: tuple[int, ...]
    auroc: Floats


def whole(scored: Sequence[Scored]) -> dict[str, dict[tuple[int, str], Scored]]:
    """Variant -> (seed, row) -> cell, a full rectangle of rows and seeds for each variant.

    Of an unfinished run the rows of the first seed count, and the further seeds that have all of them.
    """
    found: dict[str, dict[int, dict[str, Scored]]] = {}
    for s in scored:
        found.setdefault(s.variant, {}).setdefault(s.seed, {})[s.row] = s
    rectangles: dict[str, dict[tuple[int, str], Scored]] = {}
    for variant, seeds in found.items():
        rows = next(iter(seeds.values())).keys()
        full = [seed for seed, by in seeds.items() if rows <= by.keys()]
        rectangles[variant] = {(seed, row): seeds[seed][row] for seed in full for row in rows}
    return rectangles


def sample(
    variant: str,
    test: str,
    found: Mapping[tuple[int, str], Scored],
    makers: tuple[str, ...],
    sources: tuple[str, ...],
    draws: int,
) -> Sampled:
    """AUROC of every cell and draw; sources are drawn, each with its photo and its twin.

    Args:
        found: a full rectangle, as `whole` gives it.
        sources: the test sources, in the order of the scores.
    """
    seeds = tuple(dict.fromkeys(seed for seed, _ in found))
    rows = tuple(dict.fromkeys(row for _, row in found))
    labels = np.repeat([REAL, GENERATED], len(sources))
    values = np.empty((len(seeds), len(rows), len(makers), 1 + draws))
    sets = {
        (i, j, k): bootstrap.prepare(
            f"{variant}, {row}, seed {seed}, tested on {maker}",
            bootstrap.Scores(labels, found[seed, row].logits[test][maker], sources * 2),
        )
        for i, seed in enumerate(seeds)
        for j, row in enumerate(rows)
        for k, maker in enumerate(makers)
    }
    for at, prepared in sets.items():
        values[at][0] = area_under_roc(prepared.scores.curve())
    # The sources are the same everywhere, so one set's weights are every set's.
    first = sets[0, 0, 0]
    start = 1
    for weights in bootstrap.draw_weights({"": first}, draws, SEED):
        stop = start + len(weights[""])
        for at, prepared in sets.items():
            values[at][start:stop] = area_under_roc(prepared.scores.curve(weights[""]))
        start = stop
    return Sampled(variant, test, rows, makers, seeds, values)


def matrix(sampled: Sampled, title: str, families: Mapping[str, str]) -> Matrix:
    """The matrix of a variant with its summary.

    Args:
        families: maker -> family.
    """
    a = sampled.auroc
    cells = tuple(
        tuple(_interval(a[:, j, k]) for k in range(a.shape[2])) for j in range(a.shape[1])
    )  # fmt: skip
    masks = _masks(sampled.rows, sampled.columns, families)
    means = {name: _mean(a, mask) for name, mask in masks.items()}
    summary: dict[str, Interval | None] = {
        name: None if mean is None else _interval(mean) for name, mean in means.items()
    }
    if (transfer := summary["transfer"]) is not None:
        redrawn = _makers_redrawn(a.mean(0), masks["transfer"], sampled.rows, sampled.columns)
        summary["transfer"] = Interval(transfer.value, transfer.low, transfer.high, transfer.seeds, redrawn)
    summary["gap"] = _difference(means["diagonal"], means["transfer"])
    summary["family_gap"] = _difference(means["same_family"], means["other_family"])
    summary["held_out_gain"] = _difference(means["held_out"], _single_onto_held_out(a, masks))
    off = [cells[j][k] for j, k in np.argwhere(masks["transfer"])]
    return Matrix(
        sampled.variant,
        title,
        sampled.test,
        sampled.rows,
        sampled.columns,
        sampled.seeds,
        cells,
        {name: summary[name] for name in SUMMARY},
        above=sum(cell.low > 0.5 for cell in off),
        below=sum(cell.high < 0.5 for cell in off),
        pairs=len(off),
    )


def compare(main: Sampled, other: Sampled) -> list[Comparison]:
    """Main minus other where they share rows and seeds; nothing where they share none."""
    rows = tuple(row for row in main.rows if row in other.rows)
    seeds = tuple(seed for seed in main.seeds if seed in other.seeds)
    if not rows or not seeds:
        return []
    difference = _part(main, rows, seeds) - _part(other, rows, seeds)
    masks = _masks(rows, main.columns, {})
    found = []
    for what in ("diagonal", "transfer"):
        mean = _mean(difference, masks[what])
        if mean is not None:
            found.append(
                Comparison(main.test, main.variant, other.variant, what, rows, seeds, _interval(mean))
            )
    return found


def steadiness(
    change: str,
    main: tuple[Sampled, Sampled],
    other: tuple[Sampled, Sampled],
    hiding: Mapping[str, str] | None = None,
) -> Steadiness:
    """Compare the losses of two variants, each given before and after the change.

    Args:
        change: in words.
        main, other: before and after; the same twice where the makers change.
        hiding: maker -> the maker that takes its place afterwards; without it, each keeps its own.
    """
    lost = []
    for before, after in (main, other):
        rows = [row for row in before.rows if row in (hiding or before.columns)]
        own = [(before.rows.index(row), before.columns.index(row)) for row in rows]
        then = [
            (j, before.columns.index((hiding or {}).get(row, row)))
            for row, (j, _) in zip(rows, own, strict=True)
        ]
        first = np.mean([before.auroc[:, j, k].mean(0) for j, k in own], axis=0)[None]
        second = np.mean([after.auroc[:, j, k].mean(0) for j, k in then], axis=0)[None]
        lost.append((first, first - second))
    (a, drop), (b, drop_other) = lost
    return Steadiness(
        change,
        main[0].variant,
        other[0].variant,
        (_interval(a), _interval(b)),
        (_interval(drop), _interval(drop_other)),
        _interval(drop_other - drop),
    )


def _part(sampled: Sampled, rows: Sequence[str], seeds: Sequence[int]) -> Floats:
    which = np.ix_([sampled.seeds.index(s) for s in seeds], [sampled.rows.index(r) for r in rows])
    part: Floats = sampled.auroc[which]
    return part


def _masks(rows: Sequence[str], columns: Sequence[str], families: Mapping[str, str]) -> dict[str, Mask]:
    """(rows, columns) each: which cells a mean runs over."""
    trained, tested = np.array(rows)[:, None], np.array(columns)[None]
    single = np.isin(trained, columns)
    same = trained == tested
    row_family = np.array([families.get(row, row) for row in rows])[:, None]
    kin = row_family == np.array([families.get(column, column) for column in columns])[None]
    return {
        "diagonal": same,
        "transfer": single & ~same,
        "same_family": single & ~same & kin,
        "other_family": single & ~kin,
        "held_out": trained == np.array([ALL_BUT + column for column in columns])[None],
        "untrained": np.broadcast_to(trained == UNTRAINED, (len(rows), len(columns))),
    }


def _mean(values: Floats, mask: Mask) -> Floats | None:
    """(seeds, rows, columns, draws) to (seeds, draws) over the masked cells; None where there are none."""
    return values[:, mask].mean(1) if mask.any() else None


def _single_onto_held_out(values: Floats, masks: Mapping[str, Mask]) -> Floats | None:
    """Mean over the held-out makers of the mean of the single rows that were tested on them."""
    columns = [k for k in np.flatnonzero(masks["held_out"].any(0)) if masks["transfer"][:, k].any()]
    if not columns or len(columns) < masks["held_out"].any(0).sum():
        return None
    means: Floats = np.mean([values[:, masks["transfer"][:, k], k].mean(1) for k in columns], axis=0)
    return means


def _difference(first: Floats | None, second: Floats | None) -> Interval | None:
    return None if first is None or second is None else _interval(first - second)


def _interval(values: Floats) -> Interval:
    """From (seeds, 1 + draws)."""
    mean = values.mean(0)
    low, high = np.quantile(mean[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(mean[0]), float(low), float(high), tuple(float(v) for v in values[:, 0]))


def _makers_redrawn(
    values: Floats, mask: Mask, rows: Sequence[str], columns: Sequence[str]
) -> tuple[float, float] | None:
    """The interval of a mean over pairs of makers, with makers drawn with replacement beside the photos.

    A pair counts as often as both its makers were drawn; a maker is never its own partner. Draws without
    any pair do not count. None for fewer than three makers, where every draw is the same pair or none.

    Args:
        values: (rows, columns, 1 + draws).
    """
    if len(columns) < 3:
        return None
    draws = values.shape[-1] - 1
    counts = np.random.default_rng(SEED).multinomial(len(columns), [1 / len(columns)] * len(columns), draws)
    row_at = [columns.index(row) if row in columns else -1 for row in rows]
    weights = np.where(mask, counts[:, row_at][:, :, None] * counts[:, None, :], 0)
    totals = weights.sum((1, 2))
    kept = totals > 0
    means = np.einsum("drc,rcd->d", weights, values[..., 1:])[kept] / totals[kept]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
