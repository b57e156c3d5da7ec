"""Training: a frozen config read from TOML, and one loop.

Lightning Fabric carries the loop over CPU, one GPU and several, with mixed precision. The order of
the data and every random draw depend on (seed, epoch, unit) alone, so a run that was killed and
resumed ends in the same weights as one that was not. What is trained is a `Task`: a whole detector
here, parts of one in `upprint.resynthesis`; the config's key `task` says which.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shlex
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.csv_logs import CSVLogger
from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from upprint import __version__
from upprint.allocator import keep_pages
from upprint.checkpoints import load_parts
from upprint.curves import draw_curves
from upprint.data.loader import Batches, CropRule, Crops, pairs, with_blends
from upprint.data.representations import CacheRule, Representations
from upprint.data.sample import Sample
from upprint.detector import Detector, Fitted
from upprint.record import build, read_toml
from upprint.result import ConfigError, DataError, Progress
from upprint.stopping import Stopping, StoppingConfig
from upprint.systems import create
from upprint.systems._pretrained import load_all


@dataclass(frozen=True)
class DataConfig:
    """Which pictures; see `upprint.data.layouts` for the layouts and their options."""

    root: str
    layout: str
    options: dict[str, Any] = field(default_factory=dict)
    validation: float = 0.1
    """Share of sources kept for validation; 0 where `validation_options` name a split of the data's own."""
    validation_options: dict[str, Any] | None = None
    """Options that read the data's own validation split, e.g. {split = "val"}."""
    hold_out: tuple[str, ...] = ()
    """Source keys or patterns ("flickr/*") that are never read: they are for tests."""
    cache: bool = False
    """Keep decoded pictures in memory: for small sets."""


@dataclass(frozen=True)
class OptimiserConfig:
    """`step` multiplies the rate by `decay` every `decay_epochs`; `cosine` falls to zero; `linear` does so
    after the first `hold` of the run."""

    lr: float = 2e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    kind: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.0
    """Of SGD."""
    dampening: float = 0.0
    """Of SGD's momentum."""
    factors: dict[str, float] = field(default_factory=dict)
    """Start of parameter names -> factor of their rate, e.g. {"representation.phi" = 0.1}."""
    sam: float = 0.0
    """Radius of sharpness-aware minimisation (Foret et al., ICLR 2021): two passes a step; 0 is without."""
    schedule: Literal["constant", "step", "stairs", "cosine", "quarter-cosine", "linear"] = "constant"
    decay: float = 0.9
    decay_epochs: int = 10
    warmup_steps: int = 0
    hold: float = 0.75
    """Share of the run that a linear schedule keeps the full rate."""


@dataclass(frozen=True)
class Task:
    """What a run trains, and on what: all that differs between a detector and parts of one.

    Args:
        name: stem of the weights file.
        trainee: has `loss(images, labels)`; its parameters that want a gradient are trained.
        training: indexed by (sample index, seed), gives (picture or map, label).
        units: sample indices that share their draws.
        validate: figures of the held-out sources, without stepping; None where there are none.
        export: writes the weights file.
        by_steps: False where everything is fitted already and only `validate` and `export` remain.
    """

    name: str
    trainee: torch.nn.Module
    training: Dataset[tuple[Tensor, float]]
    units: Sequence[tuple[int, ...]]
    validate: Callable[[Fabric], dict[str, float]] | None
    export: Callable[[Path], None]
    by_steps: bool = True


@dataclass(frozen=True, kw_only=True)
class RunConfig(ABC):
    """What every run depends on, whatever it trains. Exactly one of `epochs` and `steps` is given."""

    out: str
    data: DataConfig
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    stopping: StoppingConfig | None = None
    """By default none: the last weights are the result."""
    epochs: int | None = None
    steps: int | None = None
    batch: int = 32
    seed: int = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accelerator: str = "auto"
    devices: int | Literal["auto"] = "auto"
    workers: int = 2
    threads: int | None = None
    checkpoint_every: int = 500
    validate_every: int | None = None
    """Steps between validations; by default once an epoch."""
    log_every: int = 20
    curves: Literal["csv", "tensorboard"] = "csv"
    trained_on: str = "not stated"
    """Plain words for the card: which pictures, whose."""
    licence: str = "not stated"
    """Under what terms the weights may be used."""

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise ConfigError("training length: give exactly one of epochs and steps")
        if self.stopping is not None and not self.data.validation and self.data.validation_options is None:
            raise ConfigError("stopping needs a validation share, or validation_options")
        if self.batch < 1:
            raise ConfigError(f"batch {self.batch}: expected a positive number")

    @abstractmethod
    def task(self, *, resumed: bool, progress: Progress) -> Task:
        """Read the data and build what is trained; `resumed` runs get their weights from a checkpoint.

        Args:
            resumed: there is a checkpoint.
            progress: called with (batch, batches) where something is fitted before the first step.
        """


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """A detector's run."""

    system: str
    options: dict[str, Any] = field(default_factory=dict)
    init: str | tuple[str, ...] = ""
    """Files of the weights that the recipe starts from, e.g. ImageNet's; "" starts from random ones."""
    parts: dict[str, str] = field(default_factory=dict)
    """Part of the detector -> file with its weights, e.g. {"representation.phi.0" = "rdn.safetensors"}."""
    crops: CropRule = field(default_factory=CropRule)
    paired: bool = False
    """Batches hold photos together with their twins, which share every random draw."""
    fit_crops: Literal["central", "random"] = "central"
    """What a part that learns without steps is fitted on: every picture's central crop once, as published
    systems are, or `epochs` (or `steps`) of random crops, as steps would see them."""
    representations: CacheRule | None = None
    """Compute f once, keep it on disk and train D on it alone; by default f is computed in every step."""

    @property
    def init_files(self) -> tuple[str, ...]:
        files = (self.init,) if isinstance(self.init, str) else self.init
        return files if any(files) else ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.paired and self.batch % 2:
            raise ConfigError(f"batch {self.batch}: expected an even number, because batches hold pairs")

    def task(self, *, resumed: bool, progress: Progress) -> Task:
        return detector_task(self, resumed=resumed, progress=progress)


TASKS = {
    "detector": "upprint.train:TrainConfig",
    "resynthesiser": "upprint.resynthesis.resynthesiser:ResynthesiserConfig",
    "perceptual": "upprint.resynthesis.perceptual:PerceptualConfig",
}
"""The key `task` of a config -> the class that reads the rest."""


def read_run(path: Path) -> RunConfig:
    """Read a TOML config of any task; unknown keys are refused.

    Raises:
        ConfigError: unreadable, not TOML, an unknown task, unknown or missing keys, values of the wrong kind.
    """
    raw = read_toml(path, ConfigError)
    name = raw.pop("task", "detector")
    if name not in TASKS:
        raise ConfigError(f"{path}: task {name!r}; expected one of {', '.join(TASKS)}")
    module, _, kind = TASKS[name].partition(":")
    found: RunConfig = build(getattr(import_module(module), kind), raw, str(path), ConfigError)
    return found


def read_config(path: Path) -> TrainConfig:
    """Read a TOML config of a detector; unknown keys are refused.

    Raises:
        ConfigError: unreadable, not TOML, unknown or missing keys, values of the wrong kind.
    """
    return build(TrainConfig, read_toml(path, ConfigError), str(path), ConfigError)


def fit(
    config: RunConfig,
    *,
    resume: bool = False,
    stop_after: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Path:
    """Train; returns the path of the weights, `<out>/<system>.safetensors` for a detector.

    Args:
        config: the run. It is written to `<out>/config.json`.
        resume: go on from `<out>/last.ckpt` where there is one.
        stop_after: leave after this many steps of this call, at a checkpoint.
        progress: called after every step with (step, steps).

    Raises:
        ConfigError: `out` holds another run, or one that must be resumed or removed.
        DataError: no usable data.
    """
    keep_pages()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    out = Path(config.out)
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        precision=config.precision,
        loggers=_loggers(config, out),
    )
    fabric.launch()
    if fabric.is_global_zero:
        _claim(out, config, resume=resume)
    fabric.barrier()
    fabric.seed_everything(config.seed, verbose=False)

    checkpoint = out / "last.ckpt"
    task = config.task(resumed=checkpoint.exists(), progress=progress)
    if not task.by_steps:
        return _finish_fitted(fabric, task, out)
    model, optimiser = fabric.setup(task.trainee, make_optimiser(task.trainee, config.optimiser))

    stopping = Stopping(config.stopping or StoppingConfig(), config.optimiser.lr)
    state: dict[str, Any] = {"model": model, "optimiser": optimiser, "step": 0}
    if config.stopping is not None:
        state["stopping"] = stopping.state
    if checkpoint.exists():
        fabric.load(checkpoint, state, weights_only=True)
    start = state["step"]
    stopping.state = state.get("stopping", stopping.state)
    batches = Batches(
        task.units,
        batch=config.batch,
        seed=config.seed,
        start=start,
        stop=0,
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    total = config.steps if config.steps is not None else (config.epochs or 0) * batches.steps_per_epoch
    batches.stop = total if stop_after is None else min(total, start + stop_after)
    validate_every = config.validate_every or batches.steps_per_epoch

    loader = DataLoader(
        task.training,
        batch_sampler=batches,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        generator=torch.Generator().manual_seed(config.seed),
    )
    placed = fabric.setup_dataloaders(loader, use_distributed_sampler=False)

    began, seen = time.perf_counter(), 0
    for step, (images, labels) in enumerate(placed, start=start + 1):
        rate = learning_rate(config.optimiser, step - 1, total, batches.steps_per_epoch)
        for group in optimiser.param_groups:
            group["lr"] = rate * stopping.scale * group.get("factor", 1.0)
        loss = training_step(fabric, model, optimiser, images, labels, sam=config.optimiser.sam)
        seen += len(labels) * fabric.world_size
        if step % config.log_every == 0:
            speed = seen / (time.perf_counter() - began)
            losses = fabric.all_gather(loss)
            assert isinstance(losses, Tensor)  # a tensor in, a tensor out
            fabric.log_dict({"loss": losses.mean().item(), "lr": rate, "images_per_second": speed}, step)
            began, seen = time.perf_counter(), 0
        if task.validate is not None and (step % validate_every == 0 or step == total):
            figures = task.validate(fabric) if fabric.is_global_zero else {}
            fabric.log_dict(figures, step)
            if config.stopping is not None and stopping.update(
                fabric.broadcast(figures.get(config.stopping.metric, math.nan))
            ):
                _save(fabric, out / "best.ckpt", {"model": model})
            began, seen = time.perf_counter(), 0
        if step % config.checkpoint_every == 0 or step == batches.stop or stopping.done:
            state |= {"step": step} | ({"stopping": stopping.state} if config.stopping is not None else {})
            _save(fabric, checkpoint, state)
        progress(step, total)
        if stopping.done:
            break

    for logger in fabric.loggers:
        logger.finalize("success")
    weights = out / f"{task.name}.safetensors"
    if fabric.is_global_zero:
        draw_curves(out / "curves", out / "curves.png")
    if batches.stop == total or stopping.done:
        if config.stopping is not None:
            fabric.load(out / "best.ckpt", {"model": model}, weights_only=True)
        if fabric.is_global_zero:
            task.export(weights)
    fabric.barrier()
    return weights


def detector_task(config: TrainConfig, *, resumed: bool, progress: Progress) -> Task:
    """A whole detector on training crops, or D alone on what f made of them."""
    train, validation = (with_blends(part, config.crops) for part in training_samples(config.data))
    units = pairs(train) if config.paired else [(index,) for index in range(len(train))]
    detector = create(config.system, **config.options).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    load_all(detector, config.init_files)
    load_parts(detector, config.parts)
    if not resumed:
        fit_parts(detector, train, units, config, progress)
    trainee = detector
    training: Crops | Representations
    held: Crops | Representations
    if config.representations is None:
        training = Crops(train, config.crops, training=True, cache=config.data.cache)
        held = Crops(validation, config.crops, training=False, cache=config.data.cache)
    else:
        trainee = Detector(torch.nn.Identity(), detector.network, detector.card)
        maps = partial(Representations, detector.representation, detector.card.options)
        training = maps(train, config.crops, config.representations, training=True)
        held = maps(validation, config.crops, config.representations, training=False)

    def validate(fabric: Fabric) -> dict[str, float]:
        return _validate(fabric, trainee, held, config.batch)

    return Task(
        name=config.system,
        trainee=trainee,
        training=training,
        units=units,
        validate=validate if len(held) else None,
        export=lambda path: _export_weights(detector, config, train, path),
        by_steps=detector.card.trained_by != "fit",
    )


def fit_parts(
    detector: Detector,
    samples: list[Sample],
    units: Sequence[tuple[int, ...]],
    config: TrainConfig,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Fit what learns from whole passes: on the central crops in their order, or on `epochs` of random ones.

    Raises:
        DataError: there are none.
    """
    if not isinstance(detector.representation, Fitted) and not isinstance(detector.network, Fitted):
        return
    if not samples:
        raise DataError("no training pictures after the split; expected at least one")
    crops = Crops(samples, config.crops, training=config.fit_crops == "random", cache=config.data.cache)
    if config.fit_crops == "random":
        sampler = Batches(units, batch=config.batch, seed=config.seed, start=0, stop=0)
        sampler.stop = config.steps or (config.epochs or 0) * sampler.steps_per_epoch
        draws = list(sampler)
    else:
        draws = [[(i, i) for i in indices] for indices in _chunks(range(len(crops)), config.batch)]

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        loader = DataLoader(crops, batch_sampler=draws, num_workers=config.workers)
        for done, (images, labels) in enumerate(loader, start=1):
            yield images, labels
            progress(done, len(draws))

    with torch.no_grad():
        detector.eval().fit(batches)


def _finish_fitted(fabric: Fabric, task: Task, out: Path) -> Path:
    """Validate and write a system that is trained once it is fitted."""
    if task.validate is not None and fabric.is_global_zero:
        fabric.log_dict(task.validate(fabric), 1)
    for logger in fabric.loggers:
        logger.finalize("success")
    weights = out / f"{task.name}.safetensors"
    if fabric.is_global_zero:
        task.export(weights)
    fabric.barrier()
    return weights


def training_step(
    fabric: Fabric,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    *,
    sam: float = 0.0,
) -> Tensor:
    """One step on the system's own loss, which is returned; `model` comes from `fabric.setup`.

    With `sam` the gradient is taken where the loss is about highest within that radius of the weights.
    """
    model.train()
    optimiser.zero_grad(set_to_none=True)
    placed = cast(Any, model)
    placed.mark_forward_method("loss")  # or several processes would not exchange their gradients
    images = _laid_out(images)

    def loss_here() -> Tensor:
        # On a single device a marked method is called as it is, without the run's precision.
        with fabric.autocast():
            found: Tensor = placed.loss(images, labels)
        return found

    loss = loss_here()
    fabric.backward(loss)
    if sam > 0:
        moved = _climb(model, sam)
        optimiser.zero_grad(set_to_none=True)
        fabric.backward(loss_here())
        with torch.no_grad():
            for parameter, step in moved:
                parameter.sub_(step)
    optimiser.step()
    return loss.detach()


def _laid_out(batch: Tensor) -> Tensor:
    """Pictures and maps with channels last, which convolutions are faster on; features as they are."""
    return batch.to(memory_format=torch.channels_last) if batch.dim() == 4 else batch


def _climb(model: torch.nn.Module, radius: float) -> list[tuple[Tensor, Tensor]]:
    """Move every parameter along the gradient, `radius` in all; what was added to each."""
    pairs = [(p, p.grad) for p in model.parameters() if p.grad is not None]
    norm = torch.stack([grad.norm() for _, grad in pairs]).norm() + 1e-12
    moved: list[tuple[Tensor, Tensor]] = [(p, grad * (radius / norm)) for p, grad in pairs]
    with torch.no_grad():
        for parameter, step in moved:
            parameter.add_(step)
    return moved


def make_optimiser(trainee: torch.nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """The optimiser of a config over what can be trained, one group of parameters per factor of the rate.

    Raises:
        ConfigError: a factor for names that no trained parameter has.
    """
    parameters = _groups(trainee, config.factors)
    if config.kind == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=config.lr,
            momentum=config.momentum,
            dampening=config.dampening,
            weight_decay=config.weight_decay,
        )
    adam = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return adam(parameters, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay)


def _groups(trainee: torch.nn.Module, factors: Mapping[str, float]) -> list[dict[str, Any]]:
    trained = {name: p for name, p in trainee.named_parameters() if p.requires_grad}
    groups: list[dict[str, Any]] = [{"params": []}, *({"params": [], "factor": f} for f in factors.values())]
    for name, parameter in trained.items():
        fits = (i for i, start in enumerate(factors, start=1) if name.startswith(start))
        groups[next(fits, 0)]["params"].append(parameter)
    for start, group in zip(factors, groups[1:], strict=True):
        if not group["params"]:
            raise ConfigError(f"rate factor for {start!r}: no trained parameter has a name that starts so")
    return [group for group in groups if group["params"]]


def learning_rate(config: OptimiserConfig, step: int, total: int, steps_per_epoch: int) -> float:
    """The rate of the 0-based `step`.

    `step` reproduces the authors' schedule: times `decay` after epochs decay_epochs, 2 decay_epochs, ...
    counted from 0, i.e. first when `decay_epochs` + 1 epochs are done. `stairs` decays when
    `decay_epochs` are. `quarter-cosine` is that of Re-Synthesis's code: it sets the rate of epoch e when
    that epoch is over.
    """
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.schedule == "cosine":
        return config.lr * warm * 0.5 * (1 + math.cos(math.pi * step / total))
    if config.schedule == "step":
        finished = step // steps_per_epoch
        return config.lr * warm * config.decay ** (max(0, finished - 1) // config.decay_epochs)
    if config.schedule == "stairs":
        return config.lr * warm * config.decay ** (step // steps_per_epoch // config.decay_epochs)
    if config.schedule == "quarter-cosine":
        passed = max(0, step // steps_per_epoch - 1) / max(1, total // steps_per_epoch - 1)
        return config.lr * warm * (0.9999 * math.cos(math.pi / 2 * passed) + 1e-4)
    if config.schedule == "linear":
        held = round(config.hold * total)
        return config.lr * warm * min(1.0, (total - step) / max(1, total - held))
    return config.lr * warm


def training_samples(config: DataConfig) -> tuple[list[Sample], list[Sample]]:
    """(training, validation) samples, split by source; held-out sources are in neither."""
    from upprint.data.layouts import read
    from upprint.data.split import SPLIT_SEED, split

    samples = read(Path(config.root), config.layout, **config.options).samples
    shares = {"train": 1 - config.validation, "validation": config.validation}
    parts = split(samples, shares, SPLIT_SEED, hold_out_sources=config.hold_out)
    if config.validation_options is None:
        return list(parts["train"]), list(parts["validation"])
    if config.validation:
        raise ConfigError("validation: give either a share or validation_options, not both")
    return list(samples), list(read(Path(config.root), config.layout, **config.validation_options).samples)


def _validate(
    fabric: Fabric, detector: Detector, held: Crops | Representations, batch_size: int
) -> dict[str, float]:
    """Loss, accuracy at logit 0, AP and AUROC on central crops of the validation sources."""
    from upprint.evaluate.metrics import accuracy, auroc, average_precision

    detector.eval()
    logits: list[Tensor] = []
    labels: list[float] = []
    with torch.inference_mode(), fabric.autocast():
        for indices in _chunks(range(len(held)), batch_size):
            images, chunk = zip(*(held[index, index] for index in indices), strict=True)
            batch = _laid_out(torch.stack(images).to(fabric.device))
            logits.append(detector(batch).float().cpu())
            labels.extend(chunk)
    scores, truth = torch.cat(logits), torch.tensor(labels)
    figures = {"val_loss": functional.binary_cross_entropy_with_logits(scores, truth).item()}
    figures["val_accuracy"] = accuracy(truth.numpy().astype(int), scores.numpy())
    if 0 < truth.sum() < len(truth):
        figures["val_auroc"] = auroc(truth.numpy().astype(int), scores.numpy())
        figures["val_ap"] = average_precision(truth.numpy().astype(int), scores.numpy())
    return figures


def _chunks(items: range, size: int) -> Iterable[range]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _save(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint only once the new one is whole."""
    temporary = path.with_suffix(".tmp")
    fabric.save(temporary, state)
    if fabric.is_global_zero:
        temporary.replace(path)
    fabric.barrier()


def _export_weights(detector: Detector, config: TrainConfig, samples: list[Sample], path: Path) -> None:
    from upprint.checkpoints import save_safetensors

    listing = "\n".join(f"{s.label} {s.subset} {s.source}" for s in samples)
    metadata = {
        "init": ", ".join(Path(file).name for file in config.init_files) or "random",
        "config": json.dumps(asdict(config), sort_keys=True),
        "trained_on": f"{config.trained_on} ({len(samples)} pictures)",
        "training_list_sha256": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest(),
        "command": shlex.join(["upprint", *sys.argv[1:]]),
        "licence": config.licence,
        "version": __version__,
    }
    save_safetensors(detector, path, metadata)


def _loggers(config: RunConfig, out: Path) -> list[Logger]:
    """CSV always, one part for each start of the run; TensorBoard where asked for."""
    part = f"part_{len(list((out / 'curves').glob('part_*')))}"
    loggers: list[Logger] = [CSVLogger(root_dir=out, name="curves", version=part, flush_logs_every_n_steps=1)]
    if config.curves == "tensorboard":
        loggers.append(TensorBoardLogger(root_dir=out, name="tensorboard", version=""))
    return loggers


def _claim(out: Path, config: RunConfig, *, resume: bool) -> None:
    """Make `out` this run's folder; refuse to mix it with another run."""
    text = json.dumps(asdict(config), indent=2, sort_keys=True) + "\n"
    written = out / "config.json"
    if written.exists():
        if not resume:
            raise ConfigError(f"{out} holds a run already; go on with --resume, or choose another out")
        before = build(
            type(config), json.loads(written.read_text(encoding="utf-8")), str(written), ConfigError
        )
        if before != config:
            names = [
                f.name
                for f in dataclasses.fields(config)
                if getattr(before, f.name) != getattr(config, f.name)
            ]
            raise ConfigError(f"{out} was trained with other settings of {names}; choose another out")
    out.mkdir(parents=True, exist_ok=True)
    written.write_text(text, encoding="utf-8")
