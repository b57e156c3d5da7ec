"""What trained detectors are judged on, by `ship.py` and `choose_default.py` alike. No weight and no
threshold is fitted on it; what the default counts was chosen with an eye on it (docs/default.md).

PHOTOS and GENERATED hold one folder per source or generator. The judges are photo sources that the training
config holds out, against every generator, each picture as it comes and with both classes brought to one size
and format; and the held-out photos against their own twins, maker by maker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from rich.progress import Progress as Bar

from upprint.data.layouts import read
from upprint.data.protocol import named
from upprint.data.sample import Sample
from upprint.evaluate import predictions, results
from upprint.evaluate.benchmark.testsets import SHARED, held_out
from upprint.evaluate.benchmark.testsets import generated as made_by_generators
from upprint.evaluate.model import Model, open_model
from upprint.evaluate.predict import predict

CROP = "crop(256)"
EQUALISED = f"{CROP}|jpeg(75..95)"


@dataclass(frozen=True)
class Judge:
    """One test: which samples, what is done to both classes, and in words."""

    name: str
    samples: Sequence[Sample]
    perturbation: str
    data: str
    over: str
    """What the sub-sets are: generators or makers."""


def judges(photos: Path, generated: Path, twins: Path, patterns: Sequence[str]) -> list[Judge]:
    """The three judges: `equalised`, `as_is` and `twins`."""
    held = held_out(photos, patterns)
    against = [replace(sample, subset=SHARED) for sample in held]
    made = made_by_generators(generated)
    against += made
    pairs = [s for s in read(twins, "twins").samples if any(fnmatchcase(s.source, p) for p in patterns)]
    words = (
        f"{len({sample.subset for sample in made})} generators against {len(held)} photos of held-out sources"
    )
    names = {sample.subset for sample in pairs}
    twin_words = f"{len(pairs) // 2} pairs of held-out photos and their twins by {len(names)} makers"
    return [
        Judge("equalised", against, EQUALISED, f"{words}, both classes {EQUALISED}", "generator"),
        Judge("as_is", against, "", f"{words}, as they come", "generator"),
        Judge("twins", pairs, EQUALISED, f"{twin_words}, both classes {EQUALISED}", "maker"),
    ]


def score(
    samples: Sequence[Sample], model: Model, text: str, out: Path, title: str, command: str
) -> list[predictions.Row]:
    """Score samples at native tiles with a progress bar; rows that could not be scored are left out."""
    with Bar() as bar:
        task = bar.add_task(title, total=len(samples))
        predict(
            samples,
            model,
            named("tiles"),
            out=out,
            data=title,
            perturbation=text,
            command=command,
            progress=lambda done, _total: bar.update(task, completed=done),
        )
    return [row for row in predictions.read(out).rows if row.error is None]


def measure(judge: Judge, model: Path, work: Path, command: str) -> results.Evaluation:
    """Score a judge and measure every sub-set, each against the photos that all share."""
    out = work / f"{judge.name}.jsonl"
    score(judge.samples, open_model(weights=model), judge.perturbation, out, judge.name, command)
    return results.measure(with_shared(predictions.read(out)), command=command)


def with_shared(found: predictions.Predictions) -> predictions.Predictions:
    """Every generator's sub-set with the photos that all share; they are scored once."""
    names = dict.fromkeys(row.subset for row in found.rows if row.subset != SHARED)
    shared = [row for row in found.rows if row.subset == SHARED]
    rows = []
    for name in names:
        rows += [replace(row, subset=name) for row in shared]
        rows += [row for row in found.rows if row.subset == name]
    return replace(found, rows=tuple(rows))
