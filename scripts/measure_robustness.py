"""Measure how systems stand up to perturbations, on photos that training held out against every generator.

    python scripts/measure_robustness.py --photos PHOTOS --generated GENERATED --system npr

PHOTOS and GENERATED hold one folder per source or generator; of PHOTOS, the sources that `--config` holds out
are taken. Every generator is a sub-set with all photos, which are scored once. Both classes are cut to 256
pixels first and perturbed alike. A killed run goes on when it is started again. Writes
results/robustness/SYSTEM.json, then run scripts/robustness_page.py.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from upprint.data.protocol import named
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.evaluate import robustness, robustness_grid, robustness_report
from upprint.evaluate.model import open_model
from upprint.images import find_images
from upprint.runtime.scan import available_cores

ROOT = Path(__file__).parent.parent
BEFORE = "crop(256)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--generated", type=Path, required=True)
    parser.add_argument("--system", default="npr", help="a shipped system")
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "npr_twins.toml")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "robustness", help="for the journal")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "robustness")
    parser.add_argument("--curve", action="append", help="as upprint robustness takes it; may be repeated")
    parser.add_argument("--photos-limit", type=int, default=0, help="that many photos; 0 for all")
    parser.add_argument("--each", type=int, default=0, help="that many of each generator; 0 for all")
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()

    patterns = tomllib.loads(options.config.read_text(encoding="utf-8"))["data"]["hold_out"]
    samples = held_out_against_generators(
        options.photos, options.generated, patterns, photos_limit=options.photos_limit, each=options.each
    )
    threads = 1 if options.workers > 1 else None
    model = open_model(options.system, engine=options.engine, threads=threads)
    curves = robustness_grid.grid(options.curve or robustness_grid.DEFAULT)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        scoring = bar.add_task("scoring", total=None)
        measured = robustness.run(
            samples,
            [model],
            named("tiles"),
            robustness_grid.conditions(curves),
            journal=options.work / f"{options.system}.jsonl",
            data=f"photos of held-out sources against {len({s.subset for s in samples})} generators",
            before=BEFORE,
            resume=True,
            workers=options.workers,
            progress=lambda done, total: bar.update(scoring, completed=done, total=total),
        )
        measuring = bar.add_task("measuring", total=None)
        report = robustness_report.measure(
            measured,
            {robustness.key(model): robustness_report.System.of(model)},
            curves,
            draws=options.draws,
            command=_command(options),
            progress=lambda done, total: bar.update(measuring, completed=done, total=total),
        )
    robustness_report.write(report, options.results / f"{options.system}.json")


def held_out_against_generators(
    photos: Path, generated: Path, patterns: Sequence[str], *, photos_limit: int = 0, each: int = 0
) -> list[Sample]:
    """Every generator's pictures with all held-out photos, generator by generator; limits spread evenly."""
    names = {path: Path(os.path.relpath(path, photos)).as_posix() for path in find_images([photos])}
    held = [path for path, name in names.items() if any(fnmatchcase(name, p) for p in patterns)]
    samples = []
    for folder in sorted(p for p in generated.iterdir() if p.is_dir()):
        samples += [
            Sample(path, REAL, folder.name, "real", names[path]) for path in _spread(held, photos_limit)
        ]
        samples += [
            Sample(path, GENERATED, folder.name, folder.name, f"{folder.name}/{Path(path).name}")
            for path in _spread(list(find_images([folder])), each)
        ]
    return samples


def _spread(paths: list[str], most: int) -> list[str]:
    """At most that many, evenly spaced; 0 for all."""
    count = min(most or len(paths), len(paths))
    return [paths[index * len(paths) // count] for index in range(count)]


def _command(options: argparse.Namespace) -> str:
    """What repeats the measurement; folders, which are the user's own, by name only."""
    parts = ["python scripts/measure_robustness.py --photos PHOTOS --generated GENERATED"]
    parts.append(f"--system {options.system}")
    parts += [f"--curve '{text}'" for text in options.curve or ()]
    parts += [f"--photos-limit {options.photos_limit}"] if options.photos_limit else []
    parts += [f"--each {options.each}"] if options.each else []
    parts += [f"--engine {options.engine}"] if options.engine != "onnxruntime" else []
    return " ".join(parts)


if __name__ == "__main__":
    main()
