"""Artifact figures: one scale for all, averages, the map in the overlay's form, files that open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from upprint.explain import artifacts as drawing
from upprint.explain.artifacts import Artifacts
from upprint.result import ConfigError


def picture(name: str, group: str, level: float, logit: float = 1.0) -> Artifacts:
    rng = np.random.default_rng(len(name))
    pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
    pixel, deep = rng.random((40, 60)) * level, rng.random((2, 3)) * level
    cams = {"pixel": np.full((5, 8), logit - 0.5, np.float32), "stage 5": np.full((1, 1), -logit, np.float32)}
    return Artifacts(
        name, group, pixels, {"pixel": pixel, "stage 5": deep}, cams, {"pixel": logit, "stage 5": -logit}
    )


ALL = [picture("a", "real", 0.1), picture("bb", "real", 0.2), picture("ccc", "gan", 5.0, -2.0)]


def test_averages_are_means_per_group() -> None:
    found = drawing.averages(ALL, "stage 5")
    assert list(found) == ["real", "gan"]
    assert found["real"] == pytest.approx([ALL[0].maps["stage 5"].mean(), ALL[1].maps["stage 5"].mean()])


def test_the_scale_ends_at_a_percentile_of_the_reference_alone() -> None:
    values = np.concatenate([p.maps["pixel"].ravel() for p in ALL[:2]])
    assert drawing.limits(ALL, "real")["pixel"] == pytest.approx(np.percentile(values, 99.5))
    assert drawing.limits(ALL, "gan")["pixel"] > 4
    with pytest.raises(ConfigError, match="no picture of group 'photo'.*groups: gan, real"):
        drawing.limits(ALL, "photo")


def test_equal_values_have_equal_colours_whatever_stands_beside() -> None:
    flat = [
        Artifacts(n, "real", np.zeros((64, 64, 3), np.uint8), {"pixel": np.full((64, 64), v)}, {}, {})
        for n, v in (("x", 0.5), ("y", 0.5), ("z", 1.0))
    ]
    sheet = np.asarray(drawing.map_sheet(flat, "real"))
    colours, counts = np.unique(sheet.reshape(-1, 3), axis=0, return_counts=True)
    large = {tuple(c): n for c, n in zip(colours.tolist(), counts.tolist(), strict=True) if n >= 256 * 256}
    large.pop((255, 255, 255))
    shown = sorted(n for c, n in large.items() if c != (0, 0, 0))
    assert shown[0] >= 256 * 256
    assert shown[1] >= 2 * 256 * 256  # two panels of one colour


def test_cam_sheet_and_the_overlays_form() -> None:
    sheet = drawing.cam_sheet(ALL)
    assert sheet.width > 3 * 256
    cam = drawing.cam_of(ALL[0], "pixel")
    assert (cam.stride, cam.height, cam.width, cam.logit) == (8, 40, 60, 1.0)
    assert float(cam.cells.mean()) + cam.bias == pytest.approx(cam.logit)
    bare = Artifacts("n", "real", ALL[0].pixels, ALL[0].maps, {}, {})
    with pytest.raises(ConfigError, match="no picture has one"):
        drawing.cam_sheet([bare])


def test_magnitude_alone_against_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    many = [
        Artifacts(str(i), group, ALL[0].pixels, {"pixel": np.full((2, 2), round(float(v), 1))}, {}, {})
        for group, shift in (("real", 0.0), ("gan", 0.4))
        for i, v in enumerate(rng.normal(shift, 0.5, 40))
    ]
    real, gan = drawing.magnitudes(many, "real")
    values = [float(p.maps["pixel"].mean()) for p in many]
    assert gan.auroc == pytest.approx(roc_auc_score([0] * 40 + [1] * 40, values))
    assert (real.auroc, real.count, gan.group) == (0.5, 40, "gan")
    assert gan.mean == pytest.approx(np.mean(values[40:]))


def test_histogram_is_a_picture(tmp_path: Path) -> None:
    drawing.histogram(ALL, tmp_path / "h.png")
    with Image.open(tmp_path / "h.png") as drawn:
        assert drawn.size[0] > 500
    with pytest.raises(ConfigError, match="no picture"):
        drawing.histogram([], tmp_path / "h.png")
    with pytest.raises(ConfigError, match="cannot be written"):
        drawing.histogram(ALL, tmp_path / "missing" / "h.png")
