"""Lets the process hold as many connections as the system allows it."""

from __future__ import annotations

import resource

__all__ = ["allow_many_open_files"]

_WANTED = 65_536


def allow_many_open_files() -> int:
    """Raise the soft limit of open files, usually 1024, towards the hard one; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
