"""One cell: a network trained on some makers, and its scores on the test crops of all makers, in one file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from upprint.evaluate.laboratory.config import LaboratoryConfig, VariantConfig, chosen
from upprint.evaluate.laboratory.inputs import features, network, representation, spectral
from upprint.evaluate.laboratory.pictures import Windows, training_batches
from upprint.record import build
from upprint.result import ResumeError, require
from upprint.train import learning_rate, make_optimiser, training_step

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]
Scorer = Callable[[Pixels], Logits]
"""(N, crop, crop, 3) uint8 RGB to (N,) logits."""

EXAMPLES = 16
"""Batches from which a spectrum's mean and deviation are taken."""

SCORED = 128
"""Crops per forward pass."""

ALL_BUT = "all but "
UNTRAINED = "untrained"
"""Row of what is not trained."""


@dataclass(frozen=True)
class Cell:
    """A network to train.

    Args:
        variant: name in the config.
        row: the maker trained on, "all but <maker>", or "untrained".
        makers: the makers trained on.
        seed: of weights and draws.
    """

    variant: str
    row: str
    makers: tuple[str, ...]
    seed: int

    @property
    def path(self) -> Path:
        """Of its file, below the run's folder."""
        return Path("cells", self.variant, f"{quote(self.row, safe=' ')}.seed{self.seed}.json")


@dataclass(frozen=True)
class Scored:
    """What a cell leaves behind.

    Args:
        variant, row, seed: which cell.
        logits: test -> maker -> (2 n,): the n photos, then their twins.
        loss: mean training loss of the last tenth of the steps; None for a logistic regression.
        train_seconds, test_seconds: what it took.
    """

    variant: str
    row: str
    seed: int
    logits: dict[str, dict[str, tuple[float, ...]]]
    loss: float | None
    train_seconds: float
    test_seconds: float


def cells(config: LaboratoryConfig, makers: tuple[str, ...]) -> list[Cell]:
    """Every cell, first seeds first, so that an unfinished run has whole matrices."""
    found: list[Cell] = []
    for turn in range(max(len(variant.seeds) for variant in config.variants.values())):
        for name, variant in config.variants.items():
            if turn < len(variant.seeds):
                found += [
                    Cell(name, row, trained, variant.seeds[turn]) for row, trained in rows(variant, makers)
                ]
    return found


def rows(variant: VariantConfig, makers: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """(row, makers trained on), single makers first."""
    if variant.network == "mean":
        return [(UNTRAINED, ())]
    single = chosen(makers, variant.rows, f"rows of {variant.title!r}")
    found: list[tuple[str, tuple[str, ...]]] = [(maker, (maker,)) for maker in single]
    if variant.all_but_one:
        found += [(ALL_BUT + maker, tuple(m for m in makers if m != maker)) for maker in single]
    return found


def measure(cell: Cell, pictures: Windows, config: LaboratoryConfig) -> Scored:
    """Train a cell and score all test crops; equal arguments give equal logits on one machine."""
    began = time.perf_counter()
    variant = config.variants[cell.variant]
    scorer, loss = FITS[variant.network](variant, cell, pictures, config)
    trained = time.perf_counter()
    logits = {test: _score(scorer, crops) for test, crops in pictures.tests.items()}
    ended = time.perf_counter()
    seconds = (round(trained - began, 2), round(ended - trained, 2))
    return Scored(cell.variant, cell.row, cell.seed, logits, loss, *seconds)


def _fit_network(
    variant: VariantConfig, cell: Cell, pictures: Windows, config: LaboratoryConfig
) -> tuple[Scorer, float]:
    fabric = _fabric(config.accelerator, config.precision)
    torch.manual_seed(cell.seed)
    examples = None
    if spectral(variant):
        examples = torch.cat([images for images, _ in _batches(cell, pictures, config, EXAMPLES)])
    plain = network(variant, examples).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model, optimiser = fabric.setup(plain, make_optimiser(plain, config.optimiser))
    per_epoch = -(-sum(len(pictures.train[maker]) for maker in cell.makers) // (config.batch // 2))
    losses = []
    for step, (images, labels) in enumerate(_batches(cell, pictures, config, config.steps)):
        for group in optimiser.param_groups:
            rate = learning_rate(config.optimiser, step, config.steps, per_epoch)
            group["lr"] = rate * group.get("factor", 1.0)
        batch, truth = images.to(fabric.device), labels.to(fabric.device)
        losses.append(training_step(fabric, model, optimiser, batch, truth, sam=config.optimiser.sam))
    plain.eval()

    def scorer(crops: Pixels) -> Logits:
        with torch.inference_mode(), fabric.autocast():
            images = torch.from_numpy(crops.transpose(0, 3, 1, 2)).to(fabric.device)
            logits: Logits = plain(images).float().cpu().numpy()
        return logits

    return scorer, float(torch.stack(losses[-max(1, len(losses) // 10) :]).mean())


@cache
def _fabric(accelerator: str, precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
    """One for all cells: each would announce itself."""
    return Fabric(accelerator=accelerator, devices=1, precision=precision)


def _batches(
    cell: Cell, pictures: Windows, config: LaboratoryConfig, steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    return training_batches(pictures, cell.makers, cell.seed, replace(config, steps=min(steps, config.steps)))


def _fit_line(
    variant: VariantConfig, cell: Cell, pictures: Windows, config: LaboratoryConfig
) -> tuple[Scorer, None]:
    """Logistic regression on standardised features of exactly the crops that the networks see."""
    linear = require("sklearn.linear_model", extra="train", purpose="the linear controls")
    pipeline = require("sklearn.pipeline", extra="train", purpose="the linear controls")
    scaling = require("sklearn.preprocessing", extra="train", purpose="the linear controls")
    seen = [(features(variant, x), y) for x, y in _batches(cell, pictures, config, config.steps)]
    x, y = (torch.cat(parts).numpy() for parts in zip(*seen, strict=True))
    # lbfgs starts from zero and draws nothing; 1000 iterations are a bound that it does not reach.
    regression = linear.LogisticRegression(C=variant.regularisation, max_iter=1000)
    model = pipeline.make_pipeline(scaling.StandardScaler(), regression).fit(x, y.astype(int))

    def scorer(crops: Pixels) -> Logits:
        images = torch.from_numpy(crops.transpose(0, 3, 1, 2))
        logits: Logits = model.decision_function(features(variant, images).numpy()).astype(np.float32)
        return logits

    return scorer, None


def _fit_nothing(variant: VariantConfig, *_others: object) -> tuple[Scorer, None]:
    """The mean of the representation."""
    f = representation(variant)

    def scorer(crops: Pixels) -> Logits:
        with torch.inference_mode():
            means: Logits = f(torch.from_numpy(crops.transpose(0, 3, 1, 2))).mean((1, 2, 3)).numpy()
        return means

    return scorer, None


FITS: Mapping[
    str, Callable[[VariantConfig, Cell, Windows, LaboratoryConfig], tuple[Scorer, float | None]]
] = {
    "resnet": _fit_network,
    "linear": _fit_line,
    "mean": _fit_nothing,
}


def _score(scorer: Scorer, crops: Mapping[str, Pixels]) -> dict[str, tuple[float, ...]]:
    """Logits of every maker's crops; equal crops (one photo beside several twins) are scored once."""
    where: dict[bytes, int] = {}
    unique: list[Pixels] = []
    indices: dict[str, list[int]] = {}
    for maker, stack in crops.items():
        indices[maker] = []
        for crop in stack:
            key = crop.tobytes()
            if key not in where:
                where[key] = len(unique)
                unique.append(crop)
            indices[maker].append(where[key])
    parts = [scorer(np.stack(unique[i : i + SCORED])) for i in range(0, len(unique), SCORED)]
    # The shortest text that reads back as the same float32.
    values = [float(str(value)) for value in np.concatenate(parts).astype(np.float32)]
    return {maker: tuple(values[i] for i in found) for maker, found in indices.items()}


def write(scored: Scored, path: Path) -> None:
    """Write a cell's file so that a half-written one is never found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(scored)) + "\n", encoding="utf-8")
    temporary.replace(path)


def load(path: Path) -> Scored:
    """Read a cell's file.

    Raises:
        ResumeError: it is damaged.
    """
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResumeError(
            f"{path}: not a cell of the laboratory ({error}); remove it to train it again"
        ) from error
    return build(Scored, raw, str(path), ResumeError)
