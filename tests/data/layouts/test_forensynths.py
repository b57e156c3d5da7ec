from pathlib import Path

import pytest

from upprint.data.layouts import read
from upprint.data.layouts.forensynths import CORE, EXTRA, PAPER_CLASSES
from upprint.result import ConfigError, DataError

TEST = {
    f"{folders[0]}/{cls}": 1
    for name, folders in CORE.items()
    for cls in (
        ["car/0_real", "car/1_fake", "cat/0_real", "cat/1_fake"] if "Style" in name else ["0_real", "1_fake"]
    )
}


def classes(*names: str) -> dict[str, int]:
    return {f"{name}/{cls}": count for name in names for cls, count in (("0_real", 2), ("1_fake", 1))}


def test_test_sets_in_the_papers_order_with_class_folders_pooled(grow) -> None:
    data = read(grow(TEST), "forensynths")
    assert data.name == "forensynths/test"
    assert data.subsets == tuple(CORE)
    assert data.protocol.name == "npr-resize256"
    assert data.skipped == ()
    stylegan = [s for s in data.samples if s.subset == "StyleGAN"]
    assert [(s.label, s.generator) for s in stylegan] == [(0, "real"), (1, "StyleGAN")] * 2
    for s in data.samples:
        assert s.label == (Path(s.path).parent.name == "1_fake")
    assert len({s.source for s in data.samples}) == len(data.samples)


def test_the_other_five_are_reported_and_read_only_when_asked(grow) -> None:
    root = grow({**TEST, "san/0_real": 1, "san/1_fake": 1})
    assert read(root, "forensynths").skipped == ("san: outside the paper's sets; read only with extras",)
    assert read(root, "forensynths", extras=True).subsets == (*CORE, "SAN")
    assert len(CORE) + len(EXTRA) == 13


@pytest.mark.parametrize("inner", [False, True])
def test_train_and_val_by_class(grow, inner: bool) -> None:
    root = grow({f"train/{k}": n for k, n in classes("car", "cat", "chair", "horse", "train").items()})
    if not inner:
        grow({f"val/{k}": n for k, n in classes("car").items()})
    data = read(root / "train" if inner else root, "forensynths", split="train", classes=PAPER_CLASSES)
    assert data.protocol.name == "npr-train"
    assert data.subsets == ("ProGAN",)
    assert sum(s.label == 0 for s in data.samples) == 8
    assert sum(s.label == 1 for s in data.samples) == 4
    assert data.skipped == (".: classes not asked for: 'train'",)
    assert data.samples[0].source == "forensynths/train/car/0_real/000.png"


def test_all_classes_without_the_option_even_one_called_train(grow) -> None:
    data = read(grow(classes("car", "train")), "forensynths", split="train")
    assert len(data.samples) == 6


def test_one_split_is_taken_and_two_are_asked_about(grow) -> None:
    root = grow({f"val/{k}": n for k, n in classes("car").items()})
    assert read(root, "forensynths").protocol.name == "npr-val"
    grow({f"test/{k}": n for k, n in TEST.items()})
    with pytest.raises(DataError, match="say which one"):
        read(root, "forensynths")
    with pytest.raises(DataError, match="no split 'train'"):
        read(root, "forensynths", split="train")
    assert read(root, "forensynths", split="test").subsets == tuple(CORE)


def test_wrong_use_is_named(grow) -> None:
    root = grow(TEST)
    with pytest.raises(DataError, match="looks like the test split"):
        read(root, "forensynths", split="train")
    with pytest.raises(ConfigError, match="no split 'dev'"):
        read(root, "forensynths", split="dev")
    with pytest.raises(ConfigError, match="leave out classes"):
        read(root, "forensynths", classes=["car"])
    with pytest.raises(DataError, match="say split='train'"):
        read(root / "stylegan", "forensynths")
    with pytest.raises(DataError, match="no class folder 'dog'"):
        read(root / "stylegan", "forensynths", split="val", classes=["dog"])
