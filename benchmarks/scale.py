"""The tables of docs/scale.md: arithmetic on measured and assumed figures, and a simulation that backs it.

python benchmarks/scale.py            simulate; results/scale.json and the tables
python benchmarks/scale.py --tables   only the tables, from results/scale.json
python benchmarks/scale.py --check    exit 1 if the tables are stale
python benchmarks/scale.py --measure  first measure the driver (scale_measured.py; extra `cluster`)
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from scale_measured import Measured, measure, short
from scale_simulation import (
    Cluster,
    expected_seconds_per_shard,
    failing_share,
    given_up_share,
    ideal_seconds,
    simulate,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "scale.json"
PAGE = ROOT / "docs" / "scale.md"
HOUR = 3600.0
ASSUMED_RATE = 23.2
BILLION = 1_000_000_000
SHARDS = (100, 1_000, 10_000, 100_000)
SCENES = {"steady": math.inf, "spot": 24 * HOUR, "rough": 2 * HOUR}
SEEDS = (1, 2, 3, 4, 5)
STORE_LATENCY, STORE_THREADS = 0.05, 16
"""Seconds per small object, and how many the driver reads or writes at a time (`plan.THREADS`)."""


@dataclass(frozen=True)
class Prices:
    """US dollars: the order of list prices of large providers in one region in 2026. Put in your own."""

    vcpu_hour: float = 0.02
    get_per_million: float = 0.40
    put_per_million: float = 5.0
    list_per_million: float = 5.0
    stored_gb_month: float = 0.023


@dataclass(frozen=True)
class Assumed:
    picture_kb: float = 200.0
    gets_per_second_per_prefix: int = 5_500


def study(measured: Measured) -> dict[str, Any]:
    """Everything that the page shows, but for arithmetic on it."""
    exact, source = tiles_per_second()
    rate = short(exact)
    base = replace(Cluster(), dispatch=measured.dispatch, seconds_per_picture=1 / rate)
    cases = []
    for scene, lifetime in SCENES.items():
        for shard in SHARDS:
            cluster = with_driver_times(replace(base, shard=shard, lifetime=lifetime), measured)
            cases.append({"scene": scene, "killed": False, **_case(cluster)})
    for shard in SHARDS:
        cluster = with_driver_times(replace(base, shard=shard, lifetime=SCENES["spot"]), measured)
        half = cluster.planning + ideal_seconds(cluster) / 2
        cases.append({"scene": "spot", "killed": True, **_case(replace(cluster, driver_killed_at=half))})
    return {
        "tiles_per_second": rate,
        "tiles_per_second_from": source,
        "measured": asdict(measured),
        "seeds": list(SEEDS),
        "cases": cases,
    }


def tiles_per_second() -> tuple[float, str]:
    """Of one worker, and where the figure is from: the benchmark of Ray once there is one."""
    path = ROOT / "results" / "benchmarks" / "cluster.json"
    if not path.is_file():
        return ASSUMED_RATE, "assumed, from two cores of 2023 (AVX-512) in fp32"
    data = json.loads(path.read_text(encoding="utf-8"))
    rates = data["arms"]["upprint scan --engine ray"]["pictures_per_second"]
    return median(rates) / data["settings"]["workers"], f"results/benchmarks/cluster.json, {data['date']}"


def with_driver_times(cluster: Cluster, measured: Measured) -> Cluster:
    """Planning reads every path and writes every shard; resuming does so again and reads shards and parts."""
    listing = cluster.pictures / measured.planned_per_second
    stored = cluster.shards * STORE_LATENCY / STORE_THREADS
    return replace(cluster, planning=listing + stored, resume=10 + 2 * listing + 3 * stored)


def _case(cluster: Cluster) -> dict[str, Any]:
    outcomes = [simulate(cluster, seed) for seed in SEEDS]
    return {
        "shard": cluster.shard,
        "shards": cluster.shards,
        "shard_seconds": short(cluster.shard_seconds),
        "planning_seconds": short(cluster.planning),
        "hours": short(median(outcome.seconds for outcome in outcomes) / HOUR),
        "against_ideal": short(median(outcome.seconds for outcome in outcomes) / ideal_seconds(cluster)),
        "repeated_share": short(median(o.lost_seconds / o.worker_seconds for o in outcomes)),
        "machines_lost": median(outcome.machines_lost for outcome in outcomes),
        "given_up": short(sum(outcome.given_up for outcome in outcomes) / len(outcomes)),
        "given_up_expected": short(
            0.0 if math.isinf(cluster.lifetime) else cluster.shards * given_up_share(cluster)
        ),
    }


# --- the page ----------------------------------------------------------------------------------------------


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Markdown by the name of its place on the page."""
    measured, prices, assumed = Measured(**results["measured"]), Prices(), Assumed()
    rate = results["tiles_per_second"]
    cluster = Cluster(seconds_per_picture=1 / rate)
    return {
        "assumptions": _assumptions(results, measured, prices, assumed),
        "work": _work(cluster, rate, prices),
        "store": _store(cluster, measured, prices),
        "network": _network(cluster, assumed),
        "driver": _driver(cluster, measured),
        "failures": _failures(cluster),
        "simulation": _simulation([case for case in results["cases"] if not case["killed"]]),
        "killed": _simulation([case for case in results["cases"] if case["killed"]]),
    }


def _assumptions(results: dict[str, Any], measured: Measured, prices: Prices, assumed: Assumed) -> str:
    cluster = Cluster()
    return _table(
        ("what", "value", "from"),
        [
            (
                "tiles of 256×256 per second and worker",
                f"{results['tiles_per_second']:.3g}",
                results["tiles_per_second_from"],
            ),
            (
                "machines × workers",
                f"{cluster.machines} × {cluster.workers_per_machine} = {cluster.workers:,}",
                "assumed",
            ),
            ("size of a picture", f"{assumed.picture_kb:g} kB", "assumed"),
            (
                "vCPU hour, interruptible",
                f"${prices.vcpu_hour:g}",
                "assumed; list prices differ by provider and month",
            ),
            (
                "per million GET / PUT / LIST",
                f"${prices.get_per_million:g} / ${prices.put_per_million:g} / ${prices.list_per_million:g}",
                "assumed",
            ),
            ("GB stored for a month", f"${prices.stored_gb_month:g}", "assumed"),
            (
                "requests per second and prefix",
                f"{assumed.gets_per_second_per_prefix:,}",
                "published limit of S3",
            ),
            (
                "small object, read or written",
                f"{STORE_LATENCY * 1000:g} ms, {STORE_THREADS} at a time",
                "assumed",
            ),
            ("overhead of a shard in its worker", f"{cluster.shard_overhead:g} s", "assumed"),
            ("replacement of a lost machine", f"{cluster.replacement:g} s", "assumed"),
            (
                "machines at half speed; spread of the others",
                f"{cluster.slow_share:.0%}; {cluster.speed_spread:.0%}",
                "assumed",
            ),
            (
                "driver, per path planned",
                f"{1e6 / measured.planned_per_second:.2g} µs, {measured.bytes_per_path:.3g} bytes",
                "measured, processor time",
            ),
            (
                "driver, per shard handed out",
                f"{measured.dispatch * 1000:.2g} ms",
                "measured, processor time",
            ),
            (
                "row in a part",
                f"{measured.bytes_per_row:.3g} bytes",
                "measured",
            ),
        ],
    )


def _work(cluster: Cluster, rate: float, prices: Prices) -> str:
    rows = []
    for tiles in (1, 4, 9):
        hours = BILLION * tiles / rate / HOUR
        wall = hours / cluster.workers
        rows.append((str(tiles), f"{hours:,.0f}", f"${hours * prices.vcpu_hour:,.0f}", f"{wall:,.1f} h"))
    return _table(
        ("tiles per picture", "vCPU hours", "cost", f"on {cluster.workers:,} workers, ideally"), rows
    )


def _store(cluster: Cluster, measured: Measured, prices: Prices) -> str:
    stored, parts = BILLION * measured.bytes_per_row / 1e9, BILLION / cluster.shard
    return _table(
        ("what", "how many", "cost"),
        [
            (
                "GET of every picture",
                f"{BILLION / 1e6:,.0f} million",
                f"${BILLION / 1e6 * prices.get_per_million:,.0f}",
            ),
            (
                "PUT of shards and parts",
                f"{2 * parts / 1e6:.1f} million",
                f"${2 * parts / 1e6 * prices.put_per_million:,.0f}",
            ),
            (
                "LIST, 1,000 names each",
                f"{BILLION / 1e9:.1f} million",
                f"${BILLION / 1e9 * prices.list_per_million:,.0f}",
            ),
            ("rows, stored for a month", f"{stored:,.0f} GB", f"${stored * prices.stored_gb_month:,.2f}"),
        ],
    )


def _network(cluster: Cluster, assumed: Assumed) -> str:
    rows = []
    for tiles in (1, 4, 9):
        rate = cluster.workers / cluster.seconds_per_picture / tiles
        traffic = rate * assumed.picture_kb * 1e3
        rows.append(
            (
                str(tiles),
                f"{rate:,.0f}/s",
                str(math.ceil(rate / assumed.gets_per_second_per_prefix)),
                f"{traffic / 1e9:.2g} GB/s",
                f"{traffic / cluster.machines * 8 / 1e9:.2g} Gbit/s",
                f"{BILLION * assumed.picture_kb / 1e9:,.0f} TB",
            )
        )
    return _table(
        ("tiles per picture", "pictures", "prefixes needed", "traffic", "per machine", "in all"), rows
    )


def _driver(cluster: Cluster, measured: Measured) -> str:
    rows = []
    for pictures in (1_000_000, cluster.pictures, BILLION):
        one = with_driver_times(replace(cluster, pictures=pictures), measured)
        rows.append(
            (
                f"{pictures / 1e6:,.0f} million",
                str(BILLION // pictures),
                f"{_number(pictures * measured.bytes_per_path / 1e9)} GB",
                f"{_number(one.planning / 60)} min",
                f"{_number(one.resume / 60)} min",
                f"{_number(one.shards * measured.dispatch / 60)} min",
            )
        )
    head = (
        "pictures per run",
        "runs for a billion",
        "driver's memory",
        "planning",
        "resuming",
        "handing out",
    )
    return _table(head, rows)


def _failures(cluster: Cluster) -> str:
    rows = []
    for scene, lifetime in SCENES.items():
        for shard in SHARDS if math.isfinite(lifetime) else ():
            one = replace(cluster, shard=shard, lifetime=lifetime)
            lost = expected_seconds_per_shard(one) / one.shard_seconds - 1
            rows.append(
                (
                    f"{scene}, a machine lasts {lifetime / HOUR:g} h",
                    f"{shard:,}",
                    _time(one.shard_seconds),
                    f"{failing_share(one):.2%}",
                    f"{lost:.2%}",
                    _number(BILLION * given_up_share(one)),
                )
            )
    head = ("scene", "shard", "takes", "attempts that fail", "time lost", "pictures given up, of a billion")
    return _table(head, rows)


def _simulation(cases: list[dict[str, Any]]) -> str:
    rows = [
        (
            case["scene"],
            f"{case['shard']:,}",
            f"{case['shards']:,}",
            f"{case['hours']:.3g} h",
            f"{case['planning_seconds'] / HOUR:.2g} h",
            f"{case['against_ideal']:.3g} ×",
            f"{case['repeated_share']:.2%}",
            f"{case['machines_lost']:g}",
            f"{case['given_up']:.3g} ({case['given_up_expected']:.2g})",
        )
        for case in cases
    ]
    head = (
        "scene",
        "shard",
        "shards",
        "end to end",
        "planning",
        "against ideal",
        "work repeated",
        "machines lost",
    )
    return _table((*head, "shards given up (expected)"), rows)


def _number(value: float) -> str:
    """Two significant digits, never as a power of ten for what is large."""
    return f"{value:.2g}" if value < 10 else f"{float(f'{value:.2g}'):,.0f}"


def _time(seconds: float) -> str:
    return (
        f"{seconds:.2g} s"
        if seconds < 100
        else f"{seconds / 60:.2g} min"
        if seconds < 6000
        else f"{seconds / HOUR:.2g} h"
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(page: str, results: dict[str, Any]) -> str:
    """The page with its tables between `<!-- table: name -->` and `<!-- end -->` made anew."""
    for name, text in tables(results).items():
        before, begin, rest = page.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not (begin and end):
            raise SystemExit(f"{PAGE.name}: no place for the table {name!r}")
        page = f"{before}{begin}\n{text}\n\n{end}{after}"
    return page


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Simulate a scan of a billion pictures.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--tables", action="store_true", help="only the tables of the page")
    what.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    what.add_argument(
        "--measure", action="store_true", help="measure the driver first; needs the extra 'cluster'"
    )
    options = parser.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else None
    if options.check:
        stale = known is None or filled(page, known) != page
        if stale:
            print(f"{PAGE.name} is stale: run python benchmarks/scale.py", file=sys.stderr)
        return int(stale)
    if known is None or not options.tables:
        measured = measure() if options.measure else Measured(**known["measured"]) if known else Measured()
        known = study(measured)
        RESULTS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(filled(page, known), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
