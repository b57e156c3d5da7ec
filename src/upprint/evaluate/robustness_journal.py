"""The journal of a robustness run: a header, then one line per picture and system with its logits by text.

    {"upprint_robustness": 1, "data": ..., "samples_sha256": ..., ...}
    {"picture": 12, "system": "npr npr.onnx@1a2b3c4d onnxruntime", "logits": {"": 1.5}, "errors": {}}

Lines only ever follow, in any number: a run that is asked for more perturbations or another system goes on in
the same file, and a cell is never scored twice. A torn last line is what a kill leaves; it is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from upprint.record import build
from upprint.result import DataError, ResumeError

_KEY = "upprint_robustness"

Cell = float | str
"""A logit, or why there is none."""


@dataclass(frozen=True)
class Header:
    """What every line of a journal shares; `samples_sha256` as in a predictions file."""

    data: str
    protocol: str
    samples_sha256: str
    pictures: int
    before: str
    treated: str


@dataclass(frozen=True)
class Entry:
    """One picture's cells for one system."""

    picture: int
    system: str
    logits: dict[str, float]
    errors: dict[str, str]


class Journal:
    """An open journal with the cells that it holds: by system, then text, then picture.

    Raises:
        ResumeError: the file exists and `resume` is not set, or it belongs to another run.
    """

    def __init__(self, path: Path, header: Header, *, resume: bool) -> None:
        self.cells: dict[str, dict[str, dict[int, Cell]]] = {}
        self._path = path
        if path.exists() and not resume:
            raise ResumeError(f"{path} exists; go on with --resume, or choose another --out")
        if not path.exists() or not self._recover(header):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_line({_KEY: 1, **asdict(header)}))
        self._file = path.open("ab")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Keep a picture's cells, in memory and on disk."""
        self._take(entry)
        self._file.write(_line(asdict(entry)))
        self._file.flush()

    def missing(self, picture: int, system: str, texts: tuple[str, ...]) -> tuple[str, ...]:
        """The texts that a picture has no cell for."""
        by_text = self.cells.get(system, {})
        return tuple(text for text in texts if picture not in by_text.get(text, ()))

    def _take(self, entry: Entry) -> None:
        by_text = self.cells.setdefault(entry.system, {})
        found: Mapping[str, Cell] = {**entry.logits, **entry.errors}
        for text, cell in found.items():
            by_text.setdefault(text, {})[entry.picture] = cell

    def _recover(self, header: Header) -> bool:
        """Read what is there; False where not even the header was written in full."""
        end = 0
        with self._path.open("rb") as file:
            first = file.readline()
            if not first.endswith(b"\n"):
                return False
            _check(self._path, first, header)
            end = len(first)
            for number, line in enumerate(file, start=2):
                if not line.endswith(b"\n"):
                    break
                self._take(_entry(line, f"{self._path}, line {number}"))
                end += len(line)
        os.truncate(self._path, end)
        return True


def _check(path: Path, line: bytes, wanted: Header) -> None:
    raw = _json(line, str(path))
    if not isinstance(raw, dict) or raw.pop(_KEY, None) != 1:
        raise ResumeError(f"{path}: not a robustness journal of this version; choose another --out")
    found = build(Header, raw, str(path), ResumeError)
    differing = [name for name in asdict(wanted) if getattr(found, name) != getattr(wanted, name)]
    if differing:
        what = ", ".join(f"{n} {getattr(found, n)!r} there, {getattr(wanted, n)!r} here" for n in differing)
        raise ResumeError(f"{path} holds another run ({what}); choose another --out")


def _entry(line: bytes, where: str) -> Entry:
    return build(Entry, _json(line, where), where, DataError)


def _json(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: no JSON ({error}); remove the file or choose another --out") from error


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode("ascii") + b"\n"
