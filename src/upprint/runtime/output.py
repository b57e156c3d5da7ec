"""A scan's rows on disk, safe against a kill at any moment.

While a scan runs, rows are appended to `<out>.journal`: JSON lines, a header with the settings first. When
it is complete, the journal is turned into the file that was asked for, which appears whole or not at all,
and removed. Continuing a finished file first turns it back into a journal. So wherever a journal exists,
it holds everything; a last line without its line end is what a kill left of a row, and is dropped.

The paths that are done are kept in memory, about 150 bytes each.
"""

from __future__ import annotations

import csv
import errno
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from upprint.result import ConfigError, ResumeError, ScanResult
from upprint.runtime.formats import format_of
from upprint.runtime.rows import from_line, kind, to_line
from upprint.runtime.settings import Settings

VERSION = 1
SYNC_EVERY = 256
"""Rows between two fsyncs: what a power cut, not a kill, may cost."""

_REMEDY = "repeat the scan with the same settings, or start anew with --overwrite"


class Output:
    """The file `path` in the making.

    Args:
        path: ends in .jsonl, .csv or .parquet.
        settings: of the scan; a continued one must have the same.
        resume: continue what a killed or an earlier finished scan left; start where there is nothing.
        overwrite: start anew; a finished file stays until the new one is complete.

    Raises:
        ConfigError: unknown suffix, a folder that does not exist or cannot be written to.
        MissingExtra: Parquet without pyarrow.
        ResumeError: the file or its journal exists and neither option was given, or it does not fit.

    Use as a context manager; leaving it keeps the journal unless `finish` was called or an error came
    before any row.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Settings,
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.journal = self.path.with_name(self.path.name + ".journal")
        self._format = format_of(self.path)
        self._settings = settings
        self._done: set[str] = set()
        self.restored: Counter[str] = Counter()
        """Rows that were there already, by `rows.kind`."""
        self._unsynced = self._written = 0
        if resume and overwrite:
            raise ConfigError("--resume continues and --overwrite starts anew: give one of them")
        _check_folder(self.path)
        if not (resume or overwrite):
            self._refuse_existing()
        self._file = self._open(resume)

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None and self._written + self.restored.total() == 0:
            self.journal.unlink(missing_ok=True)  # nothing to continue: the scan never began

    def unseen(self, paths: Iterable[str]) -> Iterator[str]:
        """Those of `paths` that have no row yet, each once."""
        for path in paths:
            if path not in self._done and not self._done_as_spelt(path):
                self._done.add(path)
                yield path

    def _done_as_spelt(self, path: str) -> bool:
        """Whether a finished file holds `path` under its UTF-8 spelling, and no other file has that name."""
        spelt = self._format.spell(path)
        return spelt != path and spelt in self._done and not os.path.lexists(spelt)

    def write(self, result: ScanResult) -> None:
        """Append a row; it survives a kill from here on.

        Raises:
            ResumeError: the disk is full or gone; what was written can be continued.
        """
        try:
            _append(self._file, to_line(result))
            self._written += 1
            self._unsynced += 1
            if self._unsynced >= SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._unsynced = 0
        except OSError as error:
            raise self._unwritable(self.journal, error) from error

    def finish(self) -> None:
        """Put the finished file in place and remove the journal.

        Raises:
            ResumeError: it cannot be written; the journal stays.
        """
        self._file.close()
        partial = self.path.with_name(self.path.name + ".partial")
        try:
            self._format.write(partial, self._rows())
            partial.replace(self.path)
            self.journal.unlink()
        except OSError as error:
            raise self._unwritable(self.path, error) from error

    def _open(self, resume: bool) -> BinaryIO:
        try:
            if resume and self.journal.exists():
                return self._continue_journal()
            if resume and self.path.exists():
                self._adopt_finished()
                return self._continue_journal()
            return self._new_journal(self.journal)
        except OSError as error:
            raise ConfigError(
                f"{str(self.journal)!r}: cannot be written ({error}); choose another --out"
            ) from error

    def _refuse_existing(self) -> None:
        for existing in (self.journal, self.path):
            if existing.exists():
                raise ResumeError(
                    f"{str(existing)!r} exists; continue it with --resume or start anew with --overwrite"
                )

    def _new_journal(self, path: Path) -> BinaryIO:
        file = path.open("wb", buffering=0)
        header = {"upprint_journal": VERSION, **self._settings.header()}
        _append(file, json.dumps(header) + "\n")
        return file

    def _adopt_finished(self) -> None:
        """Turn the finished file back into a journal, after checking that it fits the settings."""
        partial = self.journal.with_name(self.journal.name + ".partial")
        try:
            with self._new_journal(partial) as file:
                for row in self._finished_rows():
                    _append(file, to_line(row))
            partial.replace(self.journal)
        finally:
            partial.unlink(missing_ok=True)

    def _finished_rows(self) -> Iterator[ScanResult]:
        number = 0
        try:
            for number, row in enumerate(self._format.read(self.path), start=1):
                if not self._settings.agrees(row):
                    raise ResumeError(
                        f"{str(self.path)!r}: row {number} ({row.path!r}, system {row.system!r}) was judged "
                        f"with another system, calibration or --fpr; {_REMEDY}"
                    )
                yield row
        except (ValueError, TypeError, csv.Error) as error:
            raise ResumeError(
                f"{str(self.path)!r}: no row of a scan after row {number} ({error}); move the file away"
            ) from error

    def _continue_journal(self) -> BinaryIO:
        end = 0
        with self.journal.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                if number == 1:
                    self._check_header(line)
                else:
                    row = self._parse(line, number)
                    self._done.add(row.path)
                    self.restored[kind(row)] += 1
                end += len(line)
        if end == 0:
            return self._new_journal(self.journal)
        os.truncate(self.journal, end)
        return self.journal.open("ab", buffering=0)

    def _check_header(self, line: bytes) -> None:
        expected = {"upprint_journal": VERSION, **self._settings.header()}
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or "upprint_journal" not in found:
            raise ResumeError(
                f"{str(self.journal)!r}: not the journal of a scan; move it away or --overwrite it"
            )
        for name in sorted(expected.keys() | found.keys()):
            if found.get(name) != expected.get(name):
                raise ResumeError(
                    f"{str(self.journal)!r}: that scan ran with {name} = {found.get(name)!r}, "
                    f"this one has {expected.get(name)!r}; {_REMEDY}"
                )

    def _parse(self, line: bytes, number: int) -> ScanResult:
        try:
            return from_line(line)
        except (ValueError, TypeError) as error:
            raise ResumeError(
                f"{str(self.journal)!r}: line {number} is not a row ({error}); cut the file before it, "
                "or start anew with --overwrite"
            ) from error

    def _rows(self) -> Iterator[ScanResult]:
        with self.journal.open("rb") as file:
            next(file)
            for number, line in enumerate(file, start=2):
                yield self._parse(line, number)

    def _unwritable(self, path: Path, error: OSError) -> ResumeError:
        return ResumeError(
            f"{str(path)!r}: cannot be written ({error}); make room and continue with --resume, "
            f"the rows so far are in {str(self.journal)!r}"
        )


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"{str(path)!r}: the folder {str(path.parent)!r} does not exist; make it first")
    if path.is_dir():
        raise ConfigError(f"{str(path)!r} is a folder; expected the name of a file")


def _append(file: Any, line: str) -> None:
    """Unbuffered, so that a row is whole in the file or its line end is missing."""
    data = line.encode("ascii")
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, "only part of a row was written")
