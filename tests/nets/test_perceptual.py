"""The two perceptual networks: VGG-19's cuts and weights file, and the small substitute."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from upprint.checkpoints import fill
from upprint.nets.perceptual import CHANNELS, Restorer, SmallPerceptual, restoration_loss
from upprint.nets.vgg import CACHED, Vgg19
from upprint.result import ConfigError, WeightsError

SLICES = (1_792, 110_784, 442_752, 2_950_400, 9_439_232)


def torchvision_shapes() -> dict[str, Tensor]:
    """Keys and shapes of torchvision's vgg19 file, from its published configuration E."""
    plan = [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"]
    state, channels, index = {}, 3, 0
    for step in plan:
        if step == "M":
            index += 1
            continue
        state[f"features.{index}.weight"] = torch.zeros(step, channels, 3, 3, device="meta")
        state[f"features.{index}.bias"] = torch.zeros(step, device="meta")
        channels, index = step, index + 2
    for name, (out, into) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        state[f"classifier.{name}.weight"] = torch.zeros(out, into, device="meta")
        state[f"classifier.{name}.bias"] = torch.zeros(out, device="meta")
    return state


@pytest.mark.parametrize("stages", range(1, 6))
def test_vgg_sizes_and_file(stages: int) -> None:
    with torch.device("meta"):
        network = Vgg19(stages)
    assert sum(p.numel() for p in network.parameters()) == sum(SLICES[:stages])
    accepted = network.accept(torchvision_shapes(), "file")
    mine = network.state_dict()
    assert accepted.keys() == mine.keys()
    assert all(accepted[key].shape == mine[key].shape for key in mine)


def test_vgg_maps_follow_the_cuts() -> None:
    torch.manual_seed(0)
    network, x = Vgg19(3), torch.rand(1, 3, 21, 34)
    with torch.no_grad():
        maps = network(x)
        assert [tuple(m.shape[1:]) for m in maps] == [(64, 21, 34), (128, 10, 17), (256, 5, 8)]
        assert all((m >= 0).all() for m in maps)
        expected = x
        for layer in network.features[:7]:
            expected = layer(expected)
        assert isinstance(network.features[6], nn.ReLU)
        torch.testing.assert_close(maps[1], expected)


def test_a_file_of_another_network_is_refused() -> None:
    state = torchvision_shapes() | {"layer1.0.conv1.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"photo\.pth.*'layer1\.0\.conv1\.weight'.*vgg19"):
        Vgg19(1).accept(state, "photo.pth")


def test_the_cache_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WeightsError, match=CACHED):
        Vgg19.cached_file()
    path = tmp_path / "checkpoints" / CACHED
    path.parent.mkdir()
    path.touch()
    assert Vgg19.cached_file() == path


def test_small_network_fits_in_a_megabyte() -> None:
    network = SmallPerceptual()
    count = sum(p.numel() for p in network.parameters())
    assert count == 321_232
    assert 2 * count < 1_000_000
    with torch.no_grad():
        maps = network(torch.rand(1, 3, 32, 48))
    assert [tuple(m.shape) for m in maps] == [(1, c, 32 >> k, 48 >> k) for k, c in enumerate(CHANNELS)]
    smaller = SmallPerceptual(2)
    assert smaller.accept(network.state_dict(), "file").keys() == smaller.state_dict().keys()


def test_restoration_reads_one_cell_linearly() -> None:
    torch.manual_seed(0)
    restorer = Restorer(SmallPerceptual())
    clean = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        restored = restorer(clean)
        assert [tuple(r.shape) for r in restored] == [(2, 3, 32, 32)] * 5
        errors = [float((r - clean).abs().mean()) for r in restored]
        assert float(restoration_loss(restored, clean)) == pytest.approx(sum(errors) / 5)


@pytest.mark.parametrize("network", [Vgg19, SmallPerceptual])
def test_stages_are_one_to_five(network: type[nn.Module]) -> None:
    for stages in (0, 6):
        with pytest.raises(ConfigError, match="expected 1 to 5"):
            network(stages)


@pytest.mark.parametrize("network", [Vgg19, SmallPerceptual])
@pytest.mark.parametrize("stage", [2, 4])
def test_reach(network: type[nn.Module], stage: int) -> None:
    torch.manual_seed(0)
    net = network(stage).double()
    for parameter in net.parameters():
        parameter.data.abs_()
    x = torch.full((1, 3, 96, 96), 0.5, dtype=torch.float64, requires_grad=True)
    stride = 2 ** (stage - 1)
    cell = 48 // stride
    net(x)[-1][0, :, cell, cell].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).nonzero()
    assert 48 - int(seen.min()) == net.reach[stage - 1]
    assert int(seen.max()) - (48 + stride - 1) <= net.reach[stage - 1]


def test_the_shipped_network_is_what_its_card_says() -> None:
    path = SmallPerceptual.shipped_file()
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    network = SmallPerceptual()
    fill(network, "shipped")
    assert sum(p.numel() for p in network.parameters()) == card["parameters"]
    picture = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    assert all(found.any() and found.isfinite().all() for found in network(picture))
    fill(SmallPerceptual(stages=2), "shipped")


def test_shipped_weights_are_only_of_who_has_them() -> None:
    with pytest.raises(WeightsError, match="shipped"):
        fill(torch.nn.Linear(2, 2), "shipped")
