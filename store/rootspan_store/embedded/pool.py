"""Lends the engine's handles, each to one request at a time, and sees that none comes back dirty."""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rootspan_store.embedded.handle import Handle
from rootspan_store.errors import EngineError

__all__ = ["HandleFactory", "Pool"]


class HandleFactory:
    """Opens handles of one kind."""

    def __init__(self, dsn: str, *, role: str, base: dict[str, str], readonly: bool) -> None:
        self._dsn, self._role, self._base, self._readonly = dsn, role, base, readonly

    def __call__(self, name: str) -> Handle:
        """Open a handle called `name`."""
        return Handle(self._dsn, name=name, role=self._role, base=self._base, readonly=self._readonly)


class Pool:
    """A fixed number of handles, lent to one request at a time. Safe for many threads."""

    def __init__(self, handles: list[Handle], *, wait_s: float, open_handle: HandleFactory) -> None:
        self._idle: queue.LifoQueue[Handle] = queue.LifoQueue()
        self._wait_s = wait_s
        self._open = open_handle
        self._lent: set[str] = set()
        self._shut = False
        self.size = len(handles)
        for handle in handles:
            self._idle.put(handle)

    @contextmanager
    def lend(self) -> Iterator[Handle]:
        """Lend a handle; it comes back reset, or is replaced if it broke or an error passed through here.

        After a query that failed in mid-output, chDB 4.4 puts what that query had written before the next
        result of the same handle: rows of one client would reach another. Hence no handle outlives an error.

        Raises:
            EngineError: 202, none became free in time.
        """
        handle = self._acquire()
        try:
            yield handle
        except BaseException:
            handle.broken = True
            raise
        finally:
            self._release(handle)

    def _acquire(self) -> Handle:
        try:
            handle = self._idle.get(timeout=self._wait_s)
        except queue.Empty:
            raise EngineError.of(
                202,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                f"All {self.size} handles stayed busy for {self._wait_s:g} s; retry, or raise "
                "ROOTSPAN_STORE_READERS or ROOTSPAN_STORE_WRITERS",
            ) from None
        try:
            if self._shut:
                raise EngineError.of(394, "QUERY_WAS_CANCELLED", "The store is stopping")
            if handle.broken:
                handle.close()
                handle = self._open(handle.name)
        except EngineError:
            self._idle.put(handle)
            raise
        self._lent.add(handle.name)
        return handle

    def _release(self, handle: Handle) -> None:
        if not handle.broken:
            handle.reset()
        self._lent.discard(handle.name)
        self._idle.put(handle)

    def shut(self) -> list[str]:
        """Lend no more; return the names of the handles that are lent."""
        self._shut = True
        return sorted(self._lent)

    def close(self, deadline: float) -> bool:
        """Close all handles, waiting for lent ones until `deadline` (monotonic); return whether all came."""
        for _ in range(self.size):
            try:
                self._idle.get(timeout=max(0.0, deadline - time.monotonic())).close()
            except queue.Empty:
                return False
        return True
