"""The predictions file: a header that says what was run, then one row per sample, in the samples' order.

JSON lines while it grows; a `.parquet` target is written from the journal once every row is there. Failed
pictures are rows with an error, never left out. A killed run leaves at most one torn line, which reading
for a resume drops.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from upprint.data.sample import Sample
from upprint.record import build
from upprint.result import DataError, ResumeError, require

_KEY = "upprint_predictions"
_MAY_DIFFER = frozenset({"date", "command"})


@dataclass(frozen=True)
class Header:
    """What was run. `samples_sha256` is over (path, label, sub-set, source) of every sample, in order.

    `threshold` is the logit from which the system's card calls `generated` at `threshold_fpr`.
    """

    system: str
    weights: str
    weights_sha256: str
    protocol: str
    samples: int
    samples_sha256: str
    data: str
    perturbation: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    trained_on: str = ""
    engine: str = ""
    threshold: float | None = None
    threshold_fpr: str | None = None
    version: str = ""
    date: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample's outcome: a logit (higher = more likely generated) or an error."""

    path: str
    label: int
    subset: str
    generator: str
    source: str
    logit: float | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.logit is None) == (self.error is None):
            raise ValueError(f"{self.path!r}: a row has either a logit or an error")

    @classmethod
    def of(cls, sample: Sample, *, logit: float | None = None, error: str | None = None) -> Row:
        return cls(
            sample.path,
            sample.label,
            sample.subset,
            sample.generator,
            sample.source,
            logit=logit,
            error=error,
        )


@dataclass(frozen=True)
class Predictions:
    header: Header
    rows: tuple[Row, ...]


def header_line(header: Header) -> bytes:
    return _line({_KEY: 1, **asdict(header)})


def row_line(row: Row) -> bytes:
    return _line({f.name: getattr(row, f.name) for f in fields(row)})


def read(path: Path) -> Predictions:
    """Read a finished predictions file, `.jsonl` or `.parquet`.

    Raises:
        DataError: not a predictions file, malformed, or not finished.
    """
    found = _read_parquet(path) if path.suffix == ".parquet" else _read_lines(path)[0]
    if len(found.rows) != found.header.samples:
        raise DataError(
            f"{path}: {len(found.rows)} of {found.header.samples} rows; cut short, go on with --resume"
        )
    return found


def resume_point(path: Path, header: Header, samples: list[Sample], chunk: int) -> tuple[int, int]:
    """How many samples a journal already holds in whole chunks, and the byte at which to go on.

    Raises:
        ResumeError: the journal belongs to another run.
    """
    try:
        found, ends = _read_lines(path)
    except DataError as error:
        raise ResumeError(f"{error}; remove it or choose another --out") from error
    check_same_run(path, found.header, header)
    done = len(found.rows) if len(found.rows) == len(samples) else len(found.rows) // chunk * chunk
    for row, sample in zip(found.rows[:done], samples, strict=False):
        if (row.path, row.subset) != (sample.path, sample.subset):
            raise ResumeError(
                f"{path}: row {row.path!r} stands where {sample.path!r} belongs; choose another --out"
            )
    return done, ends[done]


def check_same_run(path: Path, found: Header, wanted: Header) -> None:
    """Raise `ResumeError` unless two headers describe the same run."""
    names = [f.name for f in fields(Header) if f.name not in _MAY_DIFFER]
    differing = [n for n in names if getattr(found, n) != getattr(wanted, n)]
    if differing:
        what = ", ".join(f"{n} {getattr(found, n)!r} there, {getattr(wanted, n)!r} here" for n in differing)
        raise ResumeError(f"{path} holds another run ({what}); choose another --out")


def read_header(path: Path) -> Header:
    """The header of a predictions file, finished or not."""
    if path.suffix == ".parquet":
        return _read_parquet(path).header
    with path.open("rb") as file:
        return _header(file.readline(), path)


def to_parquet(journal: Path, out: Path) -> None:
    """Write a finished journal as Parquet; the header becomes the schema's metadata."""
    pa = require("pyarrow", extra="parquet", purpose="Parquet output")
    parquet = require("pyarrow.parquet", extra="parquet", purpose="Parquet output")
    found = read(journal)
    types = {"label": pa.int8(), "logit": pa.float64()}
    schema = pa.schema(
        [(f.name, types.get(f.name, pa.string())) for f in fields(Row)],
        metadata={_KEY: json.dumps(asdict(found.header))},
    )
    columns = {f.name: [getattr(row, f.name) for row in found.rows] for f in fields(Row)}
    temporary = out.with_name(out.name + ".tmp")
    parquet.write_table(pa.table(columns, schema=schema), temporary)
    temporary.replace(out)


def check_parquet_names(samples: Iterable[Sample]) -> None:
    """Parquet text is UTF-8: refuse, before the run, names that are not."""
    for sample in samples:
        try:
            f"{sample.path}{sample.subset}{sample.source}".encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{sample.path!r}: the name is not UTF-8, which Parquet cannot hold; write a .jsonl file"
            ) from error


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode("ascii") + b"\n"


def _read_lines(path: Path) -> tuple[Predictions, list[int]]:
    """Whole lines only, and the byte offset after the header and after every row."""
    rows, ends = [], []
    try:
        with path.open("rb") as file:
            first = file.readline()
            header = _header(first, path)
            ends.append(len(first))
            for number, line in enumerate(file, start=2):
                if not line.endswith(b"\n"):
                    break
                rows.append(_row(line, f"{path}, line {number}"))
                ends.append(ends[-1] + len(line))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    return Predictions(header, tuple(rows)), ends


def _header(line: bytes, path: Path) -> Header:
    try:
        raw = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}: the first line is no predictions header ({error})") from error
    if not isinstance(raw, dict) or raw.pop(_KEY, None) != 1:
        raise DataError(
            f"{path}: not a predictions file of this version; expected the key {_KEY!r} = 1 first"
        )
    return build(Header, raw, str(path), DataError)


def _row(line: bytes, where: str) -> Row:
    try:
        return build(Row, json.loads(line), where, DataError)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error


def _read_parquet(path: Path) -> Predictions:
    parquet = require("pyarrow.parquet", extra="parquet", purpose="reading Parquet")
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from error
    metadata = (table.schema.metadata or {}).get(_KEY.encode())
    if metadata is None:
        raise DataError(f"{path}: not a predictions file: the schema has no {_KEY!r}")
    header = build(Header, json.loads(metadata), str(path), DataError)
    return Predictions(header, tuple(build(Row, row, str(path), DataError) for row in table.to_pylist()))
