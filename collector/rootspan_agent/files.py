"""Finds log files by patterns, and says which file is which. Reads directories and first bytes, no lines."""

import glob
import os
import re
import zlib
from dataclasses import dataclass
from typing import Final

from rootspan_agent.positions import FilePosition

__all__ = ["Pattern", "descriptor_of", "identify", "rotated_name", "same_file"]

_HEAD_BYTES: Final = 256
_HOST: Final = "{host}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of absolute paths; `{host}` stands for one part that names the machine."""

    text: str

    def find(self) -> dict[str, str]:
        """Files that match now: the host by path, "" where the path names none. Archives are left out."""
        found = glob.glob(self.text.replace(_HOST, "*"), recursive=True)
        return {
            path: self._host_of(path)
            for path in found
            if not path.endswith((".gz", ".xz", ".zst", ".bz2")) and os.path.isfile(path)
        }

    def _host_of(self, path: str) -> str:
        if _HOST not in self.text:
            return ""
        before, after = self.text.split(_HOST)
        # Only the parts beside it are looked at: elsewhere may be any pattern.
        left, right = re.escape(before.rpartition("/")[2]), re.escape(after.partition("/")[0])
        depth = before.count("/")
        if "**" in before:
            depth = path.count("/") - after.count("/")
        part = path.split("/")[depth]
        match = re.fullmatch(f"{left}(.+){right}", part)
        return match[1] if match else part


def identify(descriptor: int, offset: int) -> FilePosition:
    """Which file an open descriptor is, with a position in it.

    Raises:
        OSError: It cannot be read.
    """
    status = os.fstat(descriptor)
    head = os.pread(descriptor, min(_HEAD_BYTES, status.st_size), 0)
    return FilePosition(status.st_dev, status.st_ino, zlib.crc32(head), len(head), offset)


def same_file(descriptor: int, position: FilePosition) -> bool:
    """Whether an open file is the one of a position, and still as long.

    Raises:
        OSError: It cannot be read.
    """
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) != (position.device, position.inode):
        return False
    if status.st_size < position.offset:
        return False
    return zlib.crc32(os.pread(descriptor, position.head_bytes, 0)) == position.head


def rotated_name(path: str, position: FilePosition) -> str | None:
    """Under which name the file of a position is now, beside its old one; None if it is gone.

    `app.log` may be `app.log.1`, `app.log-20260504` or `app-20260504.log` by now.
    """
    folder, name = os.path.split(path)
    stem = name.partition(".")[0]
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(stem) and entry.inode() == position.inode:
                    return entry.path
    except OSError:
        return None
    return None


def descriptor_of(path: str) -> int | None:
    """Open a file to read; None if there is none of that name.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
