from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from upprint.curves import read_curves
from upprint.data.loader import CropRule
from upprint.result import ConfigError, DataError
from upprint.systems import create
from upprint.train import (
    DataConfig,
    OptimiserConfig,
    TrainConfig,
    fit,
    learning_rate,
    read_config,
    read_run,
    training_step,
)

ROOT = Path(__file__).parent.parent


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six photos of noise and their 'twins': the same, up-sampled by repetition."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    for name in ("0_real", "1_fake"):
        (root / name).mkdir(parents=True)
    for index in range(6):
        small = rng.integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8)).save(root / "0_real" / f"{index}.png")
        Image.fromarray(small.repeat(2, 0).repeat(2, 1)).save(root / "1_fake" / f"{index}.png")
    return root


def config(root: Path, out: Path, **changes: object) -> TrainConfig:
    base = TrainConfig(
        system="npr",
        out=str(out),
        data=DataConfig(str(root), "plain", validation=0.0),
        crops=CropRule(crop=32),
        optimiser=OptimiserConfig(lr=1e-3),
        steps=6,
        batch=4,
        workers=0,
        accelerator="cpu",
        devices=1,
        checkpoint_every=2,
        log_every=1,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_killed_and_resumed_run_ends_in_the_same_weights(data: Path, tmp_path: Path) -> None:
    whole = load_file(fit(config(data, tmp_path / "a")))
    fit(config(data, tmp_path / "b"), stop_after=3)
    assert not (tmp_path / "b" / "npr.safetensors").exists()
    parts = load_file(fit(config(data, tmp_path / "b"), resume=True))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert [step for step, _ in read_curves(tmp_path / "b" / "curves")["loss"]] == [1, 2, 3, 4, 5, 6]


class Narrowed(torch.nn.Module):
    """One layer; notes what its loss was computed in."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.seen: list[torch.dtype] = []

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        logits = self.layer(images)
        self.seen.append(logits.dtype)
        return (logits.float()[:, 0] - labels).square().mean()


@pytest.mark.parametrize("sam", [0.0, 0.05])
@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_steps_are_computed_in_the_precision_asked_for(
    precision: Literal["32-true", "bf16-mixed"], dtype: torch.dtype, sam: float
) -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    plain = Narrowed()
    model, optimiser = fabric.setup(plain, torch.optim.SGD(plain.parameters(), 0.1))
    training_step(fabric, model, optimiser, torch.ones(2, 4), torch.ones(2), sam=sam)
    assert set(plain.seen) == {dtype}
    assert plain.layer.weight.grad is not None
    assert plain.layer.weight.grad.dtype == torch.float32


def test_loss_falls_and_curves_are_written(data: Path, tmp_path: Path) -> None:
    fit(config(data, tmp_path / "a", steps=24, batch=8))
    losses = [value for _, value in read_curves(tmp_path / "a" / "curves")["loss"]]
    assert len(losses) == 24
    assert sum(losses[-6:]) < 0.6 * sum(losses[:6])
    assert (tmp_path / "a" / "curves.png").stat().st_size > 1000


def test_a_finished_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    fit(config(data, tmp_path / "a", steps=1))
    with pytest.raises(ConfigError, match="--resume"):
        fit(config(data, tmp_path / "a", steps=1))
    with pytest.raises(ConfigError, match=r"other settings of \['batch'\]"):
        fit(config(data, tmp_path / "a", steps=1, batch=2), resume=True)


def test_validation_figures_come_from_other_sources(data: Path, tmp_path: Path) -> None:
    settings = config(data, tmp_path / "a", data=DataConfig(str(data), "plain", validation=0.5))
    fit(settings)
    curves = read_curves(tmp_path / "a" / "curves")
    assert {"val_loss", "val_accuracy"} <= curves.keys()


def test_no_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        fit(config(tmp_path / "nowhere", tmp_path / "a"))


def test_the_papers_schedule() -> None:
    rule = OptimiserConfig(lr=1.0, schedule="step", decay=0.9, decay_epochs=10)
    rates = [learning_rate(rule, epoch * 7, 350, 7) for epoch in range(50)]
    for epoch, rate in enumerate(rates):
        decays = sum(1 for done in range(epoch) if done % 10 == 0 and done != 0)
        assert rate == pytest.approx(0.9**decays)


def test_stairs_and_the_quarter_cosine_of_re_synthesis() -> None:
    stairs = OptimiserConfig(lr=1.0, schedule="stairs", decay=0.1, decay_epochs=10)
    rates = [learning_rate(stairs, epoch * 7, 140, 7) for epoch in range(20)]
    assert rates == pytest.approx([1.0] * 10 + [0.1] * 10)
    quarter = OptimiserConfig(lr=1.0, schedule="quarter-cosine")
    set_after = [0.9999 * math.cos(math.pi / 2 * epoch / 99) + 1e-4 for epoch in range(100)]
    rates = [learning_rate(quarter, epoch * 7 + 3, 700, 7) for epoch in range(100)]
    assert rates == pytest.approx([set_after[0], *set_after[:99]])


def test_cosine_and_warmup() -> None:
    rule = OptimiserConfig(lr=1.0, schedule="cosine", warmup_steps=10)
    assert learning_rate(rule, 0, 100, 5) == pytest.approx(0.1)
    assert learning_rate(rule, 50, 100, 5) == pytest.approx(0.5)
    assert learning_rate(rule, 99, 100, 5) < 1e-3


OTHERS = ("laboratory", "benchmark")
RECIPES = [path for path in sorted((ROOT / "configs").glob("*.toml")) if not path.stem.startswith(OTHERS)]


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_shipped_configs_are_valid(path: Path) -> None:
    settings = read_run(path)
    if not isinstance(settings, TrainConfig):  # a part of a system; its class has checked it
        assert path.stem.startswith("resynthesis_")
        return
    assert path.stem.startswith(settings.system)
    with torch.device("meta"):
        built = create(settings.system, **settings.options)
    assert built.card.options.items() >= settings.options.items()


def test_unknown_keys_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        'system = "npr"\nout = "o"\nsteps = 1\nbatchsize = 3\n[data]\nroot = "r"\nlayout = "plain"\n'
    )
    with pytest.raises(ConfigError, match="batchsize"):
        read_config(path)
    path.write_text(
        'system = "npr"\nout = "o"\nsteps = 1\nepochs = 2\n[data]\nroot = "r"\nlayout = "plain"\n'
    )
    with pytest.raises(ConfigError, match="exactly one"):
        read_config(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "missing.toml")
