"""Rows and pictures as Parquet in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import Any

from upprint.cluster.inputs import Picture
from upprint.cluster.places import EXTRA, PURPOSE
from upprint.result import ScanResult, require
from upprint.runtime.formats import valid_utf8
from upprint.runtime.rows import from_row

_NUMBERS = {
    "logit": "float64",
    "probability": "float64",
    "tiles": "int64",
    "width": "int64",
    "height": "int64",
}
"""Columns of a part that are not text; the schema is that of a local scan's Parquet file."""


def rows_to_bytes(rows: Iterable[ScanResult]) -> bytes:
    """A part. Parquet only knows UTF-8, so undecodable bytes in names become \\xNN, as in a local scan."""
    arrow = _arrow()
    schema = arrow.schema(
        [(name, arrow.type_for_alias(_NUMBERS.get(name, "string"))) for name in ScanResult.columns()]
    )
    plain = [{k: valid_utf8(v) if isinstance(v, str) else v for k, v in row.row().items()} for row in rows]
    return _to_bytes(arrow.Table.from_pylist(plain, schema=schema))


def rows_from_bytes(data: bytes) -> list[ScanResult]:
    """Raises ValueError or TypeError when it is not a part."""
    return [from_row(row) for row in _read(data).to_pylist()]


def pictures_to_bytes(pictures: Iterable[Picture]) -> bytes:
    """A shard of the plan; paths as bytes, so that any file name survives."""
    arrow = _arrow()
    schema = arrow.schema(
        [("path", arrow.binary()), ("version", arrow.string()), ("previous", arrow.string())]
    )
    all_of = list(pictures)
    columns = {
        "path": [os.fsencode(picture.path) for picture in all_of],
        "version": [picture.version for picture in all_of],
        "previous": [picture.previous for picture in all_of],
    }
    return _to_bytes(arrow.table(columns, schema=schema))


def pictures_from_bytes(data: bytes) -> list[Picture]:
    """Raises ValueError or TypeError when it is not a shard."""
    table = _read(data)
    columns = [table.column(name).to_pylist() for name in ("path", "version", "previous")]
    return [Picture(os.fsdecode(path), *rest) for path, *rest in zip(*columns, strict=True)]


def _to_bytes(table: Any) -> bytes:
    buffer = io.BytesIO()
    require("pyarrow.parquet", extra=EXTRA, purpose=PURPOSE).write_table(table, buffer)
    return buffer.getvalue()


def _read(data: bytes) -> Any:
    return require("pyarrow.parquet", extra=EXTRA, purpose=PURPOSE).read_table(io.BytesIO(data))


def _arrow() -> Any:
    return require("pyarrow", extra=EXTRA, purpose=PURPOSE)
