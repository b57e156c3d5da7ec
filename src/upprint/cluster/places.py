"""File systems by URI: Arrow's own (s3, gs, hdfs, abfs, ...), else fsspec's; and folders written atomically.

An address has two forms. The *label* is what rows and plans show: `s3://bucket/key`, the key as it is, not
percent-encoded, without options or credentials. The *access* is what opens it: the label's beginning with the
options that the user gave (`s3://bucket?region=eu-west-1`), kept in memory only.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from upprint.result import ConfigError, require

EXTRA = "cluster"
PURPOSE = "a scan on Ray"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WHOLE_ON_PUT = {"s3", "s3a", "gcs", "gs", "abfs", "abfss", "az"}
"""Object stores: a file appears when its upload is complete, and moving one would be a copy."""


def fs_module() -> Any:
    """`pyarrow.fs`; raises `MissingExtra`."""
    return require("pyarrow.fs", extra=EXTRA, purpose=PURPOSE)


def local_path(address: str) -> str | None:
    """The path behind a plain path or `file://` URI; None for any other URI."""
    scheme = _SCHEME.match(address)
    if scheme is None:
        return address
    if scheme[1].lower() != "file":
        return None
    parts = urlsplit(address)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise ConfigError(f"{address!r}: expected three slashes, file:///folder/picture.jpg")
    return unquote(parts.path)


@dataclass(frozen=True)
class Places:
    """Opens labels. `access` maps a label's beginning to the same with options; others open without."""

    access: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, addresses: list[str]) -> tuple[Places, list[str]]:
        """The places behind what a user typed, and its labels.

        Raises:
            ConfigError: one store is named with two sets of options.
        """
        access: dict[str, str] = {}
        labels = []
        for address in addresses:
            path = local_path(address)
            if path is not None:
                labels.append(path)
                continue
            plain, _, query = address.partition("?")
            base, key = _split(plain)
            public = _without_secret(base)
            full = f"{base}?{query}" if query else base
            if access.setdefault(public, full) != full:
                raise ConfigError(
                    f"{public}: named with different options; give the same for every path in it"
                )
            labels.append(f"{public}/{key}")
        return cls({public: full for public, full in access.items() if full != public}), labels

    def open(self, label: str) -> tuple[Any, str]:
        """The file system that holds a remote label, and the path in it.

        Raises:
            ConfigError: no file system for it, or it cannot be opened.
            MissingExtra: pyarrow is not installed.
        """
        base, key = _split(label)
        system, prefix = _file_system(self.access.get(base, base))
        return system, f"{prefix.rstrip('/')}/{key}" if prefix else key

    def label(self, near: str, path: str) -> str:
        """The label of `path` in the file system that holds the label `near`."""
        base, _ = _split(near)
        _, prefix = _file_system(self.access.get(base, base))
        return f"{base}/{path.removeprefix(prefix.rstrip('/')).removeprefix('/')}"


class Folder:
    """A folder for small files, local or remote, each written whole or not at all.

    Args:
        label: path or label of the folder; it is made where there is none.
        places: opens it.

    Raises:
        ConfigError: it cannot be made or listed.
    """

    def __init__(self, label: str, places: Places) -> None:
        self.label = label
        self._local = local_path(label) is not None
        if self._local:
            self._system, self._path = fs_module().LocalFileSystem(), str(Path(label).absolute())
        else:
            self._system, path = places.open(label)
            self._path = path.rstrip("/")

    def make(self, *below: str) -> None:
        for name in ("", *below):
            try:
                self._system.create_dir(self._at(name), recursive=True)
            except OSError as error:
                raise ConfigError(
                    f"{self.label!r}: cannot be made ({error}); choose another --out"
                ) from error

    def names(self, below: str = "") -> Iterator[str]:
        """Files directly in the folder, or in `below` in it; nothing where there is no such folder."""
        selector = fs_module().FileSelector(self._at(below), allow_not_found=True)
        try:
            found = self._system.get_file_info(selector)
        except (OSError, NotImplementedError) as error:
            raise ConfigError(f"{self.label!r}: cannot be listed ({error}); choose another --out") from error
        return (info.base_name for info in found if info.is_file)

    def read(self, name: str) -> bytes:
        """Raises OSError."""
        with self._system.open_input_file(self._at(name)) as file:
            data: bytes = file.read()
            return data

    def write(self, name: str, data: bytes) -> None:
        """Put a file in place of any that stands there. Raises OSError."""
        target = self._at(name)
        folder, _, last = target.rpartition("/")
        aside = f"{folder}/.{last}.{uuid.uuid4().hex}.partial"
        if self._local:
            with open(aside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, target)  # noqa: PTH105
        elif _whole_on_put(self._system):
            self._put(target, data)
        else:
            self._put(aside, data)
            self._system.move(aside, target)

    def delete(self, name: str) -> None:
        """Raises OSError, FileNotFoundError among them."""
        self._system.delete_file(self._at(name))

    def _put(self, target: str, data: bytes) -> None:
        with self._system.open_output_stream(target) as stream:
            stream.write(data)

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}" if name else self._path


def _split(label: str) -> tuple[str, str]:
    """`s3://bucket/a/b` as `s3://bucket` and `a/b`."""
    scheme, _, rest = label.partition("://")
    host, _, key = rest.partition("/")
    return f"{scheme.lower()}://{host}", key


def _without_secret(base: str) -> str:
    """`s3://key:secret@bucket` as `s3://bucket`; `abfs://container@account` names no secret."""
    scheme, _, host = base.partition("://")
    user, at, rest = host.rpartition("@")
    return f"{scheme}://{rest}" if at and ":" in user else base


@lru_cache(maxsize=256)
def _file_system(base: str) -> tuple[Any, str]:
    import pyarrow

    fs, (plain, mark, options) = fs_module(), base.partition("?")
    public = _without_secret(plain)
    try:
        system, prefix = fs.FileSystem.from_uri(f"{plain}/{mark}{options}")
        return system, prefix
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        if "nrecognized filesystem" not in str(error):
            raise ConfigError(f"{public}: cannot be opened ({error}); check the address") from error
        unknown = error
    except OSError as error:
        raise ConfigError(f"{public}: cannot be opened ({error}); check name and credentials") from error
    core = require("fsspec.core", extra=EXTRA, purpose=f"opening {public}")
    try:
        system, prefix = core.url_to_fs(plain + "/")
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"{public}: no file system for it (Arrow: {unknown}; fsspec: {error}); install the fsspec "
            "package of that store, or copy the files to s3://, gs://, abfs://, hdfs:// or a local folder"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(system)), prefix


def _whole_on_put(system: Any) -> bool:
    if system.type_name in _WHOLE_ON_PUT:
        return True
    handler = getattr(system, "handler", None)
    protocol = getattr(getattr(handler, "fs", None), "protocol", ())
    return bool(_WHOLE_ON_PUT & set([protocol] if isinstance(protocol, str) else protocol))
