"""From trained NPR weights to the shipped ones: export, calibrate, judge, write the card.

    upprint forge PHOTOS --out TWINS --name taef2 --encoder ENCODER --decoder DECODER
    upprint train configs/npr_twins.toml --data TWINS --out RUN
    python scripts/ship_npr.py --run RUN --twins TWINS --photos PHOTOS --generated GENERATED

PHOTOS and GENERATED hold one folder per source or generator. Thresholds and probability are fitted on
the validation part of the twins (photos that training never saw). The judges are photo sources that the
config holds out against every generator, each picture as it comes and with both classes brought to one
size and format, and the held-out photos' own twins. Nothing is tuned on a judge.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.progress import Progress as Bar

from upprint.card import Calibration, Number, SystemCard
from upprint.checkpoints import load_detector
from upprint.data.layouts import read
from upprint.data.protocol import named
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.evaluate import predictions, results
from upprint.evaluate.calibrate import fit_calibration
from upprint.evaluate.model import open_model
from upprint.evaluate.predict import predict
from upprint.export import export_with_report
from upprint.images import find_images
from upprint.systems.npr import CARD
from upprint.train import TrainConfig, read_config, training_samples

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "src" / "upprint" / "weights"
COMMAND = "python scripts/ship_npr.py --run RUN --twins TWINS --photos PHOTOS --generated GENERATED"
FORMS = {"original": "", "jpeg(75)": "jpeg(75)", "resize(0.5)": "resize(0.5)"}
SHARED = "photos shared by all generators"
EQUALISED = "crop(256)|jpeg(75..95)"
FPRS, INCONCLUSIVE = ("0.01", "0.05"), 0.10
METRICS = (
    "auroc",
    "average_precision",
    "accuracy_shipped",
    "generated_shipped",
    "fpr_shipped",
    "tpr_at_1_fpr",
)


@dataclass(frozen=True)
class Judge:
    """One test: which samples, what is done to both classes, and in words."""

    name: str
    samples: Sequence[Sample]
    perturbation: str
    data: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("run", "twins", "photos", "generated"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "npr_twins.toml")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "npr_twins")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    config = replace(config, data=replace(config.data, root=str(arguments.twins)))
    arguments.out.mkdir(parents=True, exist_ok=True)
    weights = arguments.out / "npr.safetensors"
    shutil.copyfile(arguments.run / "npr.safetensors", weights)
    detector = load_detector(weights)

    with TemporaryDirectory() as folder:
        work = Path(folder)
        bare = export_with_report(detector, work, "npr", source=weights)
        calibration = calibrate(bare.path, config, work)
        card = replace(SystemCard.read(bare.card_path), calibration=calibration)
        shipped = export_with_report(detector, arguments.out, "npr", card=card, source=weights)
        print(f"exported; largest difference from torch {shipped.logit_difference:.1e}")
        numbers: list[Number] = []
        for judge in judges(arguments.photos, arguments.generated, arguments.twins, config):
            numbers += measured(judge, shipped.path, work, arguments.results)
        final = with_numbers(SystemCard.read(shipped.card_path), numbers)
        shipped.card_path.write_text(final.to_json(), encoding="utf-8")
    print(json.dumps([f"{n.data}: {n.metric} {n.value:.3f}" for n in numbers], indent=1))


def with_numbers(card: SystemCard, numbers: Sequence[Number]) -> SystemCard:
    """The card with its numbers, and with what they say about its limits in words."""
    limits = list(CARD.limits)
    limits.append(
        "These weights saw one small latent decoder (TAEF2) and pictures that had all been JPEG. They are "
        "an interim default: a first instance of the whole line, not a detector to rely on."
    )
    for number in numbers:
        if number.metric == "auroc" and "mean" in number.protocol:
            side = "below chance" if number.value < 0.5 else "above chance (50)"
            limits.append(f"Mean AUROC {100 * number.value:.1f}, {side}: {number.data}.")
    limits.append(
        "The photos of the training set come partly with research terms (ImageNet, BSDS500) and with "
        "individual Creative Commons licences (COCO); none is contained in the weights' files."
    )
    return replace(card, limits=tuple(limits), numbers=tuple(numbers))


def calibrate(model: Path, config: TrainConfig, work: Path) -> Calibration:
    """Fit on the validation photos and their twins, in every form of FORMS."""
    samples = training_samples(config.data)[1]
    photos: dict[str, np.ndarray] = {}
    fakes = []
    for form, text in FORMS.items():
        rows = score(samples, model, text, work / f"calibrate-{form}.jsonl", f"validation, {form}")
        photos[form] = np.array([r.logit for r in rows if r.label == REAL])
        fakes += [r.logit for r in rows if r.label == GENERATED]
    return fit_calibration(
        photos,
        np.array(fakes),
        fprs=FPRS,
        inconclusive_fpr=INCONCLUSIVE,
        data="photos of the training sources that training never saw",
    )


def judges(photos: Path, generated: Path, twins: Path, config: TrainConfig) -> list[Judge]:
    held = [
        Sample(path, REAL, "", "real", Path(os.path.relpath(path, photos)).as_posix())
        for path in find_images([photos])
        if any(fnmatchcase(os.path.relpath(path, photos), pattern) for pattern in config.data.hold_out)
    ]
    against = [replace(sample, subset=SHARED) for sample in held]
    for folder in sorted(p for p in generated.iterdir() if p.is_dir()):
        against += [
            Sample(path, GENERATED, folder.name, folder.name, f"{folder.name}/{Path(path).name}")
            for path in find_images([folder])
        ]
    pairs = [
        replace(sample, subset="taef2 twins")
        for sample in read(twins, "twins").samples
        if any(fnmatchcase(sample.source, pattern) for pattern in config.data.hold_out)
    ]
    words = f"11 generators against {len(held)} photos of held-out sources"
    return [
        Judge("equalised", against, EQUALISED, f"{words}, both classes {EQUALISED}"),
        Judge("as_is", against, "", f"{words}, as they come"),
        Judge("twins", pairs, "", f"{len(pairs) // 2} photos of held-out sources against their TAEF2 twins"),
    ]


def score(samples: Sequence[Sample], model: Path, text: str, out: Path, title: str) -> list[predictions.Row]:
    with Bar() as bar:
        task = bar.add_task(title, total=len(samples))
        predict(
            samples,
            open_model(weights=model),
            named("tiles"),
            out=out,
            data=title,
            perturbation=text,
            command=COMMAND,
            progress=lambda done, _total: bar.update(task, completed=done),
        )
    return [row for row in predictions.read(out).rows if row.error is None]


def with_shared(found: predictions.Predictions) -> predictions.Predictions:
    """Every generator's sub-set with the photos that all share; they are scored once."""
    names = dict.fromkeys(row.subset for row in found.rows if row.subset != SHARED)
    shared = [row for row in found.rows if row.subset == SHARED]
    rows = []
    for name in names:
        rows += [replace(row, subset=name) for row in shared]
        rows += [row for row in found.rows if row.subset == name]
    return replace(found, rows=tuple(rows))


def measured(judge: Judge, model: Path, work: Path, folder: Path) -> list[Number]:
    """Score a judge, keep one result file per generator, return the card's numbers."""
    out = work / f"{judge.name}.jsonl"
    score(judge.samples, model, judge.perturbation, out, judge.name)
    evaluation = results.measure(with_shared(predictions.read(out)), command=COMMAND)

    shutil.rmtree(folder / judge.name, ignore_errors=True)
    for result in evaluation.results:
        results.write(result, folder / judge.name)
    today = datetime.now(UTC).date().isoformat()
    numbers = []
    for metric in METRICS:
        if metric not in evaluation.kinds:
            continue
        several = len(evaluation.results) > 1
        estimate = evaluation.mean[metric] if several else evaluation.results[0].metrics[metric]
        entries = [("mean over generators" if several else "all", estimate)]
        if several and metric in evaluation.worst:
            worst = evaluation.worst[metric]
            entries.append((f"worst generator, {worst.subset}", worst.estimate))
        numbers += [
            Number(
                metric,
                e.value,
                judge.data,
                f"native tiles, {label}",
                "measured",
                e.low,
                e.high,
                today,
                COMMAND,
            )
            for label, e in entries
            if e.value is not None
        ]
    return numbers


if __name__ == "__main__":
    main()
