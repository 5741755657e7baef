"""Keeps the dashboard's memory small: freed memory goes back, whichever viewer's thread had it.

Answers are made and dropped by many short-lived threads. The C library would give each an arena of its own,
and Arrow's pool would keep what tables had; both hold on to the peak of every thread.
"""

import ctypes
from typing import Final

import pyarrow as pa

__all__ = ["keep_heap_small"]

ARENAS: Final = 2
TRIM_BYTES: Final = 8 * 1024 * 1024
MMAP_BYTES: Final = 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_heap_small() -> None:
    """Set it up. To be called before there are threads; does nothing to a C library that is not glibc."""
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, ARENAS)
    mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES)
    mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)
