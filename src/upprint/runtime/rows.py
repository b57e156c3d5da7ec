"""A `ScanResult` as one line of JSON and back, exact: floats by repr, any file name, any line break.

Names that are not valid UTF-8 hold lone surrogates (PEP 383); as pure ASCII JSON they survive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from upprint.result import ImageError, ScanResult, Verdict


def to_line(result: ScanResult) -> str:
    """The row as ASCII JSON in column order, with its line end."""
    return json.dumps(result.row(), ensure_ascii=True, allow_nan=False) + "\n"


def from_line(line: str | bytes) -> ScanResult:
    """Raises ValueError or TypeError when the line is not a row."""
    return from_row(json.loads(line))


def from_row(row: Mapping[str, Any]) -> ScanResult:
    """Raises ValueError or TypeError when the mapping is not a row."""
    values = dict(row)
    if values.get("verdict") is not None:
        values["verdict"] = Verdict(values["verdict"])
    return ScanResult(**values)


def guarded(score: Callable[[str], ScanResult], path: str, system: str) -> ScanResult:
    """`score(path)`, where anything that goes wrong with this one file becomes its row."""
    try:
        return score(path)
    except ImageError as error:
        return ScanResult(path, system, error=error.reason)
    except Exception as error:  # a file must never end a scan; the row names the class
        return ScanResult(path, system, error=f"{type(error).__name__}: {error}")


def kind(result: ScanResult) -> str:
    """What a summary counts the row as: its verdict, "no verdict" (uncalibrated), or "error"."""
    if result.error is not None:
        return "error"
    return str(result.verdict) if result.verdict is not None else "no verdict"
