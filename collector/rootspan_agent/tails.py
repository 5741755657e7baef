"""All files that are followed: finds new ones, reads from each in turn, holds few of them open.

Owns fairness: a file that is written to without end does not keep the others waiting. A file is known by its
inode, so that one that is renamed is not read twice, also where a pattern matches its new name.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Final

from rootspan_agent.files import Pattern, identify, rotated_name, same_file
from rootspan_agent.positions import FileSlice, KnownFile, Plan, Positions
from rootspan_agent.tail import Chunk, Tail

__all__ = ["Tails"]

_READ_BYTES: Final = 128 << 10
"""Of one file at a time."""
_MAX_OPEN: Final = 256
_log = logging.getLogger("rootspan.agent")
Inode = tuple[int, int]


class Tails:
    """The files of some patterns."""

    def __init__(self, patterns: Sequence[Pattern], positions: Positions) -> None:
        self._patterns, self._positions = patterns, positions
        self._tails: dict[Inode, Tail] = {
            (one.position.device, one.position.inode): Tail(one.path, one.host, one.position)
            for one in positions.files()
        }
        self._turn = 0
        self._complained: set[str] = set()

    def scan(self, *, at_end: bool = False) -> list[KnownFile]:
        """Look for files.

        Args:
            at_end: Whether what new files hold already is left out.

        Returns:
            Those that are new.
        """
        found: dict[str, str] = {}
        for pattern in self._patterns:
            found.update(pattern.find())
        new = []
        for path, host in found.items():
            try:
                status = os.stat(path)
                known = self._tails.get((status.st_dev, status.st_ino))
                if known is not None:
                    known.named(path)
                    continue
                with open(path, "rb") as stream:
                    position = identify(stream.fileno(), stream.seek(0, os.SEEK_END) if at_end else 0)
            except FileNotFoundError:
                continue
            except OSError as err:
                self._complain(path, err)
                continue
            self._tails[position.device, position.inode] = Tail(path, host, position)
            new.append(KnownFile(path, host, position))
        return new

    def read(self, limit: int) -> tuple[list[Chunk], bool]:
        """Lines of as many files as fit into `limit` bytes, a slice a file; the next call goes on from there.

        Returns:
            The slices, and whether a name leads to another file than it did: time for a `scan`.
        """
        tails = list(self._tails.values())
        chunks: list[Chunk] = []
        left, rotated = limit, False
        whole = min(limit, _READ_BYTES)
        for step in range(len(tails)):
            if left <= 0:
                self._turn = (self._turn + step) % len(tails)
                break
            tail = tails[(self._turn + step) % len(tails)]
            if not tail.has_news():
                continue
            chunk = self._read(tail, min(left, whole), may_cut=left >= whole)
            rotated = rotated or not tail.has_name()
            if chunk is not None:
                chunks.append(chunk)
                left -= len(chunk.data)
        self._drop([one for one in tails if one.is_finished])
        self._close_some(tails)
        return chunks, rotated

    def advance(self, plan: Plan) -> None:
        """A plan is acknowledged."""
        for one in plan.files:
            tail = self._tails.get((one.position.device, one.position.inode))
            if tail is not None:
                tail.advance(one)

    def again(self, plan: Plan) -> Iterator[Chunk]:
        """The very bytes of a plan; of a file that is gone none."""
        for one in plan.files:
            data = _bytes_of(one)
            if data is None:
                _log.warning("%s is gone before it could be sent", one.path)
            else:
                yield Chunk(one, data)

    def close(self) -> None:
        """Close all files."""
        for tail in self._tails.values():
            tail.close()

    def _read(self, tail: Tail, limit: int, *, may_cut: bool) -> Chunk | None:
        try:
            chunk = tail.read(limit, may_cut=may_cut)
        except OSError as err:
            self._complain(tail.path, err)
            return None
        self._complained.discard(tail.path)
        return chunk

    def _complain(self, path: str, err: OSError) -> None:
        if path not in self._complained:
            self._complained.add(path)
            _log.warning("%s: %s; it is tried again", path, err.strerror)

    def _drop(self, finished: Sequence[Tail]) -> None:
        for tail in finished:
            tail.close()
            del self._tails[tail.position.device, tail.position.inode]
        if finished:
            self._positions.forget(one.position for one in finished)

    def _close_some(self, tails: Sequence[Tail]) -> None:
        opened = [one for one in tails if one.is_open]
        for tail in opened[: max(0, len(opened) - _MAX_OPEN)]:
            if tail.has_name():  # one without a name could not be opened again
                tail.close()


def _bytes_of(one: FileSlice) -> bytes | None:
    for path in (one.path, rotated_name(one.path, one.position)):
        if path is None:
            continue
        try:
            with open(path, "rb") as stream:
                if same_file(stream.fileno(), one.position):
                    length = one.end - one.position.offset
                    data = os.pread(stream.fileno(), length, one.position.offset)
                    if len(data) == length:
                        return data
        except OSError:
            continue
    return None
