"""DIRE: DDIM against its formulas, the map's rounding, the stand-in, the official classifier on maps."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from upprint.checkpoints import import_official, load_detector
from upprint.nets.denoiser import DiffusersDenoiser, SmallDenoiser
from upprint.ops.ddim import chosen_steps, reconstruct, signal_shares
from upprint.result import ConfigError, MissingExtra
from upprint.systems import create

SMALL = {"side": 32, "crop": 24, "steps": 2, "width": 8, "depth": 10}


def pictures(count: int = 2) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))


def test_schedule() -> None:
    shares = signal_shares()
    expected = 1.0
    for step in range(1000):
        expected *= 1 - (1e-4 + (0.02 - 1e-4) * step / 999)
        assert shares[step] == pytest.approx(expected, rel=1e-9)
    assert chosen_steps(20) == list(range(0, 1000, 50))


def test_there_and_back_by_the_formulas() -> None:
    """A predictor that knows the picture: the walk is that of DDIM's equation 12 with no noise added."""
    shares = signal_shares()
    x = torch.rand(1, 3, 4, 4, dtype=torch.float64) * 1.6 - 0.8

    def predict(y: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return 0.3 * y + step[0] / 1000

    y, steps = x.clone(), chosen_steps(4)
    a = [float(shares[s]) for s in steps]
    for k, step in enumerate(steps):
        noise = predict(y, torch.tensor([step]))
        start = (y - np.sqrt(1 - a[k]) * noise) / np.sqrt(a[k])
        then = a[k + 1] if k + 1 < 4 else 0.0
        y = np.sqrt(then) * start + np.sqrt(1 - then) * noise
    for k in (3, 2, 1, 0):
        noise = predict(y, torch.tensor([steps[k]]))
        start = (y - np.sqrt(1 - a[k]) * noise) / np.sqrt(a[k])
        then = a[k - 1] if k else 1.0
        y = np.sqrt(then) * start + np.sqrt(1 - then) * noise
    torch.testing.assert_close(reconstruct(x, predict, 4, clip=False), y)


def test_a_perfect_model_loses_nothing() -> None:
    x = torch.rand(1, 3, 4, 4, dtype=torch.float64) * 1.6 - 0.8
    shares = signal_shares()

    def predict(y: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        share = shares[int(step[0])]
        return (y - share.sqrt() * x) / (1 - share).sqrt()

    torch.testing.assert_close(reconstruct(x, predict, 20), x)


def test_maps_are_whole_levels_cut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = create("dire", **SMALL).eval()
    target = "upprint.systems.dire.reconstruct"
    monkeypatch.setattr(target, lambda x, _model, _steps: x - 3.9 / 127.5)
    assert detector.representation.maps(pictures()).unique().tolist() == [3.0]


def test_maps_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    f, images = create("dire", **SMALL).eval().representation, pictures(3)
    assert torch.equal(f.maps(images), torch.cat([f.maps(image[None]) for image in images]))


def test_the_stand_in_learns_from_photos_alone() -> None:
    torch.manual_seed(0)
    detector, images = create("dire", **SMALL), pictures(4)
    before = detector.representation.denoiser.last.weight.clone()
    detector.fit(lambda: [(images, torch.ones(4))])
    assert torch.equal(before, detector.representation.denoiser.last.weight)
    detector.fit(lambda: [(images, torch.tensor([0.0, 1.0, 0.0, 1.0]))])
    assert not torch.equal(before, detector.representation.denoiser.last.weight)
    assert not any(p.requires_grad for p in detector.representation.parameters())


def test_official_classifier_reads_maps(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = create("dire", denoiser="maps", **SMALL).eval()
    torch.save({"model": donor.network.state_dict()}, tmp_path / "lsun_adm.pth")
    out = tmp_path / "o.safetensors"
    import_official("dire", tmp_path / "lsun_adm.pth", out, options=donor.card.options)
    with torch.no_grad():
        assert torch.equal(load_detector(out).eval()(pictures()), donor(pictures()))
    assert donor.card.exportable
    x = donor.representation(pictures())
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(x, (pictures() / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1))


def test_the_users_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if "diffusers" not in sys.modules:
        with pytest.raises(MissingExtra, match="diffusers"):
            DiffusersDenoiser(str(tmp_path))
    torch.manual_seed(0)
    inner = SmallDenoiser(8)

    class UNet2DModel(torch.nn.Module):
        @classmethod
        def from_pretrained(cls, folder: str, **options: object) -> UNet2DModel:
            assert options == {"local_files_only": True, "use_safetensors": True}
            return cls()

        def forward(self, x: torch.Tensor, step: torch.Tensor) -> object:
            noise = inner(x, step)
            return types.SimpleNamespace(sample=torch.cat((noise, noise), 1))

    monkeypatch.setitem(sys.modules, "diffusers", types.SimpleNamespace(UNet2DModel=UNet2DModel))
    detector = create("dire", denoiser=str(tmp_path), **SMALL).eval()
    own = create("dire", **SMALL).eval()
    own.representation.denoiser = inner
    with torch.no_grad():
        assert torch.equal(detector.representation(pictures()), own.representation(pictures()))
    assert not [key for key in detector.state_dict() if "denoiser" in key]


def test_other_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="999 steps"):
        create("dire", steps=999)
