from pathlib import Path

import pytest

from upprint.data.layouts import read
from upprint.data.layouts.genimage import CORE
from upprint.result import ConfigError, DataError


def halves(name: str, train: int = 2, val: int = 1) -> dict[str, int]:
    return {f"{name}/{s}/{c}": n for s, n in (("train", train), ("val", val)) for c in ("ai", "nature")}


def test_labels_go_by_name_although_ai_sorts_first(grow) -> None:
    data = read(grow(halves("ADM")), "genimage")
    assert sorted(("ai", "nature")) == ["ai", "nature"]  # the order that would give ai label 0
    assert {Path(s.path).parent.name: s.label for s in data.samples} == {"ai": 1, "nature": 0}
    assert {s.generator for s in data.samples if s.label == 0} == {"real"}
    assert data.samples[0].label == 0


@pytest.mark.parametrize(
    ("folder", "subset"),
    [
        ("stable_diffusion_v_1_4", "SDv1.4"),
        ("Stable Diffusion V1.4", "SDv1.4"),
        ("sdv4", "SDv1.4"),
        ("Stable Diffusion V1.5", "SDv1.5"),
        ("sdv5", "SDv1.5"),
        ("wukong", "Wukong"),
        ("Wukong", "Wukong"),
        ("BigGAN", "BigGAN"),
        ("biggan", "BigGAN"),
        ("glide", "GLIDE"),
        ("vqdm", "VQDM"),
        ("midjourney", "Midjourney"),
        ("ADM", "ADM"),
        ("imagenet_ai_0419_sdv4", "SDv1.4"),
    ],
)
def test_folder_names_of_all_releases(grow, folder: str, subset: str) -> None:
    assert read(grow(halves(folder)), "genimage").subsets == (subset,)


def test_splits(grow) -> None:
    root = grow({**halves("ADM"), **halves("Midjourney/imagenet_midjourney")})
    assert read(root, "genimage").subsets == ("Midjourney", "ADM")
    assert len(read(root, "genimage").samples) == 4
    train = read(root, "genimage", split="train")
    assert len(train.samples) == 8
    assert (train.name, train.protocol.name) == ("genimage/train", "npr-genimage-train")
    assert len(CORE) == 8


def test_one_imagenet_photo_has_one_key(grow) -> None:
    root = grow({f"{g}/val/{c}": ["n01.JPEG"] for g in ("ADM", "VQDM") for c in ("ai", "nature")})
    data = read(root, "genimage")
    assert {s.source for s in data.samples if s.label == 0} == {"genimage/val/imagenet/n01.JPEG"}
    assert len({s.source for s in data.samples if s.label == 1}) == 2


@pytest.mark.parametrize("outer", ["", "test/"])
def test_repacked(grow, outer: str) -> None:
    root = grow({f"{outer}{g}/{c}": 1 for g in ("sdv5", "vqdm") for c in ("0_real", "1_fake")})
    data = read(root, "genimage", **({"split": "test"} if outer else {}))
    assert data.subsets == ("SDv1.5", "VQDM")
    assert {Path(s.path).parent.name: s.label for s in data.samples} == {"0_real": 0, "1_fake": 1}


@pytest.mark.parametrize(
    ("folders", "options", "words"),
    [
        ({"ADM/train/ai": 1, "ADM/train/nature": 1}, {}, "no 'val' folder"),
        ({"ADM/val/ai": 1}, {}, "'nature' is missing"),
        ({"ADM/val/ai": 1, "ADM/val/1_fake": 1}, {}, "two kinds"),
        ({"ADM/ai": 1, "ADM/nature": 1}, {"split": "train"}, "leave out split"),
        ({**halves("sdv4"), **halves("Stable Diffusion V1.4")}, {}, "all stand for SDv1.4"),
        ({"train/ADM/0_real": 1, "train/ADM/1_fake": 1}, {"split": "val"}, "no split 'val'"),
    ],
)
def test_wrong_trees_are_named(grow, folders, options, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(grow(folders), "genimage", **options)


def test_unknown_split(grow) -> None:
    with pytest.raises(ConfigError, match="train, val, test"):
        read(grow(halves("ADM")), "genimage", split="dev")


def test_strays_on_the_way_are_reported(grow) -> None:
    root = grow({**halves("ADM/inner"), "ADM/inner/other": 1})
    (root / "ADM/readme.txt").write_text("x")
    skipped = read(root, "genimage").skipped
    assert "ADM: 1 file not in a class folder: 'readme.txt'" in skipped
    assert "ADM/inner/other: beside 'val', not a split" in skipped
