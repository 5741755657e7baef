"""The five things that the log asks of a file system, as a seam: tests make them slow or fail.

Everything else (reading, listing, deleting) may fail without touching the promise "acknowledged means on
disk".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

__all__ = ["Disk", "LazyDisk", "PosixDisk", "write_durably"]

# Linux's IOV_MAX: more buffers in one writev are EINVAL.
_MAX_BUFFERS = 1024


class Disk(Protocol):
    """Append-only files with explicit durability. Every method raises OSError when the system refuses."""

    def create(self, path: Path) -> int:
        """Create a file that must not exist yet; return a descriptor that appends."""
        ...

    def append(self, fd: int, buffers: Sequence[bytes]) -> None:
        """Write all the buffers, or raise after having written some of them."""
        ...

    def sync(self, fd: int) -> None:
        """Return only after the file's data is on the disk."""
        ...

    def truncate(self, fd: int, size_bytes: int) -> None:
        """Cut the file to a size."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Return only after the folder's entries (names of new files) are on the disk."""
        ...


class PosixDisk:
    """The real one: writev, fdatasync, ftruncate and fsync of the folder."""

    def create(self, path: Path) -> int:
        """See `Disk.create`."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def append(self, fd: int, buffers: Sequence[bytes]) -> None:
        """See `Disk.append`."""
        for first in range(0, len(buffers), _MAX_BUFFERS):
            group = buffers[first : first + _MAX_BUFFERS]
            left = sum(map(len, group)) - os.writev(fd, group)
            if left:  # a short write: a nearly full disk, or more than 2 GiB
                rest = memoryview(b"".join(group))[-left:]
                while rest:
                    rest = rest[os.write(fd, rest) :]

    def sync(self, fd: int) -> None:
        """See `Disk.sync`."""
        os.fdatasync(fd)

    def truncate(self, fd: int, size_bytes: int) -> None:
        """See `Disk.truncate`."""
        os.ftruncate(fd, size_bytes)

    def sync_folder(self, folder: Path) -> None:
        """See `Disk.sync_folder`."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class LazyDisk(PosixDisk):
    """Leaves it to the system when data reaches the disk, for those who chose so.

    What a process wrote survives its death; what a machine loses with its power, this loses too.
    """

    def sync(self, fd: int) -> None:
        """Return at once."""

    def sync_folder(self, folder: Path) -> None:
        """Return at once."""


def write_durably(path: Path, data: bytes) -> None:
    """Replace the file in one step; returns only after data and name are on the disk."""
    draft = path.with_name(path.name + ".tmp")
    fd = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o640)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(draft, path)
    PosixDisk().sync_folder(path.parent)
