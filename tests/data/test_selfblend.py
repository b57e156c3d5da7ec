"""Self-blending: what is shared by both pictures, where they differ, masks, landmarks beside pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from upprint.data.selfblend import Face, blend_weight, hull_mask, read_face, self_blend
from upprint.result import DataError


def face() -> Face:
    angles = np.linspace(0, 2 * np.pi, 81, endpoint=False)
    points = np.stack((80 + 30 * np.cos(angles), 90 + 40 * np.sin(angles)), 1)
    return Face(points, (50.0, 50.0, 110.0, 130.0))


def photo() -> np.ndarray:
    """Smooth waves with grain: a changed copy of it differs."""
    y, x = np.mgrid[:180, :160]
    waves = np.stack([120 + 60 * np.sin(x / 7 + c) + 40 * np.cos(y / 9 - c) for c in range(3)], 2)
    grain = np.random.default_rng(0).normal(0, 8, waves.shape)
    return np.clip(waves + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("training", [False, True])
def test_both_pictures_are_alike_outside_the_face(training: bool) -> None:
    """With the box as wide as the window the corners lie outside every mask."""
    wide = Face(face().landmarks, (10.0, 5.0, 150.0, 175.0))
    changed = 0
    for seed in range(6):
        real, fake = self_blend(photo(), wide, 128, np.random.default_rng(seed), training=training)
        assert real.shape == fake.shape == (128, 128, 3)
        difference = np.abs(real.astype(int) - fake).max(2)
        assert difference[:6, :6].max() <= (12 if training else 0)
        changed += difference[50:80, 50:80].mean() > 0.5
    assert changed >= 4


def test_the_same_draws_give_the_same_pictures() -> None:
    first = self_blend(photo(), face(), 64, np.random.default_rng(3))
    again = self_blend(photo(), face(), 64, np.random.default_rng(3))
    other = self_blend(photo(), face(), 64, np.random.default_rng(4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_hull_is_filled() -> None:
    mask = hull_mask(np.array([[2.0, 2], [12, 2], [12, 9], [2, 9], [6, 5]]), (16, 20))
    assert mask[2:10, 2:13].min() == 1
    assert mask.sum() == 8 * 11


def test_weights_are_soft_and_stay_inside() -> None:
    mask = hull_mask(face().landmarks, (180, 160))
    tops = set()
    for seed in range(20):
        weight = blend_weight(mask, np.random.default_rng(seed))
        assert weight.shape == mask.shape
        assert weight[:30].max() < 0.02
        assert ((weight > 0.02) & (weight < 0.9 * weight.max())).any()
        tops.add(round(float(weight[85:95, 75:85].mean()) * 4) / 4)
    assert tops >= {0.5, 1.0}


def test_landmarks_beside_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.b.png"
    with pytest.raises(DataError, match=r"a\.b\.png\.landmarks\.json: no landmarks"):
        read_face(path)
    beside = tmp_path / "a.b.png.landmarks.json"
    beside.write_text(json.dumps({"landmarks": [[1, 2], [30, 4], [9, 50]]}))
    assert read_face(path).box == (1, 2, 30, 50)
    beside.write_text(json.dumps({"landmarks": [[1, 2], [30, 4], [9, 50]], "box": [0, 0, 40, 60]}))
    assert read_face(path).box == (0, 0, 40, 60)
    beside.write_text(json.dumps({"landmarks": [[1, 2]]}))
    with pytest.raises(DataError, match="1 landmarks"):
        read_face(path)
    outside = Face(face().landmarks + 1000, (1050.0, 1050.0, 1110.0, 1130.0))
    with pytest.raises(DataError, match="outside"):
        self_blend(photo(), outside, 64, np.random.default_rng(0))
