"""The stages of training on tiny photos: each runs, resumes to the same weights, and feeds the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from upprint.checkpoints import load_detector, load_parts, read_metadata
from upprint.curves import read_curves
from upprint.data.loader import CropRule
from upprint.data.representations import CacheRule
from upprint.nets.perceptual import SmallPerceptual
from upprint.nets.rdn import RDN
from upprint.result import ConfigError, DataError, WeightsError
from upprint.resynthesis.perceptual import PerceptualConfig
from upprint.resynthesis.resynthesiser import ResynthesiserConfig, psnr
from upprint.systems import create
from upprint.train import DataConfig, OptimiserConfig, TrainConfig, fit, read_run

SIZE = (4, 4, 1, 2)
COMMON: dict[str, Any] = {
    "workers": 0,
    "accelerator": "cpu",
    "devices": 1,
    "checkpoint_every": 1,
    "log_every": 1,
    "batch": 4,
}


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """Photos, smooth and with edges, and generated ones that repeat pixels."""
    rng, root = np.random.default_rng(0), tmp_path / "data"
    for name in ("0_real", "1_fake"):
        (root / name).mkdir(parents=True)
    for index in range(6):
        coarse = rng.integers(0, 256, (9, 9, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((72, 68), Image.Resampling.BICUBIC)
        smooth.save(root / "0_real" / f"{index}.png")
        small = smooth.resize((36, 34), Image.Resampling.BOX)
        small.resize((72, 68), Image.Resampling.NEAREST).save(root / "1_fake" / f"{index}.png")
    return DataConfig(str(root), "plain", validation=0.0)


def resynthesiser(data: DataConfig, out: Path, **changes: Any) -> ResynthesiserConfig:
    base = ResynthesiserConfig(
        out=str(out), data=data, rdn=SIZE, patch=32, held_patch=64, perceptual="none", steps=4,
        optimiser=OptimiserConfig(lr=1e-3), **COMMON,
    )  # fmt: skip
    return replace(base, **changes)


def same(a: Path, b: Path) -> bool:
    one, two = load_file(a), load_file(b)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_first_stage_lowers_the_loss_and_resumes_bit_by_bit(data: DataConfig, tmp_path: Path) -> None:
    held = replace(data, validation=0.6)
    weights = fit(resynthesiser(held, tmp_path / "a", auxiliary="gray+noise", steps=30))
    curves = read_curves(tmp_path / "a" / "curves")
    losses = [value for _, value in curves["loss"]]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert {"val_psnr", "val_psnr_bicubic", "val_l1"} <= curves.keys()
    assert read_metadata(weights)["kind"] == "rdn"
    fit(resynthesiser(held, tmp_path / "b", auxiliary="gray+noise", steps=30), stop_after=7)
    assert same(
        weights, fit(resynthesiser(held, tmp_path / "b", auxiliary="gray+noise", steps=30), resume=True)
    )
    RDN(*SIZE).load_state_dict(load_file(weights), strict=True)


def test_the_substitute_trains_and_serves_the_first_stage(data: DataConfig, tmp_path: Path) -> None:
    config = PerceptualConfig(
        out=str(tmp_path / "p"), data=replace(data, validation=0.4), patch=32, steps=8,
        optimiser=OptimiserConfig(lr=2e-3), **COMMON,
    )  # fmt: skip
    theta = fit(config)
    losses = [value for _, value in read_curves(tmp_path / "p" / "curves")["loss"]]
    assert losses[-1] < losses[0]
    assert theta.stat().st_size < 1_000_000
    stored = load_file(theta)
    assert all(value.dtype == torch.float16 for value in stored.values())
    SmallPerceptual().load_state_dict({k: v.float() for k, v in stored.items()}, strict=True)
    with_maps = resynthesiser(
        data,
        tmp_path / "r",
        perceptual="small",
        perceptual_weights=str(theta),
        loss="train_sr",
        steps=2,
        half=True,
    )
    assert load_file(fit(with_maps))["sfe1.weight"].dtype == torch.float16


def detector(data: DataConfig, out: Path, rdn: Path, **changes: Any) -> TrainConfig:
    base = TrainConfig(
        system="resynthesis", out=str(out), data=data, options={"light": True, "rdn": list(SIZE)},
        parts={"representation.phi.0": str(rdn)}, crops=CropRule(crop=32), steps=3, paired=False,
        optimiser=OptimiserConfig(lr=1e-3, kind="sgd", momentum=0.9), **COMMON,
    )  # fmt: skip
    return replace(base, **changes)


@pytest.fixture
def rdn(data: DataConfig, tmp_path: Path) -> Path:
    return fit(resynthesiser(data, tmp_path / "rdn", steps=1))


def test_second_stage_on_kept_residuals(data: DataConfig, rdn: Path, tmp_path: Path) -> None:
    rule = CacheRule(str(tmp_path / "cache"), variants=1)
    held = replace(data, validation=0.4)
    weights = fit(detector(held, tmp_path / "a", rdn, representations=rule))
    kept = sorted((tmp_path / "cache").rglob("*.npz"))
    assert kept
    assert "val_auroc" in read_curves(tmp_path / "a" / "curves") or len(kept) > 2
    fit(detector(held, tmp_path / "b", rdn, representations=rule), stop_after=2)
    assert same(weights, fit(detector(held, tmp_path / "b", rdn, representations=rule), resume=True))
    assert sorted((tmp_path / "cache").rglob("*.npz")) == kept
    trained, start = load_detector(weights), load_file(rdn)
    phi = trained.get_submodule("representation.phi.0").state_dict()
    assert all(torch.equal(phi[key], start[key]) for key in start)


@pytest.mark.parametrize("frozen", [True, False])
def test_third_stage_moves_the_resynthesiser_unless_frozen(
    data: DataConfig, rdn: Path, tmp_path: Path, *, frozen: bool
) -> None:
    options = {"light": True, "rdn": list(SIZE), "end_to_end": not frozen, "perceptual": "none"}
    factors = {} if frozen else {"representation.phi": 0.5}
    config = detector(
        data, tmp_path / "a", rdn, options=options | {"auxiliary": "noise"},
        optimiser=OptimiserConfig(lr=1e-3, factors=factors),
    )  # fmt: skip
    trained = load_detector(fit(config))
    phi, start = trained.get_submodule("representation.phi.0").state_dict(), load_file(rdn)
    moved = [not torch.equal(phi[key], start[key]) for key in start]
    assert not any(moved) if frozen else all(moved)


def test_untrained_parts_are_asked_for(data: DataConfig, rdn: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"representation\.phi\.0 must be trained before"):
        fit(detector(data, tmp_path / "a", rdn, parts={}))
    with pytest.raises(ConfigError, match="no part 'representation.psi'"):
        fit(detector(data, tmp_path / "b", rdn, parts={"representation.psi": str(rdn)}))
    with pytest.raises(WeightsError, match="the weights do not fit"):
        fit(detector(data, tmp_path / "c", rdn, options={"light": True}))
    with pytest.raises(ConfigError, match="rate factor for 'nothing'"):
        fit(detector(data, tmp_path / "d", rdn, optimiser=OptimiserConfig(factors={"nothing": 0.1})))
    with pytest.raises(ConfigError, match="expected a file"):
        resynthesiser(data, tmp_path / "e", perceptual="small")


def test_an_average_is_put_together_from_two_files(rdn: Path, data: DataConfig, tmp_path: Path) -> None:
    pixel = fit(detector(data, tmp_path / "a", rdn, steps=1))
    both = create(
        "resynthesis", branch="avg", light=True, rdn=SIZE, perceptual="small", beta=[1, 0, 0, 0, 0, 0]
    )
    load_parts(both, {"representation.phi.0": f"{pixel}#representation.phi.0",
                      "network.classifiers.0": f"{pixel}#network"})  # fmt: skip
    one = load_detector(pixel)
    images = torch.randint(0, 256, (2, 3, 48, 48), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(both.eval()(images), one.eval()(images))


def test_generated_pictures_alone_are_refused(data: DataConfig, tmp_path: Path) -> None:
    root = Path(data.root)
    for path in (root / "0_real").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="real"):
        fit(resynthesiser(data, tmp_path / "a"))


def test_psnr_is_the_formula() -> None:
    x = torch.full((1, 3, 4, 4), 0.5)
    assert psnr(x + 0.1, x) == pytest.approx(20.0, abs=1e-4)
    assert psnr(x, x) == 100.0
    assert psnr(torch.full_like(x, 3.0), torch.ones_like(x)) == 100.0  # clipped


def test_configs_name_their_task(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    text = 'task = "{}"\nout = "o"\nsteps = 1\n[data]\nroot = "r"\nlayout = "plain"\n'
    path.write_text(text.format("perceptual"))
    assert isinstance(read_run(path), PerceptualConfig)
    path.write_text(text.format("painting"))
    with pytest.raises(ConfigError, match="expected one of detector, resynthesiser, perceptual"):
        read_run(path)
