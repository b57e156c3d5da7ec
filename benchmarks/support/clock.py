"""Wall and processor time of a piece of work, children included, and its page faults."""

from __future__ import annotations

import resource
import time

import psutil


def cpu_seconds() -> float:
    """Processor time so far of this process, its living descendants, and its children that ended."""
    process = psutil.Process()
    own = process.cpu_times()
    total = float(own.user + own.system + own.children_user + own.children_system)
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += float(times.user + times.system)
    return total


class Stopwatch:
    """Started when made; `read` gives {"seconds", "cpu_seconds", "page_faults"}.

    Page faults are those of this process alone, without reading from a disk: what an allocator that maps
    and unmaps its memory costs.
    """

    def __init__(self) -> None:
        self._faults = _page_faults()
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()

    def read(self) -> dict[str, float]:
        wall = time.perf_counter() - self._wall
        cpu = cpu_seconds() - self._cpu
        return {"seconds": wall, "cpu_seconds": cpu, "page_faults": _page_faults() - self._faults}


def _page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
