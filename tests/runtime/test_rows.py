from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upprint.result import ScanResult, Verdict
from upprint.runtime.rows import from_line, kind, to_line

text = st.text(st.characters(exclude_categories=()), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(text, finite, finite, text)
def test_lines_are_exact_for_any_name_and_number(
    path: str, logit: float, probability: float, notes: str
) -> None:
    row = ScanResult(path, "s", logit, probability, Verdict.INCONCLUSIVE, 3, 4, 5, "PNG", "ab", None, notes)
    line = to_line(row)
    assert line.isascii()
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert list(json.loads(line)) == list(ScanResult.columns())
    back = from_line(line)
    assert back == row
    assert isinstance(back.verdict, Verdict)


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "3", '{"path": "x"}', '{"path": "x", "system": "s", "a": 1}']
)
def test_what_is_no_row_is_refused(line: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        from_line(line)


def test_kinds() -> None:
    assert kind(ScanResult("a", "s", error="E: x")) == "error"
    assert kind(ScanResult("a", "s", logit=1.0)) == "no verdict"
    assert kind(ScanResult("a", "s", logit=1.0, verdict=Verdict.NO_TRACE)) == "no trace found"
