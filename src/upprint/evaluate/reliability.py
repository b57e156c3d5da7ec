"""Reliability: of the pictures given a probability of 70 %, are 70 % generated?

Expected calibration error as in Guo et al. (ICML 2017), over bins of equal width or of equal count. It
depends on the share of generated pictures in the set, which is stated beside it: the shipped scales weigh
both classes alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate.binomial import interval
from upprint.result import ConfigError, MetricError, require

Floats = NDArray[np.float64]
Binning = Literal["width", "count"]


@dataclass(frozen=True)
class Bin:
    """Pictures of similar probability: from `low` to `high`, their mean probability, their generated share.

    `share_low` and `share_high` are its exact 95 % interval.
    """

    low: float
    high: float
    pictures: int
    probability: float
    share: float
    share_low: float
    share_high: float


@dataclass(frozen=True)
class Reliability:
    """The bins that hold pictures, and the expected calibration error with its interval.

    Args:
        bins: in rising order.
        ece: mean over pictures of |share - probability| of their bin; 0 is perfect.
        low, high: its bootstrap interval over sources. The error is biased upwards in small sets, the
            interval too: with few pictures even a perfect scale does not reach 0.
        pictures, generated: of the set, and how many of them are generated.
    """

    bins: tuple[Bin, ...]
    ece: float
    low: float
    high: float
    pictures: int
    generated: int


def reliability(
    labels: ArrayLike,
    probabilities: ArrayLike,
    sources: Sequence[str] | None = None,
    *,
    bins: int = 10,
    binning: Binning = "width",
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Reliability:
    """Bin a set's probabilities and measure the expected calibration error.

    Args:
        labels: (n,), 0 camera-made or 1 generated.
        probabilities: (n,), in [0, 1].
        sources: (n,), kept together in the bootstrap; None takes every picture for itself.
        bins: how many, at least 1.
        binning: "width" cuts [0, 1] evenly, "count" puts equally many pictures into each.
        draws: of the bootstrap, at least 1.
        level: of its interval.
        seed: of its draws.

    Raises:
        ConfigError: no bins or draws, or another binning.
        MetricError: no pictures, lengths that differ, or a probability outside [0, 1].
    """
    truth, values = np.asarray(labels), np.asarray(probabilities, float)
    if truth.ndim != 1 or truth.shape != values.shape or not len(truth):
        raise MetricError(
            f"labels {truth.shape} and probabilities {values.shape}: expected equal (n,), n >= 1"
        )
    if not (np.isin(truth, (REAL, GENERATED)).all() and np.all((values >= 0) & (values <= 1))):
        raise MetricError("expected labels 0 or 1 and probabilities from 0 to 1")
    if bins < 1 or draws < 1 or binning not in ("width", "count"):
        raise ConfigError(
            f"{bins} bins by {binning!r}, {draws} draws: expected 1 or more, 'width' or 'count'"
        )
    edges = np.linspace(0, 1, bins + 1)
    if binning == "count":
        edges = np.unique(np.quantile(values, edges))
    inner = edges[1:-1]
    member = np.searchsorted(inner, values, side="left")
    total = len(inner) + 1
    keys = (
        np.arange(len(truth)) if sources is None else np.unique(np.asarray(sources), return_inverse=True)[1]
    )
    gaps = _per_source(truth - values, member, keys, total)
    rng = np.random.default_rng(seed)
    people = len(gaps)
    counts = np.bincount(keys)
    drawn = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, people, people), minlength=people)
        drawn.append(np.abs(times @ gaps).sum() / (times @ counts))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    ece = float(np.abs(gaps.sum(axis=0)).sum() / len(truth))
    told = tuple(_bin(edges, index, truth, values, member) for index in np.unique(member))
    return Reliability(told, ece, float(low), float(high), len(truth), int((truth == GENERATED).sum()))


def _per_source(gaps: Floats, member: NDArray[np.intp], keys: NDArray[np.intp], bins: int) -> Floats:
    """Sum of label - probability per source and bin, (sources, bins)."""
    people = int(keys.max()) + 1
    flat = np.bincount(keys * bins + member, gaps, people * bins).astype(np.float64)
    return flat.reshape(people, bins)


def _bin(edges: Floats, index: int, truth: NDArray[np.int_], values: Floats, member: NDArray[np.intp]) -> Bin:
    inside = member == index
    n, k = int(inside.sum()), int((truth[inside] == GENERATED).sum())
    low, high = interval(k, n)
    last = min(index + 1, len(edges) - 1)
    return Bin(float(edges[index]), float(edges[last]), n, float(values[inside].mean()), k / n, low, high)


def draw(found: Reliability, path: Path, title: str) -> None:
    """Write the reliability diagram: the bins with their intervals above, counts below.

    Args:
        found: what to draw.
        path: ends in a suffix that matplotlib writes (.png, .svg, .pdf).
        title: one line.

    Raises:
        ConfigError: another suffix, or a file that cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    require("matplotlib", extra="train", purpose="drawing a reliability diagram")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    x = [b.probability for b in found.bins]
    y = [b.share for b in found.bins]
    reach = [[b.share - b.share_low for b in found.bins], [b.share_high - b.share for b in found.bins]]
    above.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="perfect")
    above.errorbar(x, y, np.maximum(reach, 0), fmt="o", capsize=3, label="bins, 95 % intervals")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share generated", title=title)
    above.set_title(title, fontsize="medium")
    above.text(0.98, 0.03, f"ECE {found.ece:.3f} [{found.low:.3f}, {found.high:.3f}]", ha="right")
    above.legend(loc="upper left")
    above.grid(alpha=0.3)
    edges = [b.low for b in found.bins]
    widths = [max(b.high - b.low, 1e-3) for b in found.bins]
    below.bar(edges, [b.pictures for b in found.bins], widths, align="edge", edgecolor="white")
    below.set(xlabel="probability given", ylabel="pictures")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r}: the figure cannot be written ({error})") from error
