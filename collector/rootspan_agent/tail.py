"""Follows one log file under whatever name it has: complete lines after a position.

Owns an open descriptor. Sends nothing and remembers nothing durably; `advance` is told what arrived. A
rotation leaves the file what it is and gives its name to another one, which is another `Tail`.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rootspan_agent.files import descriptor_of, identify, rotated_name, same_file
from rootspan_agent.positions import FilePosition, FileSlice

__all__ = ["Chunk", "Tail"]

ROTATED_GRACE_S: Final = 2.0
"""A program writes to the old file until it notices the rotation."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A slice of a file and its bytes: whole lines, or a piece of a line longer than what was asked for."""

    slice: FileSlice
    data: bytes


class Tail:
    """Reads a file. After an error of the system it goes on with the next call.

    Attributes:
        path: The name it was last found under.
        position: After the last byte that was acknowledged.
        is_finished: Whether it has lost its name for good and was read to its end, or is gone.
    """

    def __init__(
        self, path: str, host: str, position: FilePosition, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.host, self.position = path, host, position
        self.is_finished = False
        self._clock = clock
        self._descriptor: int | None = None
        self._nameless_since: float | None = None

    def has_news(self) -> bool:
        """Whether a `read` may find something; costs one look at the file's name."""
        if self._nameless_since is not None:
            return True
        try:
            now = os.stat(self.path)
        except OSError:
            return True
        known = self.position
        return (now.st_dev, now.st_ino, now.st_size) != (known.device, known.inode, known.offset)

    def has_name(self) -> bool:
        """Whether its path still leads to it."""
        try:
            now = os.stat(self.path)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) == (self.position.device, self.position.inode)

    def named(self, path: str) -> None:
        """It has been found under this name."""
        self.path = path
        self._nameless_since = None

    def read(self, limit: int, *, may_cut: bool = True) -> Chunk | None:
        """The next lines, at most `limit` bytes; None if there is nothing more at the moment.

        A line that does not fit comes in pieces, or not yet where it may not be cut.

        Read again before `advance`, it gives the same and what was added since.

        Raises:
            OSError: The file cannot be opened or read.
        """
        descriptor = self._open()
        if descriptor is None:
            self.is_finished = True
            return None
        if not same_file(descriptor, self.position):  # emptied in place (copytruncate), or written anew
            self.position = identify(descriptor, 0)
        # As much of its head as is there by now.
        self.position = identify(descriptor, self.position.offset)
        start = self.position.offset
        data = os.pread(descriptor, limit, start)
        end = data.rfind(b"\n") + 1
        is_over = self._is_over()
        if not end and ((len(data) >= limit and may_cut) or is_over):
            end = len(data)
        if end:
            return Chunk(FileSlice(self.path, self.host, self.position, start + end), data[:end])
        self.is_finished = is_over
        return None

    def advance(self, to: FileSlice) -> None:
        """A slice of it is acknowledged: go on behind it."""
        self.position = to.after()

    def close(self) -> None:
        """Give the descriptor up; the next `read` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def is_open(self) -> bool:
        """Whether it holds a descriptor."""
        return self._descriptor is not None

    def _open(self) -> int | None:
        """A descriptor of the file; None if it is not to be found any more."""
        if self._descriptor is None:
            for path in (self.path, rotated_name(self.path, self.position)):
                opened = descriptor_of(path) if path is not None else None
                if opened is None:
                    continue
                status = os.fstat(opened)
                if (status.st_dev, status.st_ino) == (self.position.device, self.position.inode):
                    self._descriptor = opened
                    break
                os.close(opened)
        return self._descriptor

    def _is_over(self) -> bool:
        """Whether it has been without its name for a while, so that nobody writes to it any more."""
        if self.has_name():
            self._nameless_since = None
            return False
        if self._nameless_since is None:
            self._nameless_since = self._clock()
        return self._clock() - self._nameless_since >= ROTATED_GRACE_S
