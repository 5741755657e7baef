"""Who waits for which fsync, and how they are told: group commit.

Whoever gets the lock commits for all that wait, be it one of those who wait or, for those who do not
(`append_later`), a thread; and for those who were here a moment ago and are back within two milliseconds. So
under load one fsync serves many requests, and an idle log costs nothing. Writes nothing itself: the log does.

A request that is sent again (the same bytes, within the window) is acknowledged and not written again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from rootspan_collector.errors import LogFull, LogUnavailable, TakenElsewhere
from rootspan_collector.ledger import Ledger
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.committer import Committer
from rootspan_collector.wal.record import HEADER_BYTES as RECORD_HEADER_BYTES
from rootspan_collector.wal.record import digest_of
from rootspan_collector.wal.waiting import Ticket, WaitingRoom
from rootspan_collector.wal.window import Window

__all__ = ["GroupCommit", "Written", "refused"]

_LOG = logging.getLogger(__name__)
# An fsync costs 0.1-0.2 ms of CPU for however many requests. A sender alone never waits; several that send
# one request after the other would else be answered in turns, each with an fsync of its own.
_GATHER_S = 0.002

Written = tuple[int, LogUnavailable | None]
"""How many tickets, from the first on, share the fate that comes with it: durable (None), or refused."""


class GroupCommit:
    """Append from any thread. `lock` keeps commits out while the log does something else with its file.

    Args:
        write: Makes tickets durable, from the first on, at least one of them; called with `lock` held.
        told: Called after those tickets have been told, with `lock` held.
        budget: Bytes of what waits are reserved of it, and given back if they are not written.
        name: Of the thread that commits for those who do not wait.
    """

    def __init__(
        self,
        window: Window,
        *,
        write: Callable[[Sequence[Ticket]], Written],
        told: Callable[[], None],
        budget: ByteBudget,
        ledger: Ledger,
        name: str,
        now_s: Callable[[], float],
    ) -> None:
        self.lock = threading.Lock()
        self._write, self._told = write, told
        self._name = name
        self._budget = budget
        self._ledger = ledger
        self._now_s = now_s
        self._waiting = WaitingRoom(window)
        self._committer = Committer(self._commit_for_others, name)
        self._crowd, self._committed_s = 0, 0.0

    def is_known(self, payload: bytes) -> bool:
        """Whether the same request was made durable lately, so that it can be acknowledged again."""
        return self._waiting.is_known(digest_of(payload))

    def append(self, payload: bytes, items: int, *, is_replay: Callable[[], bool] = lambda: False) -> bool:
        """Make one request durable; returns only after fsync.

        Args:
            payload: The request's bytes.
            items: How many items it carries.
            is_replay: Asked of a request that is known: whether it is to be written all the same.

        Returns:
            Whether it was written: False if the same request was made durable before and is just known again.

        Raises:
            LogFull: The folder's limit is reached; nothing was written.
            LogUnavailable: The disk refused or the log is closed; nothing of this request will be read back.
            TakenElsewhere: See `rootspan_collector.wal.window.Claim.TAKEN`; likewise.
        """
        outcomes: list[bool | LogUnavailable] = []
        self._enter(payload, items, outcomes.append, is_replay)
        if not outcomes:
            with self.lock:
                if not outcomes:
                    self._commit()
        (outcome,) = outcomes
        if isinstance(outcome, LogUnavailable):
            raise outcome
        return outcome

    def append_later(
        self,
        payload: bytes,
        items: int,
        told: Callable[[bool | LogUnavailable], None],
        *,
        is_replay: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make one request durable without waiting for it.

        Args:
            payload: The request's bytes.
            items: How many items it carries.
            told: Called once, with what `append` returns or raises: after fsync and by the thread that
                committed, or at once if the request is known. It must not raise, and holds up what commits.
            is_replay: See `append`.

        Raises:
            LogFull, TakenElsewhere: Nothing was written, and nobody is told.
        """
        if self._enter(payload, items, told, is_replay):
            self._committer.wake()

    def _enter(
        self,
        payload: bytes,
        items: int,
        told: Callable[[bool | LogUnavailable], None],
        is_replay: Callable[[], bool],
    ) -> bool:
        """Queue a request; return whether a commit has to be made, False if it was told its fate."""
        ticket = Ticket(payload, items, digest_of(payload))
        cost = len(payload) + RECORD_HEADER_BYTES
        try:
            self._budget.reserve(cost)
        except LogFull:
            if not self._waiting.is_known(ticket.digest) or is_replay():
                raise
            self._ledger.repeat(items)
            told(False)
            return False

        def settled(entered: Ticket, error: LogUnavailable | None) -> None:
            is_written = error is None and entered is ticket
            if not is_written:
                self._budget.release(cost)
                if error is None:
                    self._ledger.repeat(items)
            told(error or is_written)

        try:
            is_waiting = self._waiting.enter(ticket, settled)
            if not is_waiting and is_replay():
                is_waiting = self._waiting.enter(ticket, settled, is_known_good=True)
        except TakenElsewhere:
            self._budget.release(cost)
            raise
        if not is_waiting:
            self._budget.release(cost)
            self._ledger.repeat(items)
            told(False)
        return is_waiting

    def _commit_for_others(self) -> None:
        with self.lock:
            self._gather()
            try:
                self._commit()
            except Exception:
                _LOG.exception("%s failed unexpectedly; its requests are refused", self._name)

    def _gather(self) -> None:
        """Among senders that were just answered together, wait a moment until they are here again."""
        left_s = self._committed_s + _GATHER_S - self._now_s()
        if self._crowd > 1 and left_s > 0:
            self._waiting.gather(self._crowd, left_s)

    def _commit(self) -> None:
        """Have written what waits; every ticket is settled after it, whatever happens."""
        batch = self._waiting.take()
        position = 0
        try:
            while position < len(batch):
                count, error = self._write(batch[position:])
                self._waiting.settle(batch[position : position + count], error)
                position += count
                self._told()
        except BaseException as err:
            self._waiting.settle(batch[position:], refused(f"the commit was interrupted: {err!r}"))
            raise
        self._crowd, self._committed_s = len(batch), self._now_s()

    def stop(self) -> None:
        """Commit a last time and end the thread; appends go on being written, or refused, by `write`."""
        self._committer.stop()


def refused(reason: str) -> LogUnavailable:
    """What those are told who were not made durable."""
    return LogUnavailable(f"{reason}; nothing was acknowledged, send it again")
