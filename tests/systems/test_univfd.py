"""UnivFD: the probe, neighbours in a loop, official files, and no CLIP of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from upprint.checkpoints import import_official, load_detector, save_safetensors
from upprint.nets.neighbours import NearestNeighbours
from upprint.result import ConfigError, DataError
from upprint.systems import create
from upprint.systems._pretrained import load_all

TINY = {"tower": "vit-tiny"}


def pictures(count: int = 4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))


def test_the_probe_is_all_that_is_trained() -> None:
    with torch.device("meta"):
        detector = create("univfd")
    assert [name for name, p in detector.named_parameters() if p.requires_grad] == [
        "network.weight",
        "network.bias",
    ]
    assert detector.train().representation.tower.training is False


@pytest.mark.parametrize("k", [1, 3])
def test_neighbours(k: int) -> None:
    rng = np.random.default_rng(0)
    bank, x = rng.normal(size=(9, 5)), rng.normal(size=(4, 5))
    labels = np.array([0, 1, 0, 1, 1, 0, 0, 1, 1])
    network = NearestNeighbours(5, k).double()
    changed = network.fit(lambda: [(torch.from_numpy(bank), torch.from_numpy(labels))])
    assert changed == {"real": 4, "generated": 5}
    found = network(torch.from_numpy(x)).numpy()
    for row, score in zip(x, found, strict=True):
        cosine = bank @ row / np.linalg.norm(bank, axis=1) / np.linalg.norm(row)
        near = [np.sort(1 - cosine[labels == label])[:k].mean() for label in (0, 1)]
        assert score == pytest.approx(near[0] - near[1])
    with pytest.raises(DataError, match="one kind only"):
        network.fit(lambda: [(torch.from_numpy(bank), torch.zeros(9))])


def test_banks_go_round(tmp_path: Path) -> None:
    detector = create("univfd", classifier="nearest", k=1, **TINY)
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0])
    detector.fit(lambda: [(pictures(), labels)])
    scores = detector(pictures())
    assert torch.equal(scores > 0, labels == 1)
    save_safetensors(detector, tmp_path / "w.safetensors", {})
    assert torch.equal(load_detector(tmp_path / "w.safetensors")(pictures()), scores)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_official_head_and_clip(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    donor = create("univfd", **TINY).eval()
    head = {"weight": donor.network.weight.data, "bias": donor.network.bias.data}
    torch.save(head, tmp_path / "fc_weights.pth")
    clip = {k: v.half() for k, v in donor.representation.tower.state_dict().items()}
    clip |= {"text_model.final_layer_norm.bias": torch.zeros(2), "logit_scale": torch.zeros(())}
    file = tmp_path / f"model.{suffix}"
    if suffix == "safetensors":
        save_file({k: v.contiguous() for k, v in clip.items()}, file)
    else:
        torch.save(clip, file)
    out = tmp_path / "o.safetensors"
    done = import_official(
        "univfd", tmp_path / "fc_weights.pth", out, beside=[file], options=donor.card.options
    )
    assert set(done.dropped) == {"text_model.final_layer_norm.bias", "logit_scale"}
    with torch.no_grad():
        torch.testing.assert_close(
            load_detector(out).eval()(pictures()), donor(pictures()), rtol=0, atol=1e-2
        )


def test_training_needs_clip(tmp_path: Path) -> None:
    from upprint.systems.univfd import ClipFeatures

    f = ClipFeatures("vit-tiny")
    f.needs_weights = True
    with pytest.raises(ConfigError, match="CLIP has no weights"):
        f.fit(list)
    torch.save(f.tower.state_dict(), tmp_path / "clip.pth")
    detector = create("univfd", **TINY)
    load_all(detector, [str(tmp_path / "clip.pth")])
    detector.representation.needs_weights = True
    detector.fit(list)
    with pytest.raises(ConfigError, match="classifier 'svm'"):
        create("univfd", classifier="svm", **TINY)


def test_features_are_computed_once_and_shared_by_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLIP is the cost: a second run, of another probe, does not call it."""
    from upprint.data.loader import CropRule
    from upprint.data.representations import CacheRule
    from upprint.systems.univfd import ClipFeatures
    from upprint.train import DataConfig, TrainConfig, fit

    for label, folder in enumerate(("0_real", "1_fake")):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for index in range(4):
            pixels = np.random.default_rng((label, index)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / folder / f"{index}.png")
    calls = []
    forward = ClipFeatures.forward

    def counted(self: ClipFeatures, images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(ClipFeatures, "forward", counted)
    for run in range(2):
        config = TrainConfig(
            system="univfd",
            options=TINY,
            out=str(tmp_path / f"run{run}"),
            data=DataConfig(str(tmp_path / "data"), "plain", validation=0.0),
            crops=CropRule(crop=32),
            representations=CacheRule(str(tmp_path / "features"), variants=2),
            steps=12,
            batch=4,
            workers=0,
            seed=0,
        )
        assert fit(config).exists()
        assert sum(calls) == 8 * 2  # every picture in two draws, and none again
