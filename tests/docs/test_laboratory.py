"""The laboratory's page is what its results say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_fresh_and_its_figures_are_there() -> None:
    spec = importlib.util.spec_from_file_location("laboratory_page", ROOT / "scripts" / "laboratory_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    report = module.read(module.RESULTS) if module.RESULTS.exists() else None
    assert module.PAGE.read_text(encoding="utf-8") == module.rendered(report)
    names = {"summary", *(f"matrix-{m.variant}" for m in report.matrices)} if report else set()
    assert names == {path.stem for path in (ROOT / "docs" / module.FIGURES).glob("*.svg")}
