"""The laboratory's pages and the findings are what its results say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("laboratory_page", ROOT / "scripts" / "laboratory_page.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # its dataclasses look themselves up
    spec.loader.exec_module(found)
    return found


def test_the_pages_are_fresh_and_their_figures_are_there(module: ModuleType) -> None:
    reports = module.recorded()
    for name, text in module.pages(reports).items():
        assert (module.DOCS / name).read_text(encoding="utf-8") == text
    for name, report in reports.items():
        names = {"summary", *(f"matrix-{m.variant}" for m in report.matrices)} if report else set()
        assert names == {path.stem for path in (module.DOCS / module.FIGURES / name).glob("*.svg")}


def test_every_claim_of_the_papers_is_answered(module: ModuleType) -> None:
    """With a verdict of the laboratory's own, where its experiment is recorded."""
    reports = module.recorded()
    text = module.findings(reports)
    for one in module.FINDINGS:
        report = reports[one.experiment]
        if report is None:
            continue
        asked = one.asked(report)
        assert asked, one.claim
        assert all(claim.verdict in text and claim.sentence in text for claim in asked)
