"""Keeps the process small however long it runs.

Malloc settings for a program that handles large short-lived buffers.
"""

from __future__ import annotations

import ctypes

__all__ = ["keep_heap_small"]

# <malloc.h>
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def keep_heap_small() -> None:
    """Limit glibc to two arenas and give large buffers back at once. Does nothing with another C library.

    By default each thread gets an arena of its own, and freeing a buffer of 1 MB teaches malloc to keep such
    buffers: with 16 threads that is several hundred MB that nobody uses.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, 2)
    mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
    mallopt(_M_TRIM_THRESHOLD, 16 * 1024 * 1024)
