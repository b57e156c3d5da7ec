from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from upprint.allocator import keep_pages

PROGRAM = """
import resource, numpy as np
{tune}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 22)
before = faults()
for _ in range(20):
    np.ones(1 << 22)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be tuned")
def test_large_arrays_stop_faulting_their_pages_anew() -> None:
    counts = []
    for tune in ("", "from upprint.allocator import keep_pages; assert keep_pages()"):
        command = [sys.executable, "-c", PROGRAM.format(tune=tune)]
        counts.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert counts[1] < counts[0] / 10


def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_pages() is False
