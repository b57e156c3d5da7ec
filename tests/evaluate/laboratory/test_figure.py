"""Figures and page, from one small report."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.evaluate.laboratory.figure import draw
from upprint.evaluate.laboratory.page import page
from upprint.evaluate.laboratory.report import Report
from upprint.evaluate.laboratory.statistics import Sampled, compare, matrix

MAKERS = ("nearest", "bilinear", "taef2")
TESTS = {"as forged": "", "JPEG": "jpeg(75..95)"}


@pytest.fixture(scope="module")
def made() -> Report:
    rng = np.random.default_rng(0)
    rows = (*MAKERS, "all but taef2")
    matrices, comparisons = [], []
    for test in TESTS:
        values = np.clip(rng.normal(0.7, 0.15, (2, 4, 3, 1)) + rng.normal(0, 0.02, (2, 4, 3, 51)), 0.05, 1)
        values[:, 0, 1] -= 0.6
        main = Sampled("npr", test, rows, MAKERS, (0, 1), values)
        other = Sampled("image", test, MAKERS, MAKERS, (0,), values[:1, :3] - 0.04)
        matrices += [matrix(main, "NPR", {}), matrix(other, "plain | picture", {})]
        comparisons += compare(main, other)
    return Report(
        data="noise",
        date="2026-01-02",
        command="upprint laboratory twins",
        version="1",
        config={"tests": TESTS, "steps": 5, "batch": 4, "crop": 32, "augment": "", "draws": 50},
        families={"nearest": "interpolation", "bilinear": "interpolation", "taef2": "taef2"},
        train_sources=30,
        test_sources=10,
        left_out=2,
        done=9,
        wanted=11,
        seconds={"npr": (3.5, 0.5), "image": (3.0, 0.4)},
        matrices=tuple(matrices),
        comparisons=tuple(comparisons),
        claims=(),
    )


def test_every_variant_has_a_heat_map(made: Report, tmp_path: Path) -> None:
    written = draw(made, tmp_path)
    names = {"matrix-npr", "matrix-image", "summary"}
    assert {path.name for path in written} == {f"{name}.{form}" for name in names for form in ("svg", "png")}
    for path in written:
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        else:
            with Image.open(path) as image:
                assert min(image.size) > 250
    first = (tmp_path / "matrix-npr.svg").read_bytes()
    draw(made, tmp_path, formats=("svg",))
    assert (tmp_path / "matrix-npr.svg").read_bytes() == first


def test_below_chance_has_its_own_colour(made: Report, tmp_path: Path) -> None:
    draw(made, tmp_path, formats=("svg",))
    below = any(cell.value < 0.5 for m in made.matrices for row in m.cells for cell in row)
    assert below
    colours = (tmp_path / "matrix-npr.svg").read_text() + (tmp_path / "matrix-image.svg").read_text()
    assert "#d95f0e" in colours  # the scale's arrow


def test_the_page_has_every_number(made: Report) -> None:
    text = page(made, "assets/")
    for m in made.matrices:
        for row in m.cells:
            for cell in row:
                assert f"{cell.value:.3f} [{cell.low:.3f}, {cell.high:.3f}]" in text
        assert f"assets/matrix-{m.variant}.svg" in text
    assert "**Unfinished:** 9 of 11" in text
    assert "noise. 30 source photos train, 10 test. 2 further photos" in text
    assert "interpolation: nearest, bilinear; taef2." in text
    assert "2026-01-02" in text
    assert "`upprint laboratory twins`" in text
    assert "plain \\| picture" in text
    assert "3.5 s to train and 0.5 s to test" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    assert text.count("\n\n\n") == 0


def test_the_page_without_a_run() -> None:
    text = page(None)
    assert "No run is recorded" in text
    assert "## Run it" in text
    assert "![" not in text
