"""The simulation behind docs/scale.md against closed forms, and the page against its results."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import mean

import pytest

BENCHMARKS = str(Path(__file__).resolve().parents[2] / "benchmarks")
SEEDS = range(1, 9)


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield import_module("scale")
    for name in ("scale", "scale_simulation", "scale_measured"):
        sys.modules.pop(name, None)


@pytest.fixture
def plain(scale):
    """Equal machines that never fail, a driver that takes no time: 1,600 workers, shards of 100 s."""
    return scale.Cluster(
        pictures=100_000_000,
        shard=1_000,
        machines=100,
        seconds_per_picture=0.0999,
        shard_overhead=0.1,
        dispatch=0.0,
        speed_spread=0.0,
        slow_share=0.0,
    )


def test_without_failures_it_is_rounds_of_shards(scale, plain) -> None:
    for pictures in (100_000_000, 1_600_000, 1_600_001, 1):
        one = replace(plain, pictures=pictures, planning=50.0)
        outcome = scale.simulate(one, 1)
        rounds = math.ceil(math.ceil(pictures / 1_000) / 1_600)
        assert outcome.seconds == pytest.approx(50 + rounds * 100, rel=1e-9)
        assert (outcome.attempts, outcome.lost_seconds, outcome.given_up) == (one.shards, 0, 0)
        assert outcome.worker_seconds == pytest.approx(one.shards * 100)


def test_a_slow_driver_is_the_limit(scale, plain) -> None:
    """When handing out takes longer than all workers need, it alone sets the pace."""
    outcome = scale.simulate(replace(plain, pictures=1_000_000, dispatch=1.0), 1)
    assert outcome.seconds == pytest.approx(1_000 * 1.0 + 100, rel=1e-9)


@pytest.mark.parametrize("lifetime", [300.0, 1_000.0])
def test_failures_cost_what_the_renewal_argument_says(scale, plain, lifetime: float) -> None:
    one = replace(plain, lifetime=lifetime, replacement=30.0)
    outcomes = [scale.simulate(one, seed) for seed in SEEDS]
    expected = scale.expected_seconds_per_shard(one) * one.shards / one.workers
    assert expected > 1.05 * one.shard_seconds * one.shards / one.workers
    # The last shards are waited for by idle workers, which no closed form knows: a few of their durations.
    assert mean(outcome.seconds for outcome in outcomes) == pytest.approx(expected + 150, rel=0.03)
    share = mean(outcome.attempts for outcome in outcomes) / one.shards
    thrice = scale.failing_share(one)
    assert share == pytest.approx(1 + thrice + thrice**2, rel=0.02)
    # Sixteen workers of a machine lose their shards together, so these counts scatter in steps of sixteen.
    given_up, steps = one.shards * scale.given_up_share(one), one.workers_per_machine
    deviation = math.sqrt(given_up * steps / len(outcomes))
    assert mean(outcome.given_up for outcome in outcomes) == pytest.approx(given_up, abs=3 * deviation)


def test_a_killed_driver_costs_half_a_shard_per_worker_and_the_pause(scale, plain) -> None:
    undisturbed = scale.simulate(plain, 1).seconds
    lost = []
    for moment in range(1_005, 1_105, 10):
        outcome = scale.simulate(replace(plain, driver_killed_at=float(moment), resume=70.0), 1)
        lost.append(outcome.lost_seconds / plain.workers)
        rounds = math.ceil((plain.shards - moment // 100 * plain.workers) / plain.workers)
        assert outcome.seconds == pytest.approx(moment + 70 + rounds * 100, rel=1e-9)
        assert outcome.seconds <= undisturbed + 70 + 100
    assert mean(lost) == pytest.approx(50, rel=1e-9)


def test_stragglers_hold_up_the_end_only(scale, plain) -> None:
    slow = replace(plain, slow_share=0.1, slow_factor=0.5)
    speeds = 1_600 * (0.9 + 0.1 * 0.5)
    found = mean(scale.simulate(slow, seed).seconds for seed in SEEDS)
    assert found == pytest.approx(plain.shards * 100 / speeds, rel=0.03)


def test_the_same_seed_gives_the_same_scan(scale) -> None:
    one = replace(scale.Cluster(), pictures=2_000_000, lifetime=3_600.0)
    assert scale.simulate(one, 3) == scale.simulate(one, 3)
    assert scale.simulate(one, 3) != scale.simulate(one, 4)


def test_the_attempts_are_those_of_the_scan() -> None:
    pytest.importorskip("pyarrow")
    source = Path(BENCHMARKS, "scale_simulation.py").read_text(encoding="utf-8")
    from upprint.cluster.worker import ATTEMPTS

    assert f"\nATTEMPTS = {ATTEMPTS}\n" in source


def test_a_row_is_as_large_as_the_page_says(scale) -> None:
    pytest.importorskip("pyarrow")
    known = json.loads(scale.RESULTS.read_text(encoding="utf-8"))["measured"]["bytes_per_row"]
    assert import_module("scale_measured")._bytes_per_row() == pytest.approx(known, rel=0.3)


def test_the_page_is_fresh(scale) -> None:
    assert scale.main(["--check"]) == 0


def test_a_result_of_the_page_comes_out_again(scale) -> None:
    known = json.loads(scale.RESULTS.read_text(encoding="utf-8"))
    measured = scale.Measured(**known["measured"])
    (case,) = [c for c in known["cases"] if (c["scene"], c["shard"], c["killed"]) == ("rough", 10_000, False)]
    cluster = replace(
        scale.Cluster(),
        shard=10_000,
        lifetime=2 * 3600.0,
        dispatch=measured.dispatch,
        seconds_per_picture=1 / known["tiles_per_second"],
    )
    found = scale._case(scale.with_driver_times(cluster, measured))
    assert found == pytest.approx({key: case[key] for key in found}, rel=1e-6)
