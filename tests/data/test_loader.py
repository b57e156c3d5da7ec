from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.data.loader import Batches, CropRule, Crops, central_crop, pairs, random_crop
from upprint.data.sample import Sample
from upprint.perturb import parse
from upprint.result import ConfigError, DataError


def numbered(height: int = 90, width: int = 120) -> np.ndarray:
    """Every pixel tells its own position."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y, x, (y + x) % 256], -1).astype(np.uint8)


def test_random_crop_is_a_window_of_the_picture() -> None:
    rule = CropRule(crop=32, flip=False)
    corners = set()
    for seed in range(200):
        crop = random_crop(numbered(), rule, seed)
        y, x = int(crop[0, 0, 0]), int(crop[0, 0, 1])
        assert np.array_equal(crop, numbered()[y : y + 32, x : x + 32])
        corners.add((y % 2, x % 2))
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}, "every phase of the 2x2 grid is seen"


def test_flip_mirrors_about_half() -> None:
    rule = CropRule(crop=32)
    mirrored = sum(
        int(c[0, 0, 1]) > int(c[0, 1, 1]) for c in (random_crop(numbered(), rule, s) for s in range(400))
    )
    assert 160 < mirrored < 240


def test_resize_ignores_aspect_as_the_paper_does() -> None:
    rule = CropRule(crop=64, resize=(64, 64), flip=False)
    expected = np.asarray(Image.fromarray(numbered()).resize((64, 64), Image.Resampling.BILINEAR))
    assert np.array_equal(random_crop(numbered(), rule, 1), expected)


def test_equal_seeds_treat_photo_and_twin_alike() -> None:
    rule = CropRule(crop=32, augment="0.5*resize(0.5..1.5)|0.5*jpeg(60..98)")
    photo = numbered()
    for seed in range(20):
        assert np.array_equal(random_crop(photo, rule, seed), random_crop(photo.copy(), rule, seed))


def test_small_pictures_are_repeated_not_enlarged() -> None:
    crop = random_crop(numbered(16, 16), CropRule(crop=48, flip=False), 0)
    assert crop.shape == (48, 48, 3)
    assert {tuple(p) for p in crop.reshape(-1, 3)} <= {tuple(p) for p in numbered(16, 16).reshape(-1, 3)}


def test_central_crop_keeps_the_augmentation_and_never_flips() -> None:
    rule = CropRule(crop=32)
    assert np.array_equal(central_crop(numbered(), rule, 0), central_crop(numbered(), rule, 7))
    jpeg = CropRule(crop=64, augment="jpeg(30)")
    window = numbered(64, 64)
    assert np.array_equal(central_crop(window, jpeg, 0), parse("jpeg(30)")(window, 0))


def test_rule_refuses_nonsense() -> None:
    with pytest.raises(ConfigError, match="at least 32"):
        CropRule(crop=8)
    with pytest.raises(ConfigError, match="jpeg"):
        CropRule(augment="jpg(3)")


def sample(label: int, source: str, subset: str = "m", path: str = "") -> Sample:
    return Sample(path or f"{label}/{source}.png", label, subset, "real" if label == 0 else "m", source)


def test_pairs_join_by_source_within_a_subset() -> None:
    samples = [
        sample(1, "b"),
        sample(0, "a"),
        sample(0, "b"),
        sample(1, "a"),
        sample(0, "c"),
        sample(1, "a", "n"),
        sample(0, "a", "n"),
    ]
    assert pairs(samples) == [(2, 0), (1, 3), (6, 5)]
    with pytest.raises(DataError, match="no photo with source 'z'"):
        pairs([sample(1, "z")])


def make_batches(start: int, stop: int, **options: int) -> list[list[tuple[int, int]]]:
    units = [(2 * i, 2 * i + 1) for i in range(7)]
    return list(Batches(units, batch=6, seed=5, start=start, stop=stop, **options))


def test_batches_go_on_where_they_stopped() -> None:
    assert make_batches(0, 8) == make_batches(0, 3) + make_batches(3, 8)


def test_an_epoch_sees_every_unit_once_and_pairs_share_their_draw() -> None:
    first = [draw for batch in make_batches(0, 3) for draw in batch]
    assert sorted(index for index, _ in first) == list(range(14))
    seeds = dict(first)
    assert all(seeds[2 * i] == seeds[2 * i + 1] for i in range(7))
    assert len(set(seeds.values())) == 7
    second = [draw for batch in make_batches(3, 6) for draw in batch]
    assert dict(second) != seeds, "new draws in the next epoch"


def test_processes_share_a_batch_without_overlap() -> None:
    whole = [set(batch) for batch in make_batches(0, 3)]
    shards = [make_batches(0, 3, rank=rank, world=2) for rank in (0, 1)]
    for batch, a, b in zip(whole, *shards, strict=True):
        assert set(a) | set(b) == batch
        assert len(a) == len(b) > 0
        assert len(set(a) & set(b)) == (2 if len(batch) % 4 else 0), "only an odd unit is seen twice"


def test_no_units_is_an_error() -> None:
    with pytest.raises(DataError, match="no training pictures"):
        Batches([], batch=4, seed=0, start=0, stop=1)


def test_crops_read_and_cache_alike(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(numbered()).save(path)
    samples = [sample(1, "x", path=str(path))]
    plain, cached = (Crops(samples, CropRule(crop=32), training=True, cache=cache) for cache in (False, True))
    path_image, label = plain[0, 3]
    assert label == 1.0
    assert path_image.shape == (3, 32, 32)
    assert bool((path_image == cached[0, 3][0]).all())
    assert np.array_equal(
        path_image.numpy().transpose(1, 2, 0), random_crop(numbered(), CropRule(crop=32), 3)
    )
