"""The three forms a finished scan takes: JSON lines, CSV, Parquet; each written and read back row by row.

File names on disk are bytes. JSON keeps every name exactly (escaped surrogates), CSV holds the raw bytes,
Parquet only knows UTF-8, so there undecodable bytes become \\xNN.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from upprint.result import ConfigError, ScanResult, require
from upprint.runtime.rows import from_line, from_row, to_line

GROUP = 10_000
"""Rows per Parquet row group, and so in memory at once."""

_KINDS: dict[str, type] = {"logit": float, "probability": float, "tiles": int, "width": int, "height": int}
"""Columns that are not text."""


@dataclass(frozen=True)
class Format:
    """How rows are written to a new file, read back, and how a path is spelt in them."""

    write: Callable[[Path, Iterable[ScanResult]], None]
    read: Callable[[Path], Iterator[ScanResult]]
    spell: Callable[[str], str]


def format_of(path: Path) -> Format:
    """The format that a file's suffix names.

    Raises:
        ConfigError: none of the three.
        MissingExtra: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"{str(path)!r}: expected a name that ends in {', '.join(FORMATS)}")
    if suffix == ".parquet":
        _pyarrow()
    return FORMATS[suffix]


def valid_utf8(text: str) -> str:
    """`text` with bytes that were no UTF-8 written as \\xNN."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _write_jsonl(path: Path, rows: Iterable[ScanResult]) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(map(to_line, rows))
        _sync(file)


def _read_jsonl(path: Path) -> Iterator[ScanResult]:
    with path.open("rb") as file:
        yield from map(from_line, file)


def _write_csv(path: Path, rows: Iterable[ScanResult]) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.DictWriter(file, ScanResult.columns())
        writer.writeheader()
        for row in rows:
            writer.writerow(row.row())
        _sync(file)


def _read_csv(path: Path) -> Iterator[ScanResult]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames is None or tuple(reader.fieldnames) != ScanResult.columns():
            raise ValueError(f"columns are {reader.fieldnames}")
        for row in reader:
            yield from_row(
                {name: _KINDS.get(name, str)(text) if text else None for name, text in row.items()}
            )


def _write_parquet(path: Path, rows: Iterable[ScanResult]) -> None:
    arrow, parquet = _pyarrow()
    kinds = {float: arrow.float64(), int: arrow.int64(), str: arrow.string()}
    schema = arrow.schema([(name, kinds[_KINDS.get(name, str)]) for name in ScanResult.columns()])
    rest = iter(rows)
    with path.open("wb") as file:
        with parquet.ParquetWriter(file, schema) as writer:
            while group := [_utf8_row(row) for row in islice(rest, GROUP)]:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
        _sync(file)


def _read_parquet(path: Path) -> Iterator[ScanResult]:
    with _pyarrow()[1].ParquetFile(path) as file:
        for batch in file.iter_batches(GROUP):
            yield from map(from_row, batch.to_pylist())


def _utf8_row(row: ScanResult) -> dict[str, Any]:
    return {k: valid_utf8(v) if isinstance(v, str) else v for k, v in row.row().items()}


def _pyarrow() -> tuple[Any, Any]:
    purpose = "writing Parquet"
    arrow = require("pyarrow", extra="parquet", purpose=purpose)
    return arrow, require("pyarrow.parquet", extra="parquet", purpose=purpose)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


FORMATS = {
    ".jsonl": Format(_write_jsonl, _read_jsonl, str),
    ".csv": Format(_write_csv, _read_csv, str),
    ".parquet": Format(_write_parquet, _read_parquet, valid_utf8),
}
