from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from upprint.data.layouts import read as read_layout
from upprint.forge import composite
from upprint.forge.composite import INSIDE, OUTSIDE, SEAM, Plan, blend, choose, compose, region
from upprint.forge.run import COLUMNS
from upprint.result import ConfigError, DataError


def write_pairs(root: Path, count: int = 4, size: int = 96) -> Path:
    """Pairs in the layout of `upprint forge`; a twin is its photo made brighter."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(count):
        photo = rng.integers(40, 120, (size, size + 16, 3), dtype=np.uint8)
        for folder, pixels in (("photos", photo), ("twins", photo + np.uint8(100))):
            path = Path(folder) / "m" / f"{index}.png"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / path)
            label = int(folder == "twins")
            source = f"{'held' if index % 2 else 'seen'}/{index}"
            rows.append({"path": path, "label": label, "subset": "m", "generator": "m" if label else "real",
                         "source": source})  # fmt: skip
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return root


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(64, 200),
    width=st.integers(64, 200),
    share=st.floats(0.05, 0.35),
    aligned=st.booleans(),
    seed=st.integers(0, 999),
)
def test_regions_cover_what_they_state(
    height: int, width: int, share: float, aligned: bool, seed: int
) -> None:
    mask, shape = region(height, width, share, np.random.default_rng(seed), aligned=aligned)
    assert mask.shape == (height, width)
    slack = (32 if aligned else 0.5) / mask.size
    assert mask.mean() == pytest.approx(share, rel=0.1, abs=slack)
    assert shape in ("ellipse", "polygon", "rectangle")
    if aligned:
        whole = mask[: height // 8 * 8, : width // 8 * 8].reshape(height // 8, 8, width // 8, 8)
        assert ((whole.mean(axis=(1, 3)) == 0) | (whole.mean(axis=(1, 3)) == 1)).all()
    again = region(height, width, share, np.random.default_rng(seed), aligned=aligned)
    assert np.array_equal(mask, again[0])


def test_places_say_nothing() -> None:
    """A guess at the centre finds regions no better than chance: the middle and the border are hit alike."""
    rng = np.random.default_rng(0)
    hits = np.mean([region(64, 64, 0.15, rng, aligned=False)[0] for _ in range(150)], axis=0)
    middle, border = hits[16:48, 16:48].mean(), (hits.sum() - hits[16:48, 16:48].sum()) / (64 * 64 - 32 * 32)
    assert middle == pytest.approx(border, rel=0.25)


def test_rasterising_is_the_rule_of_even_and_odd() -> None:
    """A square and a triangle whose cells can be counted by hand."""
    square = composite._inside(np.array([[1, 1], [4, 1], [4, 3], [1, 3]], float), 5, 6)
    assert square.sum() == 6
    assert square[1:3, 1:4].all()
    triangle = composite._inside(np.array([[0, 0], [0, 4], [4, 4]], float), 4, 4)
    assert np.array_equal(triangle[np.tri(4, k=-1, dtype=bool)], np.ones(6, bool))
    assert not triangle[np.triu_indices(4, 1)].any()


def test_all_shapes_are_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {region(100, 100, 0.1, rng, aligned=False)[1] for _ in range(40)} == set(composite._SHAPES)


def test_blending_leaves_both_sides_alone() -> None:
    photo, other = np.full((60, 60, 3), 50, np.uint8), np.full((60, 60, 3), 150, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    mixed, truth = blend(photo, other, mask, 2.0)
    assert set(np.unique(truth)) == {OUTSIDE, SEAM, INSIDE}
    assert np.abs(mixed[truth == OUTSIDE].astype(int) - 50).max() <= 2
    assert np.abs(mixed[truth == INSIDE].astype(int) - 150).max() <= 2
    assert mask[truth == INSIDE].all()
    assert not mask[truth == OUTSIDE].any()
    hard, truth = blend(photo, other, mask, 0.0)
    assert np.array_equal(truth == INSIDE, mask)
    assert np.array_equal(hard == 150, np.repeat(mask[..., None], 3, axis=-1))
    with pytest.raises(DataError, match="one size"):
        blend(photo, other[:50], mask, 0.0)


def test_composites_hold_the_twin_inside_and_the_photo_outside(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "pairs")
    done = compose(root, tmp_path / "out", plan=Plan(lossless=1.0))
    assert (done.made, done.kept) == (8, 0)
    for row in composite.read(tmp_path / "out"):
        truth = pixels(tmp_path / "out" / row.mask)
        mixed = pixels(tmp_path / "out" / row.path)
        stem = row.source.rpartition("/")[2]
        photo = pixels(root / "photos" / "m" / f"{stem}.png")
        change = mixed.astype(int).mean(axis=-1) - photo.mean(axis=-1)
        assert abs(change[truth == OUTSIDE].mean()) < 1
        inside = change[truth == INSIDE].mean()
        assert inside == pytest.approx(100 if row.kind == "twin" else 0, abs=6)
        assert (row.label, row.generator) == ((1, "m") if row.kind == "twin" else (0, "real"))
        if row.kind == "null":  # all else is equal
            twin = Path(str(tmp_path / "out" / row.mask).replace("null", "twin"))
            assert np.array_equal(truth, pixels(twin))
        assert row.share == pytest.approx((truth == INSIDE).mean() + (truth == SEAM).mean() / 2, abs=0.06)


def test_the_whole_is_encoded_once_more(tmp_path: Path) -> None:
    compose(write_pairs(tmp_path / "pairs"), tmp_path / "out", plan=Plan(lossless=0.0, quality=(80, 80)))
    for row in composite.read(tmp_path / "out"):
        assert row.path.endswith(".jpg")
        assert row.encoding.startswith("JPEG q80 4:")
        with Image.open(tmp_path / "out" / row.path) as image:
            assert image.format == "JPEG"


def test_a_killed_run_goes_on_to_the_same_files(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "pairs")
    compose(root, tmp_path / "whole")
    compose(root, tmp_path / "cut")
    manifest = tmp_path / "cut" / "manifest.csv"
    whole = (tmp_path / "whole" / "manifest.csv").read_bytes()
    manifest.write_bytes(whole[: len(whole) * 2 // 3])
    shutil.rmtree(tmp_path / "cut" / "masks")
    done = compose(root, tmp_path / "cut")
    assert done.made > 0 < done.kept
    assert manifest.read_bytes() == whole
    for folder, rest in (("whole", 8), ("cut", done.made)):
        assert len(list((tmp_path / folder / "masks").iterdir())) == rest


def test_sources_choose_pairs_and_the_seed_their_order(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "pairs", 6)
    held = choose(root, ["held/*"], 0)
    assert {photo.source for photo, _ in held} == {"held/1", "held/3", "held/5"}
    assert all(photo.source == twin.source for photo, twin in held)
    assert choose(root, [], 0) == choose(root, [], 0)
    assert choose(root, [], 0) != choose(root, [], 1)
    with pytest.raises(DataError, match="no pair's source fits nowhere"):
        choose(root, ["nowhere/*"], 0)


def test_a_run_over_few_pairs_is_the_start_of_one_over_more(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "pairs", 5)
    few, more = compose(root, tmp_path / "out", count=2), compose(root, tmp_path / "out", count=4)
    assert (few.made, more.made, more.kept) == (4, 4, 4)
    compose(root, tmp_path / "once", count=4)
    assert composite.read(tmp_path / "out") == composite.read(tmp_path / "once")
    assert compose(root, tmp_path / "out", count=1).kept == 2
    assert len(composite.read(tmp_path / "out")) == 2


def test_other_settings_and_other_folders_are_refused(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "pairs", 2)
    compose(root, tmp_path / "out")
    with pytest.raises(DataError, match="choose another folder"):
        compose(root, tmp_path / "out", plan=Plan(seed=1))
    with pytest.raises(DataError, match="expected composites"):
        composite.read(root)
    (tmp_path / "out" / "composites.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not the settings"):
        compose(root, tmp_path / "out")
    with pytest.raises(ConfigError, match="share"):
        Plan(share=(0.5, 0.9))
    with pytest.raises(ConfigError, match="chance"):
        Plan(aligned=2)


def test_the_manifest_is_a_data_set(tmp_path: Path) -> None:
    compose(write_pairs(tmp_path / "pairs", 2), tmp_path / "out")
    data = read_layout(tmp_path / "out" / "manifest.csv")
    assert sorted((s.label, s.generator) for s in data.samples) == [(0, "real")] * 2 + [(1, "m")] * 2
