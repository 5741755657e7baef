"""Who waits for a commit, and who was here before: requests by their digest.

A request that is sent again while the first still waits shares its fate; one that comes after it was made
durable is known. Writes nothing; the log does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rootspan_collector.errors import LogUnavailable, TakenElsewhere
from rootspan_collector.wal.window import Claim, Window

__all__ = ["Ticket", "WaitingRoom"]


class Ticket:
    """One request that waits for its commit, and who is to be told of its fate."""

    __slots__ = ("digest", "items", "payload", "told")

    def __init__(self, payload: bytes, items: int, digest: bytes) -> None:
        self.payload = payload
        self.items = items
        self.digest = digest
        self.told: list[Callable[[Ticket, LogUnavailable | None], None]] = []


class WaitingRoom:
    """The requests that no commit has taken yet, and those of late. Thread-safe."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._queue: list[Ticket] = []
        self._by_digest: dict[bytes, Ticket] = {}
        self._wanted = 0
        self._gathered = threading.Lock()
        self._gathered.acquire()

    def is_known(self, digest: bytes) -> bool:
        """Whether that request was made durable lately."""
        return self._window.knows(digest)

    def enter(
        self,
        ticket: Ticket,
        told: Callable[[Ticket, LogUnavailable | None], None],
        *,
        is_known_good: bool = False,
    ) -> bool:
        """Queue a ticket, or join its twin if one waits already. False: it is known, and nobody is told.

        Args:
            ticket: The request.
            told: Called once, by the thread that settles it, with the ticket that was written or refused
                (this one or its twin) and the reason why it was refused.
            is_known_good: Queue it although it is known.

        Raises:
            TakenElsewhere: Another worker has it, and it is not known what will come of it.
        """
        digest = ticket.digest
        with self._lock:
            entered = ticket
            if self._window.is_on:
                entered = self._by_digest.get(digest, ticket)
                if entered is ticket:
                    claim = self._window.claim(digest)
                    if claim is Claim.KNOWN and not is_known_good:
                        return False
                    if claim is Claim.TAKEN:
                        raise TakenElsewhere
                    self._by_digest[digest] = ticket
            entered.told.append(told)
            if entered is ticket:
                self._queue.append(ticket)
                if self._wanted and len(self._queue) >= self._wanted:
                    self._wanted = 0
                    self._gathered.release()
            return True

    def gather(self, wanted: int, timeout_s: float) -> None:
        """Return once so many are queued, or the time is over. For one thread at a time."""
        with self._lock:
            if len(self._queue) >= wanted:
                return
            self._gathered.acquire(blocking=False)  # it is free if the last one came as the time was over
            self._wanted = wanted
        self._gathered.acquire(timeout=timeout_s)
        with self._lock:
            self._wanted = 0

    def take(self) -> list[Ticket]:
        """Empty the queue. Whoever takes settles."""
        with self._lock:
            taken, self._queue = self._queue, []
            return taken

    def settle(self, tickets: Sequence[Ticket], error: LogUnavailable | None = None) -> None:
        """Make tickets durable, or refused for a reason, and tell those who asked; returns after that."""
        with self._lock:
            self._window.settle([ticket.digest for ticket in tickets], are_durable=error is None)
            for ticket in tickets:
                self._by_digest.pop(ticket.digest, None)
        # None can be added any more: a copy that comes now is known, or a ticket of its own.
        for ticket in tickets:
            for told in ticket.told:
                told(ticket, error)
