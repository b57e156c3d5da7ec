"""The re-synthesiser against its published size, its formula written out, and its stated reach."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from upprint.checkpoints import fill
from upprint.images import decode
from upprint.nets.rdn import RDN
from upprint.ops.degrade import block_mean
from upprint.result import ConfigError, WeightsError
from upprint.resynthesis.resynthesiser import psnr

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_published_size_and_names() -> None:
    with torch.device("meta"):
        network = RDN()
    state = network.state_dict()
    assert sum(p.numel() for p in network.parameters()) == 22_271_107
    assert len(state) == 302
    assert sum(p.numel() for p in network.rdbs[0].parameters()) == 1_364_544
    assert {key.partition(".")[0] for key in state} == {"sfe1", "sfe2", "rdbs", "gff", "upscale", "output"}
    shapes = {
        "sfe1.weight": (64, 3, 3, 3),
        "rdbs.15.layers.7.conv.weight": (64, 512, 3, 3),
        "rdbs.15.lff.weight": (64, 576, 1, 1),
        "gff.0.weight": (64, 1024, 1, 1),
        "gff.1.weight": (64, 64, 3, 3),
        "upscale.0.weight": (256, 64, 3, 3),
        "upscale.2.weight": (256, 64, 3, 3),
        "output.bias": (3,),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


def test_the_formula_written_out() -> None:
    torch.manual_seed(0)
    network, x = RDN(6, 4, 2, 3), torch.rand(2, 3, 5, 7)
    state = network.state_dict()

    def conv(name: str, values: torch.Tensor, padding: int = 1) -> torch.Tensor:
        return functional.conv2d(values, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    first = conv("sfe1", x)
    y, kept = conv("sfe2", first), []
    for block in range(2):
        grown = y
        for layer in range(3):
            new = conv(f"rdbs.{block}.layers.{layer}.conv", grown).clamp(min=0)
            grown = torch.cat([grown, new], dim=1)
        y = conv(f"rdbs.{block}.lff", grown, 0) + y
        kept.append(y)
    z = conv("gff.1", conv("gff.0", torch.cat(kept, dim=1), 0)) + first
    for step in (0, 2):
        wide = conv(f"upscale.{step}", z)
        n, c, h, w = wide.shape
        z = wide.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
    with torch.no_grad():
        torch.testing.assert_close(network(x), conv("output", z))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_scales(scale: int) -> None:
    assert RDN(4, 4, 1, 1, scale)(torch.rand(1, 3, 3, 5)).shape == (1, 3, 3 * scale, 5 * scale)


def test_nothing_beyond_the_reach_matters() -> None:
    torch.manual_seed(0)
    network = RDN(4, 4, 2, 2).double()
    for parameter in network.parameters():
        parameter.data.abs_()
    x = torch.full((1, 3, 41, 41), 0.5, dtype=torch.float64, requires_grad=True)
    network(x)[0, :, 80:84, 80:84].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).nonzero()
    furthest = int((seen - 20).abs().max())
    assert network.reach - 2 <= furthest <= network.reach


@pytest.mark.parametrize("size", [{"blocks": 0}, {"growth": -1}, {"scale": 5}])
def test_impossible_sizes_are_refused(size: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        RDN(**size)


@pytest.mark.parametrize("name", ["bricks.jpg", "hills.jpg", "spheres.jpg"])
def test_the_shipped_network_is_what_its_card_says_and_beats_bicubic(name: str) -> None:
    path = RDN.shipped_file()
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    phi = RDN(32, 32, 4, 4)
    fill(phi, "shipped")
    assert sum(p.numel() for p in phi.parameters()) == card["parameters"]
    x = torch.from_numpy(decode(EXAMPLES / name).pixels.transpose(2, 0, 1).copy())[None, :, :160, :160] / 255
    low = block_mean(x)
    with torch.no_grad():
        ours = psnr(phi(low), x)
    assert ours > psnr(functional.interpolate(low, scale_factor=4, mode="bicubic"), x) + 0.3


def test_the_shipped_network_is_of_one_size() -> None:
    with pytest.raises(WeightsError, match="shipped"):
        fill(RDN(), "shipped")
