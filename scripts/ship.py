"""From trained weights to shipped ones: export, calibrate, judge, write the card.

    upprint forge PHOTOS --out TWINS --maker all --encoder ENCODER --decoder DECODER --name taef2 ...
    upprint train configs/upprint.toml --data TWINS --out RUN
    python scripts/ship.py configs/upprint.toml --run RUN --twins TWINS --photos PHOTOS --generated GENERATED

Thresholds and probability are fitted on the validation part of the twins (photos that training never saw), in
their original bytes, saved again and reduced. What the numbers are measured on stands in `judging.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from judging import Judge, judges, measure, score
from upprint.card import Calibration, MapTest, Number, SystemCard
from upprint.checkpoints import load_detector
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.data.split import training_part
from upprint.evaluate import results
from upprint.evaluate.benchmark.testsets import held_out
from upprint.evaluate.calibrate import fit_calibration
from upprint.evaluate.model import open_model
from upprint.evaluate.tail import exponential_threshold
from upprint.export import export_with_report
from upprint.images import find_images
from upprint.train import TrainConfig, read_config, training_samples

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "src" / "upprint" / "weights"
COMMAND = "python scripts/ship.py CONFIG --run RUN --twins TWINS --photos PHOTOS --generated GENERATED"
FORMS = {"original bytes": "", "jpeg(75)": "jpeg(75)", "resize(0.5)": "resize(0.5)"}
FPRS, TAIL_FPR, INCONCLUSIVE = ("0.01", "0.05"), "0.001", 0.10
SMALL = (
    "A small instance, trained in minutes on one processor core with a few hundred photos: not a detector to "
    "rely on."
)
METRICS = (
    "auroc",
    "average_precision",
    "accuracy_shipped",
    "balanced_accuracy_shipped",
    "generated_shipped",
    "fpr_shipped",
    "tpr_at_1_fpr",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    for name in ("run", "twins", "photos", "generated"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument(
        "--unjudged", action="store_true", help="export and calibrate alone, for `upprint benchmark`"
    )
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    config = replace(config, data=replace(config.data, root=str(arguments.twins)))
    system = config.system
    before = arguments.out / f"{system}.json"
    maps = tested_maps(before, arguments.run / f"{system}.safetensors")
    arguments.out.mkdir(parents=True, exist_ok=True)
    weights = arguments.out / f"{system}.safetensors"
    shutil.copyfile(arguments.run / f"{system}.safetensors", weights)
    detector = load_detector(weights)

    with TemporaryDirectory() as folder:
        work = Path(folder)
        bare = export_with_report(detector, work, system, source=weights)
        calibration, rates = calibrate(bare.path, config, arguments.photos, work)
        card = replace(SystemCard.read(bare.card_path), calibration=calibration)
        shipped = export_with_report(detector, arguments.out, system, card=card, source=weights)
        print(f"exported; largest difference from torch {shipped.logit_difference:.1e}")
        numbers: list[Number] = list(rates)
        for judge in () if arguments.unjudged else _judges(arguments, config):
            numbers += measured(judge, shipped.path, work, arguments.results / f"{system}_shipped")
        final = with_numbers(SystemCard.read(shipped.card_path), detector.card.limits, numbers)
        final = replace(final, maps=maps)
        shipped.card_path.write_text(final.to_json(), encoding="utf-8")
    print(json.dumps([f"{n.data}: {n.protocol}: {n.metric} {n.value:.3f}" for n in numbers], indent=1))


def _judges(arguments: argparse.Namespace, config: TrainConfig) -> list[Judge]:
    return judges(arguments.photos, arguments.generated, arguments.twins, config.data.hold_out)


def tested_maps(card: Path, weights: Path) -> tuple[MapTest, ...]:
    """What `upprint where` found out about these weights' maps, from the card that stands there."""
    if not card.exists():
        return ()
    standing = SystemCard.read(card)
    same = standing.weights is not None and (
        standing.weights.safetensors_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    )
    return standing.maps if same else ()


def with_numbers(card: SystemCard, limits: Sequence[str], numbers: Sequence[Number]) -> SystemCard:
    """The card with its numbers, and with what they say about its limits in words."""
    words = [*limits, SMALL]
    for number in numbers:
        if number.metric == "auroc" and "mean" in number.protocol:
            side = "below chance" if number.value < 0.5 else "above chance (50)"
            words.append(f"Mean AUROC {100 * number.value:.1f}, {side}: {number.data}.")
    words.append(
        "The photos of the training set come partly with research terms (ImageNet, BSDS500) and with "
        "individual Creative Commons licences (COCO); none is contained in the weights' files."
    )
    return replace(card, limits=tuple(words), numbers=tuple(numbers))


def calibrate(model: Path, config: TrainConfig, photos: Path, work: Path) -> tuple[Calibration, list[Number]]:
    """Fit on the validation photos, whole and in every form, and on the validation twins.

    Also the share of held-out photos above the default threshold in each form: what the threshold promises,
    checked on sources that neither training nor calibration saw.
    """
    originals = validation_photos(photos, config)
    twins = [s for s in training_samples(config.data)[1] if s.label == GENERATED]
    logits: dict[str, np.ndarray] = {}
    opened = open_model(weights=model)

    def scored(samples: Sequence[Sample], text: str, name: str) -> np.ndarray:
        rows = score(samples, opened, text, work / f"{name}.jsonl", name, COMMAND)
        return np.array([row.logit for row in rows])

    for form, text in FORMS.items():
        logits[form] = scored(originals, text, f"validation photos, {form}")
    fitted = fit_calibration(
        logits,
        scored(twins, "", "validation twins"),
        fprs=FPRS,
        inconclusive_fpr=INCONCLUSIVE,
        data="photos of the training sources that training never saw",
    )
    tail = max(exponential_threshold(form, float(TAIL_FPR)) for form in logits.values())
    fitted = replace(
        fitted,
        thresholds={**fitted.thresholds, TAIL_FPR: max(tail, *fitted.thresholds.values())},
        data=f"{fitted.data}; {TAIL_FPR}: an exponential tail, the photos being too few to count it",
    )
    held = held_out(photos, config.data.hold_out)
    today, rates = datetime.now(UTC).date().isoformat(), []
    for form, text in FORMS.items():
        found = scored(held, text, f"held-out photos, {form}")
        for fpr, threshold in fitted.thresholds.items():
            rates.append(
                Number(
                    f"photos_flagged_at_{fpr}",
                    float((found >= threshold).mean()),
                    f"{len(found)} photos of held-out sources, {form}",
                    "native tiles",
                    "measured",
                    date=today,
                    command=COMMAND,
                )
            )
    return fitted, rates


def validation_photos(photos: Path, config: TrainConfig) -> list[Sample]:
    """The photos whose pairs fell to validation, in their original bytes."""
    from upprint.forge.run import key_of

    keys = {path: key_of(photos, path) for path in find_images([photos])}
    kept = [
        Sample(path, REAL, "", "real", key)
        for path, key in keys.items()
        if training_part(key, config.data.validation, config.data.hold_out) == "validation"
    ]
    return kept


def measured(judge: Judge, model: Path, work: Path, folder: Path) -> list[Number]:
    """Score a judge, keep one result file per sub-set, return the card's numbers."""
    evaluation = measure(judge, model, work, COMMAND)
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
        entries = [(f"mean over {judge.over}s" if several else "all", estimate)]
        if several and metric in evaluation.worst:
            worst = evaluation.worst[metric]
            entries.append((f"worst {judge.over}, {worst.subset}", worst.estimate))
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
