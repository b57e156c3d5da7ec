"""The numbers that the page's unit tests check against are those that Python gives today."""

from __future__ import annotations


def test_golden_numbers_are_current(helpers):
    assert helpers.golden.GOLDEN.read_text(encoding="utf-8") == helpers.golden.text(), (
        "rewrite them: python tests/web/golden.py"
    )
