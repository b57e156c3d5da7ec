"""What is to be scanned, as a stream: folders, buckets, and lists of paths in Parquet.

A bucket is searched by the rule of `images.find_images`: a path that is named always counts; in a folder,
names with the extension of a known format count and files that begin like one; files before subfolders,
each sorted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from upprint import images
from upprint._decoders import FORMAT_OF, HEAD, sniff
from upprint.cluster.places import EXTRA, Places, fs_module, local_path
from upprint.result import ConfigError, DataError, require

LIST = ".parquet"
LIST_ROWS = 10_000
"""Rows of a list in memory at once."""
VERSION_COLUMNS = ("version", "etag", "e_tag", "size", "mtime", "last_modified", "last_modified_date")
"""Columns of a list, where it has them, that together say which state of a file is meant."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file to score. `version` changes when its content may have: size and time as listed, "" unknown.

    `previous` is the row of an earlier version, as a line of JSON; it stands if the content is still the
    same.
    """

    path: str
    version: str = ""
    previous: str | None = None


def find(labels: Iterable[str], places: Places) -> Iterator[Picture]:
    """Yield the pictures under `labels` in the order given; local neighbours are searched together.

    Raises:
        ConfigError: a bucket cannot be listed.
        DataError: a list in Parquet that is none.
    """
    local: list[str] = []
    for label in labels:
        if local_path(label) is not None and not label.lower().endswith(LIST):
            local.append(label)
            continue
        yield from map(_local, images.find_images(local))
        local.clear()
        yield from _listed(label, places) if label.lower().endswith(LIST) else _stored(label, places)
    yield from map(_local, images.find_images(local))


def _local(path: str) -> Picture:
    try:
        status = os.stat(path)  # noqa: PTH116 (keeps undecodable names as they are)
    except (OSError, ValueError):
        return Picture(path)  # scoring it says why
    return Picture(path, f"{status.st_size}-{status.st_mtime_ns}")


# --- buckets -----------------------------------------------------------------------------------------------


def _stored(label: str, places: Places) -> Iterator[Picture]:
    try:
        system, path = places.open(label)
        info = system.get_file_info(path.rstrip("/"))
        if info.type != fs_module().FileType.Directory:
            yield Picture(label, _version(info))
            return
        for info in _walk(system, path.rstrip("/")):
            yield Picture(places.label(label, info.path), _version(info))
    except OSError as error:
        raise ConfigError(f"{label}: cannot be listed ({error}); check name, network and rights") from error


def _walk(system: Any, top: str) -> Iterator[Any]:
    fs = fs_module()
    pending = [top]
    while pending:
        entries = sorted(
            system.get_file_info(fs.FileSelector(pending.pop())), key=lambda info: info.base_name
        )
        yield from (info for info in entries if info.is_file and _counts(system, info))
        pending += [info.path for info in reversed(entries) if info.type == fs.FileType.Directory]


def _counts(system: Any, info: Any) -> bool:
    if PurePath(info.base_name).suffix.lower() in FORMAT_OF:
        return True
    if not info.size:
        return False
    with system.open_input_file(info.path) as file:
        return sniff(file.read(HEAD)) is not None


def _version(info: Any) -> str:
    return "" if info.size is None else f"{info.size}-{info.mtime_ns or ''}"


# --- lists -------------------------------------------------------------------------------------------------


def _listed(label: str, places: Places) -> Iterator[Picture]:
    """The rows of a Parquet file with a column `path`, and any of `VERSION_COLUMNS`."""
    parquet = require("pyarrow.parquet", extra=EXTRA, purpose="a list in Parquet")
    try:
        local = local_path(label)
        system, path = places.open(label) if local is None else (fs_module().LocalFileSystem(), local)
        with system.open_input_file(path) as source, parquet.ParquetFile(source) as file:
            names = file.schema_arrow.names
            if "path" not in names:
                raise DataError(
                    f"{label!r}: expected a column 'path' with files and URIs, found {', '.join(names)}"
                )
            known = [name for name in VERSION_COLUMNS if name in names]
            for batch in file.iter_batches(LIST_ROWS, columns=["path", *known]):
                columns = [batch.column(name).to_pylist() for name in ("path", *known)]
                for path, *facts in zip(*columns, strict=True):
                    yield _from_list(path, facts, label)
    except (OSError, ValueError) as error:  # Arrow's "not Parquet" is a ValueError
        raise DataError(f"{label!r}: not a readable list in Parquet ({error})") from error


def _from_list(path: Any, facts: list[Any], label: str) -> Picture:
    path = os.fsdecode(path) if isinstance(path, bytes) else path
    if not isinstance(path, str) or not path:
        raise DataError(f"{label!r}: expected a path in every row of the column 'path', found {path!r}")
    local = local_path(path)
    version = "-".join(str(fact) for fact in facts if fact is not None)
    return Picture(path if local is None else local, version)
