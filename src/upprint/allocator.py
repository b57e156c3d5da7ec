"""Stop glibc from returning every large activation to the system (PyTorch on the CPU).

By default it maps and unmaps each one: a batch of 32 costs more than a million page faults. Keeping
the pages changes no result, only time.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_TOP_PAD = 256 << 20
_KEEP_ALL = (1 << 31) - 1


def keep_pages() -> bool:
    """Tune the running process's allocator; False where the C library is not glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP_ALL), (_M_TOP_PAD, _TOP_PAD))
    return all(libc.mallopt(key, value) == 1 for key, value in settings)
