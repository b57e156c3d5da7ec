"""Systems side by side on the same pictures, and what the default detector has more of than each.

    python scripts/side_by_side.py --photos PHOTOS --generated GENERATED --twins TWINS MODEL ...
    python scripts/side_by_side.py --table [--check]

A MODEL is an exported graph with its card, or NAME=PATH to give it another name in the table. Every system's
logits are kept in results/side_by_side/, so that a further system is added without scoring the others again;
docs/side-by-side.md is computed from them. What is tested stands in `judging.py`. A shipped threshold comes
from the system's own card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.progress import track

from judging import SHARED, Judge, held_out, judges, score
from upprint.data.sample import REAL, Sample
from upprint.evaluate.bootstrap import Estimate, Scores, estimate
from upprint.evaluate.compare import Difference, Paired, difference
from upprint.evaluate.curve import Kind, kinds
from upprint.evaluate.model import open_model
from upprint.result import DataError
from upprint.runtime.store import DEFAULT_SYSTEM
from upprint.train import read_config

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "results" / "side_by_side"
SAMPLES = "samples.json"
PAGE = ROOT / "docs" / "side-by-side.md"
CONFIG = ROOT / "configs" / "upprint.toml"
COMMAND = "python scripts/side_by_side.py --photos PHOTOS --generated GENERATED --twins TWINS MODEL ..."
ROUNDED = 5
"""Decimals of a kept logit."""
TITLES = {
    "equalised": "Both classes at one size and quality",
    "as_is": "As they come",
    "twins": "Held-out photos against their own twins",
}
FORMS = {"photos_q75": "jpeg(75)", "photos_half": "resize(0.5)"}
INTRODUCTION = """\
The same pictures, scored by every system at native tiles. Figures are per cent with 95 % bootstrap intervals
over sources; the worst AUROC is that of the sub-set on which a system does worst. What the systems were
trained on is part of what is compared, and stands at the end. The default was chosen with an eye on these
generators, as its card says; the others were not."""


@dataclass(frozen=True)
class Test:
    """The samples of one test, as kept: sub-set, label and source of each."""

    name: str
    data: str
    perturbation: str
    rows: tuple[tuple[str, int, str], ...]

    def paired(self, logits: Mapping[str, Sequence[float]]) -> Paired:
        """Scores of several systems; pictures that sub-sets share are in each of them."""
        named = dict.fromkeys(subset for subset, _, _ in self.rows if subset != SHARED)
        chosen = [
            (name, index)
            for name in named or (SHARED,)
            for index, (subset, _, _) in enumerate(self.rows)
            if subset in (name, SHARED)
        ]
        index = np.array([i for _, i in chosen])
        return Paired(
            np.array([self.rows[i][1] for i in index]),
            tuple(self.rows[i][2] for i in index),
            tuple(name for name, _ in chosen),
            {name: np.asarray(values, float)[index] for name, values in logits.items()},
        )


@dataclass(frozen=True)
class System:
    """A system's file: what it is, its threshold, its logits by test."""

    name: str
    header: dict[str, Any]
    logits: dict[str, list[float]]

    def kind(self, metric: str) -> Kind:
        """The metric at this system's own threshold."""
        return kinds(self.header["threshold"])[metric]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    for name in ("photos", "generated", "twins"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--table", action="store_true", help="write the page from what is there")
    parser.add_argument("--check", action="store_true", help="exit 1 if the page is stale")
    arguments = parser.parse_args()
    if not (arguments.table or arguments.check):
        if None in (arguments.photos, arguments.generated, arguments.twins) or not arguments.models:
            parser.error("--photos, --generated, --twins and at least one MODEL are needed to measure")
        measure(arguments)
    text = page(*read(FOLDER))
    if arguments.check:
        raise SystemExit(0 if PAGE.read_text(encoding="utf-8") == text else f"{PAGE} is stale")
    PAGE.write_text(text, encoding="utf-8")


def measure(arguments: argparse.Namespace) -> None:
    """Score every model and keep its logits."""
    patterns = read_config(CONFIG).data.hold_out
    tests = judges(arguments.photos, arguments.generated, arguments.twins, patterns)
    held = [replace(sample, subset=SHARED) for sample in held_out(arguments.photos, patterns)]
    tests += [Judge(name, held, text, f"{len(held)} photos, {text}", "") for name, text in FORMS.items()]
    kept = {
        test.name: {
            "data": test.data,
            "perturbation": test.perturbation,
            "rows": [_row(sample) for sample in test.samples],
        }
        for test in tests
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / SAMPLES
    text = json.dumps(kept, indent=0) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise DataError(
            f"{path}: other samples than these; score all systems again, with the folder's files removed"
        )
    path.write_text(text, encoding="utf-8")
    for given in arguments.models:
        name, _, model = given.rpartition("=")
        measure_one(name, Path(model), tests)


def measure_one(name: str, path: Path, tests: Sequence[Judge]) -> None:
    """One system's file; raises where a picture could not be scored."""
    model = open_model(weights=path)
    name = name or model.card.name
    logits = {}
    with TemporaryDirectory() as folder:
        for test in tests:
            out = Path(folder) / f"{test.name}.jsonl"
            rows = score(test.samples, model, test.perturbation, out, f"{name}: {test.name}", COMMAND)
            kept = [round(row.logit, ROUNDED) for row in rows if row.logit is not None]
            if len(kept) != len(test.samples):
                raise DataError(f"{name}: {len(test.samples) - len(kept)} pictures of {test.name} failed")
            logits[test.name] = kept
    card = model.card
    threshold = None
    if card.calibration is not None:
        threshold = card.calibration.thresholds[card.calibration.default_fpr]
    found = {
        "system": card.name,
        "weights": path.name,
        "weights_sha256": model.sha256,
        "trained_on": card.weights.trained_on if card.weights else "",
        "parameters": card.parameters,
        "threshold": threshold,
        "threshold_fpr": card.calibration.default_fpr if card.calibration else None,
        "date": datetime.now(UTC).date().isoformat(),
        "command": COMMAND,
        "logits": logits,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


def _row(sample: Sample) -> tuple[str, int, str]:
    return sample.subset, sample.label, sample.source


def read(folder: Path) -> tuple[dict[str, Test], list[System]]:
    """What is kept: the tests, and the systems, the default first."""
    samples = json.loads((folder / SAMPLES).read_text(encoding="utf-8"))
    tests = {
        name: Test(name, one["data"], one["perturbation"], tuple((s, la, so) for s, la, so in one["rows"]))
        for name, one in samples.items()
    }
    systems = []
    for path in sorted(folder.glob("*.json")):
        if path.name != SAMPLES:
            found = json.loads(path.read_text(encoding="utf-8"))
            systems.append(System(path.stem, found, found.pop("logits")))
    return tests, sorted(systems, key=lambda one: (one.name != DEFAULT_SYSTEM, one.name))


def page(tests: Mapping[str, Test], systems: Sequence[System]) -> str:
    """docs/side-by-side.md."""
    parts = [
        "<!-- Made by `python scripts/side_by_side.py --table`. Do not edit by hand. -->",
        "# Systems side by side",
        INTRODUCTION,
    ]
    for name, title in track(list(TITLES.items()), "tables"):
        parts += [f"## {title}", f"{tests[name].data}.", "\n".join(_table(tests[name], systems))]
    parts += ["## Photos called generated", "\n".join(_flagged(tests, systems))]
    default, *others = systems
    for other in others:
        parts += [f"## {default.name} less {other.name}", "\n".join(_less(tests, default, other))]
    parts += ["## The systems", "\n".join(_system(one) for one in systems)]
    parts.append(f"Measured by `{COMMAND}`.")
    return "\n\n".join(parts) + "\n"


def _table(test: Test, systems: Sequence[System]) -> Iterator[str]:
    yield "| system | mean AUROC | worst AUROC | mean AP | accuracy | balanced accuracy | found |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for system in systems:
        paired = test.paired({system.name: system.logits[test.name]})
        logits = paired.logits[system.name]
        names = dict.fromkeys(paired.subsets)
        parts = {name: [i for i, subset in enumerate(paired.subsets) if subset == name] for name in names}
        scores = {
            name: Scores(paired.labels[i], logits[i], [paired.sources[k] for k in i])
            for name, i in parts.items()
        }
        found = estimate(scores, kinds(system.header["threshold"]))
        worst = min(names, key=lambda name: found.subsets[name]["auroc"].value or 0.0)
        yield (
            f"| {system.name} | {_estimate(found.mean['auroc'])} | "
            f"{_estimate(found.subsets[worst]['auroc'])} ({worst}) | "
            f"{_estimate(found.mean['average_precision'])} | {_estimate(found.mean['accuracy'])} | "
            f"{_estimate(found.mean.get('balanced_accuracy_shipped'))} | "
            f"{_estimate(found.mean.get('generated_shipped'))} |"
        )
    yield ""
    yield (
        "Accuracy is at logit 0; balanced accuracy and the share found are at the shipped threshold, for "
        "systems that have one."
    )


def _flagged(tests: Mapping[str, Test], systems: Sequence[System]) -> Iterator[str]:
    yield "| system | threshold for | as they come | saved again at quality 75 | half the size |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for system in systems:
        if system.header["threshold"] is None:
            continue
        cells = []
        for name in ("as_is", *FORMS):
            paired = _photos(tests[name], [system])
            scores = Scores(paired.labels, paired.logits[system.name], paired.sources)
            kind = {"fpr_shipped": system.kind("fpr_shipped")}
            cells.append(_estimate(estimate({"": scores}, kind).subsets[""]["fpr_shipped"]))
        yield f"| {system.name} | {100 * float(system.header['threshold_fpr']):g} % | {' | '.join(cells)} |"


def _photos(test: Test, systems: Sequence[System]) -> Paired:
    """Scores of the photos of a test alone."""
    kept = [i for i, (_, label, _) in enumerate(test.rows) if label == REAL]
    return Paired(
        np.zeros(len(kept), int),
        tuple(test.rows[i][2] for i in kept),
        ("",) * len(kept),
        {one.name: np.asarray(one.logits[test.name], float)[kept] for one in systems},
    )


def _less(tests: Mapping[str, Test], default: System, other: System) -> Iterator[str]:
    yield f"| figure | {default.name} | {other.name} | difference |"
    yield "| --- | ---: | ---: | ---: |"
    both = (default, other)
    for name, title in TITLES.items():
        paired = tests[name].paired({one.name: one.logits[name] for one in both})
        wanted = [("mean AUROC", "auroc", False), ("worst AUROC", "auroc", True)]
        if all(one.header["threshold"] is not None for one in both):
            wanted.append(("mean balanced accuracy", "balanced_accuracy_shipped", False))
        for words, metric, worst in wanted:
            chosen = {one.name: one.kind(metric) for one in both}
            found = difference(paired, default.name, other.name, chosen, worst=worst)
            yield _line(f"{title}: {words}", found)
    if any(one.header["threshold"] is None for one in both):
        return
    for name, words in (
        ("as_is", "as they come"),
        ("photos_q75", "quality 75"),
        ("photos_half", "half size"),
    ):
        chosen = {one.name: one.kind("fpr_shipped") for one in both}
        found = difference(_photos(tests[name], both), default.name, other.name, chosen)
        yield _line(f"Photos called generated, {words} (less is better)", found)


def _line(title: str, found: Difference) -> str:
    first, second = (f"{100 * value:.1f}" for value in found.values)
    ends = f"[{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return f"| {title} | {first} | {second} | {100 * found.difference:+.1f} {ends} |"


def _estimate(found: Estimate | None) -> str:
    if found is None or found.value is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{100 * found.value:.1f}"
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _system(one: System) -> str:
    h = one.header
    return (
        f"- **{one.name}**: system `{h['system']}`, {h['parameters']:,} parameters, weights "
        f"`{h['weights_sha256'][:12]}`, trained on {h['trained_on']}; "
        f"scored {h['date']}."
    )


if __name__ == "__main__":
    main()
