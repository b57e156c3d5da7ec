"""The robustness page against its results."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from upprint.evaluate.bootstrap import Estimate
from upprint.evaluate.results import Interval, Worst
from upprint.evaluate.robustness_grid import grid
from upprint.evaluate.robustness_report import CellResult, Report, System

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("robustness_page", ROOT / "scripts" / "robustness_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*values: float | None) -> Report:
    """One system; AUROC of the clean picture, then of every point of the JPEG curve, +- 0.1."""
    curves = grid(["jpeg(90;50)"])
    cells = []
    for text, value in zip(("", "jpeg(90)", "jpeg(50)"), values, strict=True):
        one = (
            Estimate(None, undefined="no photos")
            if value is None
            else Estimate(value, value - 0.1, value + 0.1)
        )
        mean = dict.fromkeys(("auroc", "tpr_at_1_fpr", "photos_called", "generated_called"), one)
        worst = {} if value is None else {"auroc": Worst("b", one)}
        cells.append(CellResult(0, text, 0, mean, worst, {"a": mean, "b": mean}))
    system = System("npr", "npr.onnx", "ab" * 32, "numpy", 1.0, "0.01", "")
    return Report(
        "set", "tiles", "crop(256)", "both classes", "", 9, 4, 5, 4, ("a", "b"), (system,), curves,
        tuple(cells), Interval(10, 0.95, 0), "2026-01-02T00:00:00", "run it",
    )  # fmt: skip


def test_page_and_figures_are_fresh(pages: ModuleType) -> None:
    found = {path.stem: pages.read(path) for path in sorted(pages.RESULTS.glob("*.json"))}
    assert pages.stale(found) == []


def test_a_stale_page_or_figure_is_found(
    pages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE", tmp_path / "robustness.md")
    monkeypatch.setattr(pages, "FIGURES", tmp_path / "figures")
    reports = {"npr": report(0.9, 0.7, 0.55)}
    (tmp_path / "robustness.md").write_text(pages.page(reports), encoding="utf-8")
    assert pages.stale(reports) == ["npr/jpeg.svg"]
    figure = tmp_path / "figures" / "npr" / "jpeg.svg"
    figure.parent.mkdir(parents=True)
    figure.write_text(f"<svg>{pages.robustness_figures.digest(reports['npr'])}</svg>", encoding="utf-8")
    assert pages.stale(reports) == []
    (figure.parent / "left.svg").write_text("", encoding="utf-8")
    assert pages.stale(reports) == ["npr/left.svg"]
    assert pages.stale({"npr": report(0.9, 0.8, 0.55)}) == ["robustness.md", "npr/jpeg.svg", "npr/left.svg"]


def test_words_follow_from_the_numbers(pages: ModuleType) -> None:
    text = pages.said(report(0.9, 0.7, 0.55))
    assert "As they are: AUROC 90.0 [80.0, 100.0]" in text
    assert "lowest 55.0 [45.0, 65.0] under `jpeg(50)`" in text
    assert "highest 90.0 [80.0, 100.0] under none" in text
    assert "In 1 of 3 conditions the interval holds 50" in text
    assert "No condition is told from chance" in pages.said(report(0.55, 0.5, 0.45))
    assert "chance" not in pages.said(report(0.9, 0.8, 0.7))
    assert pages.said(report(None, None, None)) == "No AUROC is defined."
    assert "Nothing measured yet" in pages.page({})
