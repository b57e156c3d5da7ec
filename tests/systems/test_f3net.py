"""F3-Net: counts of the specification, FAD and LFS written out with SciPy's DCT, keys, the start from
ImageNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from upprint.checkpoints import import_official
from upprint.nets.f3net import FadHead, LfsHead, MixBlock, band
from upprint.result import ConfigError
from upprint.systems import create
from upprint.systems._pretrained import load_pretrained

SMALL = {"side": 64, "middle": 1}


@pytest.mark.parametrize(
    ("mode", "published", "unused"),
    [("fad", 21_171_246, 2049), ("lfs", 20_813_320 - 806, 2049), ("both", 41_983_759, 4098)],
)
def test_trainable_counts(mode: str, published: int, unused: int) -> None:
    with torch.device("meta"):
        detector = create("f3net", mode=mode)
    assert sum(p.numel() for p in detector.parameters()) == published - unused


def test_bands() -> None:
    assert [int(band(10, 20 * k / 6, 20 * (k + 1) / 6).sum()) for k in range(6)] == [10, 18, 36, 30, 12, 3]
    areas = [f.base.mean().item() for f in FadHead(299).filters]
    assert areas == pytest.approx([0.0646, 0.0632, 0.875, 1.0], abs=1e-3)


def gains(head: torch.nn.Module) -> list[np.ndarray]:
    return [
        f.base.double().numpy() + 2 / (1 + np.exp(-f.learnable.detach().double().numpy())) - 1
        for f in head.filters
    ]


def test_fad() -> None:
    torch.manual_seed(0)
    head, x = FadHead(16), torch.rand(2, 3, 16, 16) * 2 - 1
    frequencies = dctn(x.double().numpy(), axes=(2, 3), norm="ortho")
    expected = np.concatenate([idctn(frequencies * g, axes=(2, 3), norm="ortho") for g in gains(head)], 1)
    np.testing.assert_allclose(head(x).detach().numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("order", "scale"), [("last", 127.5), ("each", 122.5)])
def test_lfs(order: str, scale: float) -> None:
    torch.manual_seed(0)
    head, x = LfsHead(order, scale), torch.rand(1, 3, 15, 15) * 2 - 1
    red, green, blue = x[0].double().numpy()
    grey = np.pad((0.299 * red + 0.587 * green + 0.114 * blue + 1) * scale, 4)
    found = head(x)[0].detach().numpy()
    assert found.shape == (6, 7, 7)
    numbers = [10, 18, 36, 30, 12, 3]
    for row in range(7):
        for column in range(7):
            window = grey[2 * row : 2 * row + 10, 2 * column : 2 * column + 10]
            coefficients = np.abs(dctn(window, norm="ortho"))
            for k, gain in enumerate(gains(head)):
                if order == "last":
                    expected = np.log10((coefficients * np.abs(gain)).sum() + 1e-15)
                else:
                    expected = (np.log10(coefficients + 1e-15) * gain).sum() / numbers[k]
                np.testing.assert_allclose(found[k, row, column], expected, rtol=2e-3, atol=2e-3)


def test_streams_meet_at_the_published_size() -> None:
    with torch.device("meta"):
        network = create("f3net", mode="mix").network
        x = torch.zeros(1, 3, 299, 299)
        assert network.LFS_head(x).shape == (1, 6, 149, 149)
        assert {tuple(y.shape) for y in network.features(x)} == {(1, 2048, 10, 10)}


def test_mix_changes_nothing_at_the_start_and_exchanges_later() -> None:
    torch.manual_seed(0)
    block = MixBlock(4).eval()
    streams = [torch.randn(2, 4, 5, 5), torch.randn(2, 4, 5, 5)]
    for layer in block.out:
        torch.nn.init.zeros_(layer.bias)
    for mixed, x in zip(block(streams), streams, strict=True):
        torch.testing.assert_close(mixed, x)
    torch.nn.init.ones_(block.gate[0])
    first, second = block(streams)
    assert not torch.allclose(first, streams[0])
    torch.testing.assert_close(second, streams[1])


def test_public_key_layout(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = create("f3net", **SMALL)
    state = {f"module.{k}": v for k, v in donor.network.state_dict().items()}
    for stream, bands, size in (("FAD", 4, 64), ("LFS", 6, 10)):
        state |= {f"module.{stream}_xcep.fc.weight": torch.zeros(1, 2048)}
        state |= {f"module.{stream}_head.filters.{k}.base": torch.zeros(size, size) for k in range(bands)}
    state |= {"module.FAD_head._DCT_all": torch.eye(64), "module.LFS_head._DCT_patch_T": torch.eye(10)}
    state |= {"module.LFS_head.filters.0.ft_num": torch.ones(1)}
    torch.save(state, tmp_path / "f.pth")
    out = tmp_path / "o.safetensors"
    done = import_official("f3net", tmp_path / "f.pth", out, options=donor.card.options)
    assert len(done.dropped) == 15


def test_starts_from_imagenet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor, detector = create("f3net", **SMALL), create("f3net", **SMALL)
    part = donor.network.FAD_xcep.state_dict()
    theirs = {k: v.squeeze() if "pointwise" in k else v for k, v in part.items()}
    theirs |= {"conv1.weight": torch.randn(32, 3, 3, 3), "fc.weight": torch.zeros(1000, 2048)}
    torch.save(theirs, tmp_path / "xception.pth")
    load_pretrained(detector, detector.pretrained, tmp_path / "xception.pth")
    first = detector.network.FAD_xcep.conv1.weight
    torch.testing.assert_close(first[:, 3:6], theirs["conv1.weight"] / 4)
    torch.testing.assert_close(detector.network.LFS_xcep.conv1.weight[:, :3], theirs["conv1.weight"] / 2)
    same = detector.network.LFS_xcep.conv4.pointwise.weight
    assert torch.equal(same, donor.network.FAD_xcep.conv4.pointwise.weight)


@pytest.mark.parametrize("options", [{"mode": "all"}, {"lfs": "first"}])
def test_other_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options.values()))):
        create("f3net", **SMALL, **options)
