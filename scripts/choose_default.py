"""What the default detector was chosen from, and what more of anything would buy, on equal terms.

    python scripts/choose_default.py --twins TWINS --photos PHOTOS --generated GENERATED
    python scripts/choose_default.py --table [--check]

Features of all variants are counted once, on the same crops of the same pairs, and every variant is a choice
of columns, makers, photos or ridge. All are judged on generators that no variant saw, one central 256-pixel
crop of each picture, as it comes and with both classes at one quality. Results go to results/choose.json, the
page to docs/default.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from judging import CROP, EQUALISED, judges
from upprint.data.loader import Batches, Crops, pairs
from upprint.data.sample import Sample
from upprint.evaluate.benchmark.testsets import SHARED
from upprint.evaluate.bootstrap import Estimate, Scores, estimate
from upprint.evaluate.curve import kinds
from upprint.images import decode
from upprint.nets.cooccurrences import Cooccurrences
from upprint.nets.discriminant import HistogramDiscriminant
from upprint.ops.cooccurrence import GAINS, folding
from upprint.ops.cooccurrence import KINDS as SHAPES
from upprint.perturb import parse
from upprint.preprocess import center_crop, repeat_to
from upprint.systems import card_of
from upprint.train import TrainConfig, read_config, training_samples

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "upprint.toml"
RESULTS = ROOT / "results" / "choose.json"
PAGE = ROOT / "docs" / "default.md"
COMMAND = "python scripts/choose_default.py --twins TWINS --photos PHOTOS --generated GENERATED"
INTRODUCTION = (
    "{photos} training photos: at most {pairs} pairs of each of the default's makers and {others} of each "
    "other, one random crop of {crop} pixels of each, the same for every variant; {data}, one central "
    "crop of {side} pixels of each. Mean AUROC over generators in per cent, with a 95 % bootstrap "
    "interval over sources, and the worst generator: as they come, and with both classes `{equalised}`. "
    "One thing is varied at a time; the rest is as in the first row. The shipped detector is fitted on "
    "four crops of the pairs that its card names, and was chosen with an eye on these generators: its "
    "figures on them are optimistic. Fewer photos means fewer pairs as well."
)
OTHERS = (
    "`collab3` to `collab5` (mirrored VGG-like autoencoders of Collaborative Distillation), `microast` "
    "(a style network that gets its picture as style, too) and `rfdn4` (super-resolution) are others' "
    "networks with weights under the MIT licence, forged with `upprint forge --onnx`; they are not "
    "shipped and no shipped weights were fitted on them."
)
NAMES, SCALES, SIDE = tuple(GAINS), (1, 2), 256
DEFAULT = card_of("upprint").options
CHOSEN = tuple(DEFAULT["residuals"])
LATENT = ("tae", "nearest-2-group-vq")
"""How the names of makers begin whose decoders read latents or codes; the others imitate plain GANs."""
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Training:
    """Histograms (pairs, d) of photos and of their twins, each pair's maker and photo."""

    photos: Features
    twins: Features
    makers: NDArray[np.str_]
    sources: NDArray[np.str_]


@dataclass(frozen=True)
class Variant:
    """What differs: which columns, makers, share of the photos, ridge; or experts and how they are joined.

    An expert is fitted on some makers alone. Joined by their mean or by the larger logit, or by a gate: a
    discriminant between the twins of the two, whose probability weighs their logits.
    """

    title: str
    names: tuple[str, ...] = CHOSEN
    scales: tuple[int, ...] = SCALES
    makers: tuple[str, ...] = ()
    share: float = 1.0
    ridge: float = DEFAULT["ridge"]
    join: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("twins", "photos", "generated"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument(
        "--pairs", type=int, default=250, help="training pairs of each of the default's makers, one crop each"
    )
    parser.add_argument("--others", type=int, default=100, help="training pairs of each other maker")
    parser.add_argument("--table", action="store_true", help="write docs/default.md from what is there")
    parser.add_argument("--check", action="store_true", help="exit 1 if docs/default.md is stale")
    arguments = parser.parse_args()
    if not (arguments.table or arguments.check):
        if None in (arguments.twins, arguments.photos, arguments.generated):
            parser.error("--twins, --photos and --generated are needed to measure")
        found = measured(arguments)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(json.loads(RESULTS.read_text(encoding="utf-8")))
    if arguments.check:
        raise SystemExit(0 if PAGE.read_text(encoding="utf-8") == text else f"{PAGE} is stale")
    PAGE.write_text(text, encoding="utf-8")


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every variant's figures."""
    config = read_config(CONFIG)
    every = replace(config.data, root=str(arguments.twins), options={})
    f = Cooccurrences(NAMES, (1.0,), SCALES)
    chosen_makers = tuple(config.data.options["subsets"])
    limits = dict.fromkeys(chosen_makers, arguments.pairs)
    training = counted_pairs(training_samples(every)[0], f, config, limits, arguments.others)
    judge = judges(arguments.photos, arguments.generated, arguments.twins, config.data.hold_out)[0]
    tests = {text: counted_pictures(judge.samples, f, text) for text in (CROP, EQUALISED)}
    rows = []
    for group, variants in groups(training, chosen_makers).items():
        for variant in track(variants, group):
            figures = {
                text: auroc(judge.samples, scores(variant, training, x, chosen_makers))
                for text, x in tests.items()
            }
            rows.append({"group": group, "title": variant.title, "auroc": figures})
    return {
        "rows": rows,
        "data": judge.data.partition(",")[0],
        "pairs": arguments.pairs,
        "others": arguments.others,
        "photos": len(set(training.sources.tolist())),
        "crop": config.crops.crop,
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"{COMMAND} --pairs {arguments.pairs} --others {arguments.others}",
    }


def groups(training: Training, chosen: Sequence[str]) -> dict[str, list[Variant]]:
    """What is varied, one thing at a time."""
    makers = list(dict.fromkeys(training.makers.tolist()))
    everything = Variant("all makers", makers=tuple(makers))
    return {
        "residuals": [
            Variant(", ".join(CHOSEN) + " (the default)"),
            Variant("all seven", names=NAMES),
            *(Variant(f"{name} alone", names=(name,)) for name in NAMES),
        ],
        "scales": [Variant("full size alone", scales=(1,)), Variant("half size alone", scales=(2,))],
        "ridge": [Variant(f"{ridge:g}", ridge=ridge) for ridge in (1e-1, 2e-2, 1e-3, 1e-4)],
        "makers": [
            everything,
            *(Variant(f"all but {name}", makers=tuple(m for m in chosen if m != name)) for name in chosen),
            *(Variant(f"{name} alone", makers=(name,)) for name in makers),
        ],
        "experts": [
            Variant(f"two experts, {how}", join=how) for how in ("mean", "the larger logit", "a gate")
        ],
        "photos": [Variant(f"{share:.0%} of the photos", share=share) for share in (0.125, 0.25, 0.5)],
    }


def counted_pairs(
    samples: Sequence[Sample], f: Cooccurrences, config: TrainConfig, limits: Mapping[str, int], others: int
) -> Training:
    """One random crop of each pair, at most so many pairs of each maker."""
    kept, taken = [], dict[str, int]()
    for unit in np.random.default_rng(config.seed).permutation(np.array(pairs(samples))).tolist():
        maker = samples[unit[-1]].subset
        taken[maker] = taken.get(maker, 0) + 1
        if taken[maker] <= limits.get(maker, others):
            kept.append(tuple(unit))
    crops = Crops(samples, config.crops, training=True, cache=False)
    draws = Batches(kept, batch=2, seed=config.seed, start=0, stop=len(kept))
    found, makers, sources = [], [], []
    for draw in track(list(draws), "training crops"):
        images = torch.stack([crops[one][0] for one in draw])
        with torch.no_grad():
            found.append(f(images).mean((2, 3)).numpy())
        twin = samples[draw[1][0]]
        makers.append(twin.subset)
        sources.append(twin.source)
    x = np.stack(found)
    return Training(x[:, 0], x[:, 1], np.array(makers), np.array(sources))


def counted_pictures(samples: Sequence[Sample], f: Cooccurrences, text: str) -> Features:
    """Histograms of one crop of each picture; small pictures are repeated."""
    perturb, found = parse(text), []
    for index, sample in enumerate(track(samples, text)):
        pixels = repeat_to(decode(sample.path).pixels, SIDE)
        crop = center_crop(perturb(pixels, index), SIDE)
        with torch.no_grad():
            images = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))[None]
            found.append(f(images).mean((2, 3)).numpy()[0])
    return np.stack(found)


def columns(variant: Variant) -> NDArray[np.bool_]:
    """Which of the features of `Cooccurrences(NAMES, (1.0,), SCALES)` a variant reads."""
    bins = folding().shape[1]
    kept = [
        np.full(SHAPES[name] * bins, scale in variant.scales and name in variant.names)
        for scale in SCALES
        for name in NAMES
    ]
    return np.concatenate(kept)


def scores(variant: Variant, training: Training, test: Features, chosen: Sequence[str]) -> Features:
    """Fit the variant, score the test pictures."""
    makers = variant.makers or tuple(chosen)
    if not variant.join:
        return _one(variant, training, test, np.isin(training.makers, makers))
    latent = np.isin(training.makers, [name for name in makers if name.startswith(LATENT)])
    plain = np.isin(training.makers, [name for name in makers if not name.startswith(LATENT)])
    first, second = (_one(variant, training, test, used) for used in (plain, latent))
    if variant.join == "mean":
        return np.asarray((first + second) / 2, np.float32)
    if variant.join == "the larger logit":
        return np.maximum(first, second)
    kept = columns(variant)
    gate = _fitted(variant.ridge, training.twins[plain][:, kept], training.twins[latent][:, kept])
    share = 1 / (1 + np.exp(-_logits(gate, test[:, kept])))
    return np.asarray((1 - share) * first + share * second, np.float32)


def _one(variant: Variant, training: Training, test: Features, used: NDArray[np.bool_]) -> Features:
    """One discriminant's scores, fitted on the pairs in `used`, as far as the variant's photos go."""
    kept = columns(variant)
    order = np.unique(training.sources)
    used = used & np.isin(training.sources, order[:: round(1 / variant.share)])
    network = _fitted(variant.ridge, training.photos[used][:, kept], training.twins[used][:, kept])
    return _logits(network, test[:, kept])


def _fitted(ridge: float, zeros: Features, ones: Features) -> HistogramDiscriminant:
    network = HistogramDiscriminant(zeros.shape[1], ridge)
    labels = torch.cat((torch.zeros(len(zeros)), torch.ones(len(ones))))
    network.fit(lambda: [(_maps(np.concatenate((zeros, ones))), labels)])
    return network


def _logits(network: HistogramDiscriminant, values: Features) -> Features:
    with torch.no_grad():
        return np.asarray(network(_maps(values))[:, 0].numpy())


def _maps(values: Features) -> torch.Tensor:
    return torch.from_numpy(values)[:, :, None, None]


def auroc(samples: Sequence[Sample], logits: Features) -> dict[str, Any]:
    """Mean over generators with its interval, and the worst; all share the photos."""
    subsets = dict.fromkeys(sample.subset for sample in samples if sample.subset != SHARED)
    measured_by = {"auroc": kinds()["auroc"]}
    found = estimate({name: Scores(*_of(samples, logits, name)) for name in subsets}, measured_by)
    worst = min(subsets, key=lambda name: found.subsets[name]["auroc"].value or 0.0)
    return {
        "mean": interval(found.mean["auroc"]),
        "worst": interval(found.subsets[worst]["auroc"]),
        "worst_name": worst,
    }


def _of(samples: Sequence[Sample], logits: Features, subset: str) -> tuple[list[int], list[float], list[str]]:
    kept = [i for i, sample in enumerate(samples) if sample.subset in (subset, SHARED)]
    return (
        [samples[i].label for i in kept],
        [float(logits[i]) for i in kept],
        [samples[i].source for i in kept],
    )


def interval(estimate_: Estimate) -> list[float | None]:
    return [estimate_.value, estimate_.low, estimate_.high]


def page(found: dict[str, Any]) -> str:
    """docs/default.md from results/choose.json."""
    lines = [
        "# Choosing the default detector",
        "",
        f"Made by `{found['command']}`, {found['date']}. Do not edit by hand.",
        "",
        INTRODUCTION.format(**found, side=SIDE, equalised=EQUALISED),
    ]
    titles = dict.fromkeys(row["group"] for row in found["rows"])
    for group in titles:
        lines += [
            "",
            f"## By {group}",
            "",
            *([OTHERS, ""] if group == "makers" else []),
            "| variant | as they come | worst | both at one quality | worst |",
        ]
        lines += ["| --- | ---: | ---: | ---: | ---: |"]
        for row in found["rows"]:
            if row["group"] == group:
                cells = [cell for text in (CROP, EQUALISED) for cell in _cells(row["auroc"][text])]
                lines.append(f"| {row['title']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(figures: dict[str, Any]) -> Iterator[str]:
    yield "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in figures["mean"]))
    yield f"{100 * figures['worst'][0]:.1f} ({figures['worst_name']})"


if __name__ == "__main__":
    main()
