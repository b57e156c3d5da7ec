"""The rule that names alone make labels, seen through the simplest reader that uses it."""

from pathlib import Path

import pytest
from PIL import Image

from upprint.data.layouts import read
from upprint.data.layouts._folders import NATURE_AI, REAL_FAKE, Tree, class_folders, subset_of
from upprint.result import DataError

PAIR = {"BEGAN/0_real": 2, "BEGAN/1_fake": 2}


def labels(samples) -> dict[str, int]:
    return {Path(s.path).parent.name: s.label for s in samples}


def test_a_third_directory_that_sorts_first_takes_no_label(grow) -> None:
    data = read(grow({**PAIR, "BEGAN/0_before": 3, "BEGAN/2_after": 1}), "gangen-detection")
    assert labels(data.samples) == {"0_real": 0, "1_fake": 1}
    assert len(data.samples) == 4
    assert "BEGAN/0_before: beside 0_real and 1_fake, carries no label" in data.skipped
    assert "BEGAN/2_after: beside 0_real and 1_fake, carries no label" in data.skipped


def test_stray_files_are_reported_at_every_level(grow) -> None:
    root = grow({**PAIR, "BEGAN": ["cover.png"], "SNGAN/a/0_real": 1, "SNGAN/a/1_fake": 1, "SNGAN/empty": 0})
    for place in (".", "SNGAN", "BEGAN/0_real"):
        (root / place / "notes.txt").write_text("no picture")
    data = read(root, "gangen-detection")
    assert len(data.samples) == 6
    assert ".: 1 file not in a class folder: 'notes.txt'" in data.skipped
    assert "BEGAN: 1 file not in a class folder: 'cover.png'" in data.skipped
    assert "SNGAN: 1 file not in a class folder: 'notes.txt'" in data.skipped
    assert "SNGAN/empty: no class folders inside" in data.skipped
    assert "BEGAN/0_real: 1 file no pictures by name and first bytes: 'notes.txt'" in data.skipped


def test_pictures_lie_at_any_depth_below_their_class(grow) -> None:
    data = read(grow({**PAIR, "BEGAN/0_real/more/deep": ["a.b.PNG"]}), "gangen-detection")
    assert [s.path.rpartition("root/")[2] for s in data.samples if s.label == 0] == [
        "BEGAN/0_real/000.png",
        "BEGAN/0_real/001.png",
        "BEGAN/0_real/more/deep/a.b.PNG",
    ]


def test_reading_twice_gives_the_same_order(grow) -> None:
    root = grow({**PAIR, "STGAN/0_real": ["b.png", "a.png", "B.png"], "STGAN/1_fake": 3})
    assert read(root, "gangen-detection") == read(root, "gangen-detection")


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ({"BEGAN/1_fake": 1}, "'0_real' is missing"),
        ({"BEGAN/0_real": 1}, "'1_fake' is missing"),
        ({"BEGAN/0_real": 1, "BEGAN/1_fake": 0}, "1_fake: no pictures"),
        ({"BEGAN/real": 1, "BEGAN/fake": 1}, r"expected 0_real \+ 1_fake.*'fake', 'real'"),
        ({"BEGAN/a/0_real": 1, "BEGAN/a/1_fake": 1, "BEGAN/b/0_real": 1}, "b: class folder '1_fake'"),
        ({"nothing/0_real": 1, "nothing/1_fake": 1}, "none of the sets.*found 'nothing'"),
        ({"BEGAN/0_real": 1, "BEGAN/1_fake": 1, "began/0_real": 1}, "stand for BEGAN"),
    ],
)
def test_wrong_trees_are_named(grow, folders, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(grow(folders), "gangen-detection")


def test_two_kinds_of_class_folders_are_refused(grow) -> None:
    root = grow({"0_real": 1, "ai": 1, "nature": 1, "1_fake": 1})
    with pytest.raises(DataError, match="two kinds"):
        class_folders(root, (NATURE_AI, REAL_FAKE))
    assert class_folders(root) == {"0_real": 0, "1_fake": 1}


def test_unlistable_directory_is_reported(grow, monkeypatch) -> None:
    root = grow({"0_real": 1, "0_real/locked": 0})

    def with_lock(paths):
        (folder,) = paths
        yield str(folder / "000.png")
        yield str(folder / "locked")

    monkeypatch.setattr("upprint.data.layouts._folders.find_images", with_lock)
    tree = Tree(root, "t")
    tree.add(root / "0_real", 0, "s", "g")
    assert [Path(s.path).name for s in tree.samples] == ["000.png"]
    assert tree.skipped == ["0_real/locked: a directory that cannot be listed"]


def test_misnamed_pictures_count_by_their_first_bytes(grow) -> None:
    root = grow(PAIR)
    Image.new("RGB", (8, 8)).save(root / "BEGAN/0_real/picture", "PNG")
    assert len(read(root, "gangen-detection").samples) == 5


def test_names_match_without_case_and_punctuation() -> None:
    names = {
        "SDv1.4": ("stable_diffusion_v_1_4", "sdv4"),
        "LDM_200": ("ldm_200",),
        "LDM_200_cfg": ("ldm_200_cfg",),
    }
    for spelling in ("Stable Diffusion V1.4", "stable-diffusion-v1-4", "SDV4", "SDv1.4"):
        assert subset_of(spelling, names) == "SDv1.4"
    assert subset_of("ldm_200_cfg", names) == "LDM_200_cfg"
    assert subset_of("ldm_20", names) is None
