"""A temporary folder for copies of objects, which a killed process does not leave behind for long.

The folder holds a lock for as long as its process lives. Whoever makes the next one removes those whose
lock is free. Where the operating system has no such locks, nothing is removed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

_PREFIX, _LOCK = "upprint-shards-", "lock"


class Spool:
    """The folder `path`, until `close` or the end of the process."""

    def __init__(self) -> None:
        _sweep()
        self._temporary = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self.path = Path(self._temporary.name)
        self._lock = _locked(self.path)

    def close(self) -> None:
        self._lock.close()
        self._temporary.cleanup()


def _locked(folder: Path) -> BinaryIO:
    """Locked before it has the name that `_sweep` looks for."""
    file = (folder / "new").open("wb")
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX)
    Path(file.name).rename(folder / _LOCK)
    return file


def _sweep() -> None:
    if sys.platform == "win32":
        return
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            with lock.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            continue  # in use, or another user's
