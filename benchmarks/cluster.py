"""Scan on Ray against the local scan, 10,000 pictures: marginal rate, and the fixed cost of Ray.

    python benchmarks/cluster.py            about half an hour; results/benchmarks/cluster.json
    python benchmarks/cluster.py --quick    tiny sizes: shows that it runs, measures nothing

Both arms scan a small and a large folder from start to end, Ray's start included. The marginal rate is the
difference in pictures over the difference in time, so that what is paid once does not count, but what is paid
per shard does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import run as runner
import table
from support.arms import Answer, Launcher, paired_rounds
from support.model import resolve
from support.pictures import write_folder
from support.report import Claim, Context, Result, ratios, write

TITLE = "Scan on Ray, 256×256 JPEGs"
LOCAL, RAY = "upprint.scan", "upprint scan --engine ray"
SHARD = 250
WHAT = {
    LOCAL: "upprint.scan(folder), one process per core",
    RAY: f"upprint.cluster.scan(folder), one actor per core, shards of {SHARD}, a local Ray",
}


def run(context: Context) -> Result:
    side = context.size(256, 64)
    sizes = context.size(10_000, 24), context.size(1_000, 8)
    folders = [str(context.folder / name) for name in ("large", "small")]
    for seed, (folder, count) in enumerate(zip(folders, sizes, strict=True), start=1):
        write_folder(Path(folder), count, side, side, seed=seed, fields=context.size(12, 1))
    setup = {"onnx": str(context.model.onnx), "folders": folders, "workers": len(os.sched_getaffinity(0))}
    arms: dict[str, Callable[[], Answer]] = {
        LOCAL: context.launcher.open("cluster:local_scan", **setup),
        RAY: context.launcher.open("cluster:ray_scan", **setup, shard=context.size(SHARD, 4)),
    }
    rounds = paired_rounds(arms, context.size(3, 1))
    claims = [
        Claim(
            "Ray's marginal rate against the local scan's", 0.9, ratios(rounds[RAY], rounds[LOCAL], marginal)
        )
    ]
    figures = {
        name: {
            "what": WHAT[name],
            "pictures_per_second": [marginal(answer) for answer in answers],
            "fixed_seconds": [fixed(answer) for answer in answers],
        }
        for name, answers in rounds.items()
    }
    digests = {answer["rows"] for answers in rounds.values() for answer in answers}
    checks = {"rows_equal_in_every_run": len(digests) == 1}
    settings = {"pictures": sizes[0], "small_scan": sizes[1], "side": side, "workers": setup["workers"]}
    note = "Ray's workers run with RAY_worker_niceness=0, as the local scan's do; Ray's own default is 15."
    return Result(settings, claims, figures, checks, [note])


def marginal(answer: Answer) -> float:
    """Pictures per second beyond the small scan. The work of --quick can drown in noise: at least 1 ms."""
    (large, small), (long, short) = answer["counts"], answer["times"]
    return float((large - small) / max(long - short, 1e-3))


def fixed(answer: Answer) -> float:
    """Seconds that a scan takes besides its pictures at the marginal rate."""
    return float(answer["times"][1] - answer["counts"][1] / marginal(answer))


def local_scan(onnx: str, folders: list[str], workers: int) -> Callable[[], Answer]:
    """An arm: `upprint.scan`, all rows kept, as the other side's are written."""
    import upprint

    def scan(folder: str) -> list[dict[str, Any]]:
        return [row.row() for row in upprint.scan(folder, system=onnx, workers=workers)]

    return lambda: _timed(folders, scan)


def ray_scan(onnx: str, folders: list[str], workers: int, shard: int) -> Callable[[], Answer]:
    """An arm: a whole scan on a Ray that starts and ends with it. Reading the rows back is not timed."""
    from pyarrow import parquet

    from upprint import cluster

    own = tempfile.TemporaryDirectory()  # as long as the arm: a process keeps to the token that it read first
    token = Path(own.name, "token")
    token.write_text(secrets.token_hex(32), encoding="ascii")
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_worker_niceness": "0"}

    def run_once() -> Answer:
        with tempfile.TemporaryDirectory(dir=own.name) as place:
            outs: dict[str, str] = {}

            def scan(folder: str) -> Callable[[], list[dict[str, Any]]]:
                outs[folder] = str(Path(place, f"rows-{len(outs)}"))
                cluster.scan(folder, outs[folder], system=onnx, workers=workers, shard_size=shard)
                return lambda: parquet.read_table(outs[folder]).to_pylist()

            return _timed(folders, scan)

    return run_once


def _timed(folders: list[str], scan: Callable[[str], Any]) -> Answer:
    times, counts, digest = [], [], hashlib.sha256()
    for folder in folders:
        began = time.perf_counter()
        found = scan(folder)
        times.append(time.perf_counter() - began)
        rows = found() if callable(found) else found
        if any(row["error"] for row in rows):
            raise RuntimeError(f"{folder}: a picture failed")
        counts.append(len(rows))
        digest.update(repr(rows).encode())
    return {"counts": counts, "times": times, "rows": digest.hexdigest()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the scan on Ray against the local scan.")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; results are printed, not kept")
    parser.add_argument("--model", type=Path, help="exported .onnx; its card and .safetensors beside it")
    parser.add_argument("--out", type=Path, help="folder of the JSON file, not the project's")
    options = parser.parse_args(arguments)
    command = " ".join(
        ["python benchmarks/cluster.py"]
        + (["--quick"] if options.quick else [])
        + ([f"--model {options.model.name}"] if options.model else [])
    )
    with tempfile.TemporaryDirectory(prefix="upprint-benchmarks-") as scratch, Launcher() as launcher:
        for name in ("model", "pictures"):
            Path(scratch, name).mkdir()
        model = resolve(options.model, Path(scratch, "model"))
        context = Context(model, Path(scratch, "pictures"), launcher, options.quick)
        data = runner._measured("cluster", context, command)
        keep = options.out or (None if options.quick else runner.ROOT / "results" / "benchmarks")
        if keep is not None:
            write(keep / "cluster.json", data)
        print(table.section(data))


if __name__ == "__main__":
    main()
