"""The cache of f's maps: computed once, named by what made them, never mixed with another f's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from upprint.data.loader import CropRule, random_crop
from upprint.data.representations import CacheRule, Representations, identity
from upprint.data.sample import Sample
from upprint.result import ConfigError, DataError

CROPS = CropRule(crop=32)


class Blur(nn.Module):
    """A stand-in for f that counts its calls."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.register_buffer("gain", torch.tensor([gain]))
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return nn.functional.avg_pool2d(images.float(), 4) * self.gain


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    rng, found = np.random.default_rng(0), []
    for index, label in enumerate((0, 1, 0)):
        path = tmp_path / f"{index}.png"
        Image.fromarray(rng.integers(0, 256, (48, 40, 3), np.uint8)).save(path)
        source = "shared" if index < 2 else "other"
        found.append(Sample(str(path), label, "s", "g" if label else "real", source))
    return found


def cached(f: nn.Module, samples: list[Sample], folder: Path, *, training: bool = True) -> Representations:
    return Representations(f, {"a": 1}, samples, CROPS, CacheRule(str(folder), 2), training=training)


def test_a_map_is_what_f_makes_and_is_made_once(samples: list[Sample], tmp_path: Path) -> None:
    f = Blur(1 / 255)
    maps = cached(f, samples, tmp_path / "c")
    first, label = maps[1, 4]
    assert (first.shape, first.dtype, label) == ((3, 8, 8), torch.float32, 1.0)
    again = cached(other := Blur(1 / 255), samples, tmp_path / "c")[1, 6]  # 4 and 6: the same variant
    assert torch.equal(again[0], first)
    assert (f.calls, other.calls) == (1, 0)
    seen = [
        random_crop(np.asarray(Image.open(samples[1].path)), CROPS, s) for s in (maps_seed("s", "shared"),)
    ]
    expected = f(torch.from_numpy(seen[0].transpose(2, 0, 1).copy())[None])[0]
    torch.testing.assert_close(first, expected, atol=1e-3, rtol=0)  # kept in half precision
    assert not torch.equal(maps[1, 5][0], first)


def maps_seed(subset: str, source: str, variant: int = 0) -> int:
    import zlib

    return zlib.crc32(f"{subset}\0{source}\0{variant}".encode())


def test_another_f_has_other_files(samples: list[Sample], tmp_path: Path) -> None:
    cached(Blur(1.0), samples, tmp_path / "c")[0, 0]
    changed = Blur(2.0)
    value = cached(changed, samples, tmp_path / "c")[0, 0][0]
    assert changed.calls == 1
    assert len(list((tmp_path / "c").rglob("*.npz"))) == 2
    torch.testing.assert_close(value, 2 * cached(Blur(1.0), samples, tmp_path / "c")[0, 0][0])
    assert identity(Blur(1.0), {"a": 1}) == identity(Blur(1.0), {"a": 1})
    assert identity(Blur(1.0), {"a": 1}) != identity(Blur(1.0), {"a": 2})


def test_files_that_belong_elsewhere_or_are_damaged_are_named(samples: list[Sample], tmp_path: Path) -> None:
    cached(Blur(1.0), samples, tmp_path / "one")[0, 0]
    cached(Blur(2.0), samples, tmp_path / "two")[0, 0]
    (mine,), (foreign,) = ((tmp_path / n).rglob("*.npz") for n in ("one", "two"))
    mine.write_bytes(foreign.read_bytes())
    with pytest.raises(DataError, match=r"holds the representation of .*expected .*delete the file"):
        cached(Blur(1.0), samples, tmp_path / "one")[0, 0]
    mine.write_bytes(foreign.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged"):
        cached(Blur(1.0), samples, tmp_path / "one")[0, 0]


def test_validation_takes_the_middle(samples: list[Sample], tmp_path: Path) -> None:
    held = cached(Blur(1.0), samples, tmp_path / "c", training=False)
    assert len(held) == 3
    assert torch.equal(held[2, 0][0], held[2, 1][0])


def test_an_f_that_trains_or_has_many_maps_is_refused(samples: list[Sample], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="f is to be trained"):
        cached(nn.Conv2d(3, 3, 1), samples, tmp_path / "c")

    class Two(nn.Module):
        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            return images.float(), images.float()

    with pytest.raises(ConfigError, match="several maps"):
        cached(Two(), samples, tmp_path / "c")[0, 0]
    with pytest.raises(ConfigError, match="at least 1"):
        CacheRule("c", 0)
