"""Compare the variants that the default detector was chosen from, on equal terms.

    python scripts/choose_default.py --work WORK --twins TWINS --photos PHOTOS --generated GENERATED
    python scripts/choose_default.py --table

Every variant of configs/choose_default.toml is trained for the same number of steps on the same pairs and
judged on what none was trained on: generators (both classes at one size and quality), and makers that were
held out as a whole. A cell that is done is not run again. Results go to results/choose/, the page to
docs/default.md.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress as Bar

from judging import Judge, judges, measure
from upprint.checkpoints import load_detector
from upprint.data.layouts import read
from upprint.export import export
from upprint.record import build
from upprint.result import ConfigError
from upprint.train import TrainConfig, fit, read_config

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "choose_default.toml"
RESULTS = ROOT / "results" / "choose"
CURVES = ROOT / "results" / "learning_curve"
PAGE = ROOT / "docs" / "default.md"
COMMAND = "python scripts/choose_default.py --work WORK --twins TWINS --photos PHOTOS --generated GENERATED"
INTRODUCTION = (
    "Every variant was trained for {steps} steps of 16 pairs, crops of {crop} pixels, on the same pairs, and "
    "judged on what none of them was trained on. Mean AUROC in per cent with a 95 % bootstrap interval over "
    "source photos; the worst sub-set beside it. Trainings this short rank variants; they do not say how "
    "good a long one becomes."
)
METRICS = ("auroc", "tpr_at_1_fpr")


@dataclass(frozen=True)
class Variant:
    """What differs from the base config."""

    title: str
    system: str = "upprint"
    options: dict[str, Any] = field(default_factory=dict)
    makers: tuple[str, ...] = ()
    augment: str | None = None
    lr: float | None = None
    validation: float | None = None


@dataclass(frozen=True)
class Choice:
    """The whole comparison."""

    base: str
    steps: int
    crop: int
    seeds: tuple[int, ...]
    held_makers: tuple[str, ...]
    variants: dict[str, Variant]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("work", "twins", "photos", "generated"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--only", action="append", help="run these variants alone")
    parser.add_argument("--table", action="store_true", help="write docs/default.md from what is there")
    parser.add_argument("--check", action="store_true", help="exit 1 if docs/default.md is stale")
    arguments = parser.parse_args()
    choice = build(Choice, tomllib.loads(CONFIG.read_text(encoding="utf-8")), str(CONFIG), ConfigError)
    if arguments.check:
        raise SystemExit(0 if PAGE.read_text(encoding="utf-8") == page(choice) else f"{PAGE} is stale")
    if not arguments.table:
        if None in (arguments.work, arguments.twins, arguments.photos, arguments.generated):
            parser.error("--work, --twins, --photos and --generated are needed to run variants")
        for seed in choice.seeds:
            for name, variant in choice.variants.items():
                if not arguments.only or name in arguments.only:
                    run(name, variant, seed, choice, arguments)
    PAGE.write_text(page(choice), encoding="utf-8")


def run(name: str, variant: Variant, seed: int, choice: Choice, paths: argparse.Namespace) -> None:
    """Train and judge one variant; nothing if its result is there."""
    result = RESULTS / f"{name}-{seed}.json"
    if result.exists():
        return
    config = configured(name, variant, seed, choice, paths)
    with Bar() as bar:
        task = bar.add_task(f"{name}, seed {seed}")
        weights = fit(
            config,
            resume=True,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    out = Path(config.out)
    model = export(load_detector(weights), out, variant.system)
    found: dict[str, Any] = {}
    for judge in chosen(judges(paths.photos, paths.generated, paths.twins, config.data.hold_out), choice):
        evaluation = measure(judge, model, out, COMMAND)
        found[judge.name] = {
            "data": judge.data,
            "mean": {m: interval(evaluation.mean[m]) for m in METRICS},
            "auroc": {r.subset: interval(r.metrics["auroc"]) for r in evaluation.results},
        }
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {
        "variant": name,
        "title": variant.title,
        "seed": seed,
        "steps": config.steps,
        "crop": config.crops.crop,
        "date": datetime.now(UTC).date().isoformat(),
        "command": COMMAND,
        "judges": found,
    }
    result.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def interval(estimate: Any) -> list[float | None]:
    return [estimate.value, estimate.low, estimate.high]


def configured(
    name: str, variant: Variant, seed: int, choice: Choice, paths: argparse.Namespace
) -> TrainConfig:
    """The base config with the variant's differences, without the held-out makers."""
    config = read_config(ROOT / "configs" / choice.base)
    there = {sample.subset for sample in read(paths.twins, config.data.layout).samples}
    makers = sorted(set(variant.makers) or there - set(choice.held_makers))
    augment = config.crops.augment if variant.augment is None else variant.augment
    lr = config.optimiser.lr if variant.lr is None else variant.lr
    validation = config.data.validation if variant.validation is None else variant.validation
    return replace(
        config,
        system=variant.system,
        out=str(paths.work / f"{name}-{seed}"),
        options=variant.options,
        steps=choice.steps,
        seed=seed,
        validate_every=choice.steps,
        data=replace(config.data, root=str(paths.twins), options={"subsets": makers}, validation=validation),
        crops=replace(config.crops, crop=choice.crop, augment=augment),
        optimiser=replace(config.optimiser, lr=lr),
    )


def chosen(found: list[Judge], choice: Choice) -> list[Judge]:
    """Generators at one size and quality, and the held-out makers' twins."""
    kept = []
    for judge in found:
        if judge.name == "equalised":
            kept.append(judge)
        if judge.name == "twins":
            pairs = [sample for sample in judge.samples if sample.subset in choice.held_makers]
            words = f"{len(pairs) // 2} pairs of held-out photos and twins by held-out makers"
            kept.append(replace(judge, samples=pairs, data=f"{words}, both classes {judge.perturbation}"))
    return kept


def page(choice: Choice) -> str:
    """docs/default.md from results/choose/*.json."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    order = list(choice.variants)
    found.sort(key=lambda facts: (order.index(facts["variant"]), facts["seed"]))
    lines = [
        "# Choosing the default detector",
        "",
        f"Made by `{COMMAND}` from `configs/choose_default.toml`. Do not edit by hand.",
        "",
        INTRODUCTION.format(steps=choice.steps, crop=choice.crop),
        "",
    ]
    if found:
        lines += [f"- {name}: {facts['data']}." for name, facts in found[0]["judges"].items()]
        lines += ["", "| variant | seed | generators | worst generator | held-out makers | worst maker |"]
        lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for facts in found:
        cells = [facts["title"], str(facts["seed"])]
        for name in ("equalised", "twins"):
            judged = facts["judges"][name]
            value, low, high = (100 * v for v in judged["mean"]["auroc"])
            worst = min(judged["auroc"], key=lambda key: judged["auroc"][key][0])
            cells += [
                f"{value:.1f} [{low:.1f}, {high:.1f}]",
                f"{100 * judged['auroc'][worst][0]:.1f} ({worst})",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *curve()]) + "\n"


def curve() -> list[str]:
    """What longer training buys: results/learning_curve/*.json."""
    lines: list[str] = []
    for path in sorted(CURVES.glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        lines += ["", f"## {facts['system']}: steps", ""]
        lines += [f"Made by `{facts['command']}`, {facts['date']}. Mean AUROC in per cent.", ""]
        lines += [f"- {name}: {data}." for name, data in facts["judges"].items()]
        lines += ["", "| steps | generators | twins of held-out photos |", "| ---: | ---: | ---: |"]
        for step, point in sorted(facts["points"].items(), key=lambda item: int(item[0])):
            cells = ["{:.1f} [{:.1f}, {:.1f}]".format(*(100 * v for v in point[n])) for n in facts["judges"]]
            lines.append(f"| {step} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
