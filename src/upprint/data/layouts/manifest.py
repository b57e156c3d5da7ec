"""A table of files: CSV or Parquet with the columns path and label.

Optional columns: subset, generator, source, split; others are ignored. Paths are relative to the table's
folder. Labels: 0 or "real", 1 or "generated" or "fake".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from upprint.data.layouts._dataset import UNKNOWN, Dataset
from upprint.data.layouts._folders import some
from upprint.data.protocol import protocol_of
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.result import DataError, require

LABELS = {"0": REAL, "real": REAL, "1": GENERATED, "generated": GENERATED, "fake": GENERATED}
COLUMNS = ("path", "label", "subset", "generator", "source", "split")
NAMES = ("manifest.csv", "manifest.parquet")


def find(root: Path) -> Path | None:
    """The table that `root` is or holds, if any."""
    if root.is_file():
        return root if root.suffix.lower() in (".csv", ".parquet") else None
    return next((root / name for name in NAMES if (root / name).is_file()), None)


def read(root: Path, *, split: str | None = None, name: str = "manifest") -> Dataset:
    """Read the rows of a manifest.

    Without its column, a row's subset is "all", a generated picture's generator "unknown", and the source
    key its path. A camera-made picture's generator is always "real". A file may stand once in each subset;
    further rows are reported.

    Args:
        root: the table, or the folder that holds manifest.csv or manifest.parquet.
        split: keep the rows with this value in the column split; all rows if None.
        name: the data set's name.

    Raises:
        DataError: no table, a missing column, no row left, or a row with a bad label, a missing file, or
            another label for a file already listed; the message names the row, counted from 1.
        MissingExtra: a Parquet table without pyarrow.
    """
    table = find(root)
    if table is None:
        raise DataError(
            f"{root}: no manifest; expected a .csv or .parquet file, or a folder with {some(NAMES)}"
        )
    samples: list[Sample] = []
    skipped: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    labels: dict[str, int] = {}
    splits: dict[str, int] = {}
    for number, row in enumerate(_rows(table, need_split=split is not None), 1):
        where = f"{table}, row {number}"
        part = _text(row, "split")
        splits[part] = splits.get(part, 0) + 1
        if split is not None and part != split:
            continue
        sample = _sample(row, table.parent, where)
        if labels.setdefault(sample.path, sample.label) != sample.label:
            raise DataError(f"{where}: {sample.path!r} has both labels; expected one")
        if (first := seen.setdefault((sample.path, sample.subset), number)) != number:
            skipped.append(f"row {number}: {_text(row, 'path')!r} stands in row {first} already")
            continue
        samples.append(sample)
    if not samples:
        found = f"no row with split {split!r}; found {some(sorted(splits))}" if splits else "no rows"
        raise DataError(f"{table}: {found}; expected at least one picture")
    full_name = name if split is None else f"{name}/{split}"
    return Dataset(full_name, tuple(samples), tuple(skipped), protocol_of(name))


def _sample(row: Mapping[str, Any], folder: Path, where: str) -> Sample:
    given = _text(row, "path")
    if not given:
        raise DataError(f"{where}: no path; expected a file relative to {folder}")
    path = folder / given
    if not path.is_file():
        raise DataError(f"{where}: no file {str(path)!r}; expected a path relative to {folder}")
    written = _text(row, "label")
    label = LABELS.get(written.casefold())
    if label is None:
        raise DataError(f"{where}: label {written!r}; expected one of {', '.join(LABELS)}")
    generator = (_text(row, "generator") or UNKNOWN) if label == GENERATED else "real"
    return Sample(str(path), label, _text(row, "subset") or "all", generator, _text(row, "source") or given)


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _rows(table: Path, *, need_split: bool) -> Iterator[Mapping[str, Any]]:
    needed = ("path", "label", "split") if need_split else ("path", "label")
    if table.suffix.lower() == ".parquet":
        yield from _parquet_rows(table, needed)
        return
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_columns(table, reader.fieldnames or (), needed)
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read as CSV in UTF-8 ({error})") from error


def _parquet_rows(table: Path, needed: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    parquet = require("pyarrow.parquet", extra="parquet", purpose=f"reading {table.name}")
    arrow = require("pyarrow", extra="parquet", purpose=f"reading {table.name}")
    try:
        with parquet.ParquetFile(table) as file:
            names = file.schema_arrow.names
            _check_columns(table, names, needed)
            for batch in file.iter_batches(columns=[c for c in COLUMNS if c in names]):
                yield from batch.to_pylist()
    except (OSError, arrow.ArrowInvalid) as error:
        raise DataError(f"{table}: cannot be read as Parquet ({error})") from error


def _check_columns(table: Path, found: Any, needed: tuple[str, ...]) -> None:
    if absent := [column for column in needed if column not in found]:
        raise DataError(f"{table}: no column {some(absent)}; found {some(list(found), 12)}")
