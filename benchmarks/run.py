"""Run the benchmarks and write what they found.

    python benchmarks/run.py                       all of them; results/benchmarks/*.json, docs/benchmarks.md
    python benchmarks/run.py --only scan_512       some of them
    python benchmarks/run.py --quick               tiny sizes: shows that they run, measures nothing

Needs the extras `train` and `fast`, and psutil. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import table
from support.arms import Launcher
from support.machine import describe
from support.model import resolve
from support.report import Benchmark, Context, write

NAMES = (
    "network",
    "scan_512",
    "scan_tiles",
    "scan_default",
    "scan_12mp",
    "startup",
    "training_step",
    "resynthesis",
    "forge",
    "robustness",
    "verdicts",
    "memory",
)
ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> None:
    options = _parse(arguments)
    if not options.quick:
        _free_threads()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upprint-benchmarks-")))
        out = options.out or (scratch / "results" if options.quick else ROOT / "results" / "benchmarks")
        (scratch / "model").mkdir()
        model = resolve(options.model, scratch / "model")
        shared = stack.enter_context(Launcher(shared=True)) if options.quick else None
        for name in options.only or NAMES:
            folder = scratch / name
            folder.mkdir()
            with tempfile.TemporaryDirectory(dir=folder) as place, Launcher() as own:
                launcher = shared or own
                context = Context(model, Path(place), launcher, options.quick, options.pictures)
                data = _measured(name, context, _command(options, name))
            write(out / f"{name}.json", data)
            print(table.section(data), flush=True)
        if not options.quick:
            table.main(["--results", str(out)] if options.out is None else ["--results", str(out), "--print"])


def _measured(name: str, context: Context, command: str) -> dict[str, Any]:
    module = import_module(name)
    benchmark: Benchmark = module.run
    machine = describe()
    began = time.perf_counter()
    result = benchmark(context)
    return {
        "name": name,
        "title": module.TITLE,
        "quick": context.quick,
        "date": datetime.now(UTC).date().isoformat(),
        "command": command,
        "seconds": round(time.perf_counter() - began, 1),
        "machine": machine,
        "model": context.model.facts(),
        **result.as_json(),
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure upprint against its reference arrangements.")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="tiny sizes; results are printed, not kept")
    parser.add_argument("--model", type=Path, help="exported .onnx; its card and .safetensors beside it")
    parser.add_argument("--pictures", type=Path, help="folder of pictures for `verdicts`")
    parser.add_argument("--out", type=Path, help="folder of the JSON files, not the project's")
    return parser.parse_args(arguments)


def _free_threads() -> None:
    """Drop settings that would keep the reference, or us, from using every core."""
    for name in [name for name in os.environ if name.startswith(("KMP_", "MKL_", "OMP_", "OPENBLAS_"))]:
        del os.environ[name]


def _command(options: argparse.Namespace, name: str) -> str:
    """What repeats this measurement; folders, which are the user's own, are left out."""
    parts = ["python benchmarks/run.py --only", name]
    if options.quick:
        parts.append("--quick")
    if options.model is not None:
        parts.append(f"--model {options.model.name}")
    if options.pictures is not None and name == "verdicts":
        parts.append(f"--pictures {options.pictures.name}")
    return " ".join(parts)


if __name__ == "__main__":
    main()
