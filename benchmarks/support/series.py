"""What a long run shows: latency by quarter, and whether memory grows with the requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

BLOCKS = 20
"""Consecutive samples are alike and would make an interval too narrow; their means per block are less so."""


@dataclass(frozen=True)
class Slope:
    """Growth per request, in the samples' unit, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def slope(samples: Sequence[tuple[int, float]]) -> Slope:
    """The Theil-Sen slope over the means of `BLOCKS` blocks of (request, value), ordered by request.

    The median of the slopes between all pairs of blocks, with its interval by Kendall's tau (Sen 1968,
    Journal of the American Statistical Association 63): a single peak moves neither.

    Raises:
        ValueError: fewer samples than blocks.
    """
    if len(samples) < BLOCKS:
        raise ValueError(f"{len(samples)} samples, expected at least {BLOCKS}")
    blocks = np.array([np.mean(part, axis=0) for part in np.array_split(np.array(samples, float), BLOCKS)])
    found = stats.theilslopes(blocks[:, 1], blocks[:, 0], 0.95)
    return Slope(float(found.slope), float(found.low_slope), float(found.high_slope))


def quarters(took: Sequence[tuple[int, float]], requests: int) -> dict[str, dict[str, float]]:
    """p50 and p99 in milliseconds of (request, seconds) in each quarter of `requests`; quarters without any
    are left out."""
    parts: list[list[float]] = [[] for _ in range(4)]
    for index, seconds in took:
        parts[min(4 * index // requests, 3)].append(seconds)
    return {f"quarter_{number}": milliseconds(part) for number, part in enumerate(parts, 1) if part}


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p99; empty for no values."""
    if not seconds:
        return {}
    return {f"p{share}_milliseconds": 1000 * float(np.percentile(seconds, share)) for share in (50, 99)}
