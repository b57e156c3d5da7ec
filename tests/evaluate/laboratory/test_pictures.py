from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from upprint.data.split import SPLIT_SEED, position
from upprint.evaluate.laboratory.config import LaboratoryConfig
from upprint.evaluate.laboratory.pictures import listing, test_crop, training_batches, windows
from upprint.result import ConfigError, DataError, ImageError

Make = Callable[..., LaboratoryConfig]


@pytest.fixture(scope="module")
def twins(make_twins: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_twins(tmp_path_factory.mktemp("twins"), ("nearest", "identity"), 12)


def test_a_source_is_on_one_side_for_all_makers(twins: Path, make_config: Make) -> None:
    found = listing([twins], make_config())
    assert found.makers == ("identity", "nearest")
    assert set(found.train) | set(found.test) == {str(i) for i in range(12)}
    assert not set(found.train) & set(found.test)
    fewer = listing([twins], make_config(makers=("n*", "i*"), hold_out=("3", "4")))
    assert {"3", "4"} <= set(fewer.test)
    assert set(fewer.test) == set(found.test) | {"3", "4"}
    capped = listing([twins], make_config(sources=8))
    assert len(capped.train) + len(capped.test) == 8
    assert set(capped.train) <= set(found.train)


def test_the_split_is_that_of_training(twins: Path, make_config: Make) -> None:
    found = listing([twins], make_config(test_share=0.4))
    assert {key for key in map(str, range(12)) if position(key, SPLIT_SEED) >= 0.6} == set(found.test)


def test_only_shared_sources_take_part(
    twins: Path, make_twins: Callable[..., Path], make_config: Make, tmp_path: Path
) -> None:
    other = make_twins(tmp_path / "more", ("bilinear",), 9)
    found = listing([twins, other], make_config())
    assert found.makers == ("bilinear", "identity", "nearest")
    assert found.left_out == 3
    assert set(found.train) | set(found.test) == {str(i) for i in range(9)}


def test_bad_twins_are_named(twins: Path, make_config: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stands in another folder too"):
        listing([twins, twins], make_config())
    with pytest.raises(DataError, match="at least two"):
        listing([twins], make_config(makers=("nearest",)))
    with pytest.raises(ConfigError, match="'other' fits no maker"):
        listing([twins], make_config(makers=("other",)))
    with pytest.raises(DataError, match="12 to train and 0 to test.*forge more or larger"):
        listing([twins], make_config(test_share=0.0))
    copy = tmp_path / "copy"
    shutil.copytree(twins, copy)
    with pytest.raises(DataError, match=r"at least 80 pixels each way.*forge more or larger photos"):
        listing([copy], make_config(crop=40, window=80))
    Image.new("RGB", (66, 64)).save(copy / "twins" / "nearest" / "0.png")
    with pytest.raises(DataError, match="64x64 and 66x64; expected one size"):
        windows(listing([copy], make_config()), make_config())
    with (copy / "manifest.csv").open("a") as file:
        file.write("twins/nearest/0.png,1,identity,identity,0\n")
    with pytest.raises(DataError, match="two twins"):
        listing([copy], make_config())


def test_small_pictures_are_left_out(twins: Path, make_config: Make, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(twins, copy)
    for top in ("photos", "twins"):
        Image.new("RGB", (64, 63)).save(copy / top / "nearest" / "7.png")
    found = listing([copy], make_config())
    assert found.left_out == 1
    assert "7" not in (*found.train, *found.test)
    (copy / "photos" / "nearest" / "7.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="7.png"):
        windows(listing([copy], make_config()), make_config())


def test_windows_and_test_crops(twins: Path, make_config: Make) -> None:
    config = make_config(tests={"plain": "", "jpeg": "jpeg(50..90)"})
    found = listing([twins], config)
    pictures = windows(found, config)
    n = len(found.test)
    assert len(pictures.train["nearest"]) == len(found.train)
    for maker in found.makers:
        assert pictures.tests["jpeg"][maker].shape == (2 * n, 32, 32, 3)
        photo = np.asarray(Image.open(found.pairs[maker][found.test[0]][0].path))
        twin = np.asarray(Image.open(found.pairs[maker][found.test[0]][1].path))
        np.testing.assert_array_equal(pictures.tests["plain"][maker][0], photo[16:48, 16:48])
        np.testing.assert_array_equal(pictures.tests["plain"][maker][n], twin[16:48, 16:48])
    same = pictures.tests["jpeg"]["identity"]
    np.testing.assert_array_equal(same[:n], same[n:])  # photo and twin see the same quality
    assert pictures.sha256 == windows(found, config).sha256
    assert pictures.sha256 != windows(found, make_config()).sha256


def test_a_perturbed_crop_is_what_pillow_makes() -> None:
    window = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(window[16:80, 16:80]).save(buffer, "JPEG", quality=80, subsampling=2)
    wanted = np.asarray(Image.open(buffer))[16:48, 16:48]
    np.testing.assert_array_equal(test_crop(window, "jpeg(80)", 32, 0), wanted)
    with pytest.raises(DataError, match="leaves 16x16"):
        test_crop(window, "resize(0.25)", 32, 0)


def test_pairs_share_their_draws(twins: Path, make_config: Make) -> None:
    config = make_config(augment="0.5*jpeg(50..90)", steps=7)
    pictures = windows(listing([twins], config), config)
    batches = list(training_batches(pictures, ["identity"], 5, config))
    assert len(batches) == 7
    for images, labels in batches:
        assert images.shape[1:] == (3, 32, 32)
        assert images.dtype == torch.uint8
        assert labels.tolist() == [0.0, 1.0] * (len(labels) // 2)
        assert torch.equal(images[::2], images[1::2])
    again = list(training_batches(pictures, ["identity"], 5, config))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(batches, again, strict=True))
    other = next(training_batches(pictures, ["identity"], 6, config))[0]
    assert not torch.equal(other, batches[0][0])
    both = list(training_batches(pictures, ["identity", "nearest"], 5, config))
    assert any(not torch.equal(images[::2], images[1::2]) for images, _ in both)
