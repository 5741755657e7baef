"""One signal's write-ahead log: `append` returns only after fsync; sealed segments come out in order.

Or, when asked, newest first; they are then recorded as dealt with in order all the same (see sealed.py).

A batch whose write or fsync fails is not acknowledged. Its bytes are cut off, and its segment is sealed at
the last good byte: after a failed fsync the kernel may have dropped the pages and would call the next fsync
a success ("fsyncgate").
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rootspan_collector.errors import LogUnavailable
from rootspan_collector.ledger import Ledger
from rootspan_collector.wal.active import ActiveSegment
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.commits import GroupCommit, Written, refused
from rootspan_collector.wal.disk import Disk, PosixDisk
from rootspan_collector.wal.outgoing import Outgoing
from rootspan_collector.wal.progress import Progress
from rootspan_collector.wal.recent import RecentFile, RecentRequests
from rootspan_collector.wal.record import HEADER_BYTES as RECORD_HEADER_BYTES
from rootspan_collector.wal.segment import Segment
from rootspan_collector.wal.waiting import Ticket
from rootspan_collector.wal.window import Window
from rootspan_store.ingest import Signal

__all__ = ["SignalLog"]

_LOG = logging.getLogger(__name__)


class SignalLog:
    """Append from any thread; take sealed segments from one.

    Args:
        found: Segments that recovery found, oldest first; they are handed out before new ones.
        digests: Of the requests in them.
        progress: Where the settled segments stand, as recovery read it.
        next_seq: Sequence number of the first new segment.
        segment_bytes: A segment is sealed once it is this large (one record may exceed it).
        window: Recognises requests that are sent again. None: its own, of `recent_s`.
        recent_s: How long a request is recognised when it is sent again; 0 stores every copy.
        recent_most: Most requests that are remembered for it over a restart.
    """

    def __init__(
        self,
        folder: Path,
        signal: Signal,
        collector_id: str,
        *,
        ledger: Ledger,
        budget: ByteBudget,
        found: Sequence[Segment] = (),
        digests: Sequence[bytes] = (),
        progress: Progress | None = None,
        next_seq: int = 1,
        segment_bytes: int = 64 * 1024 * 1024,
        window: Window | None = None,
        recent_s: float = 600.0,
        recent_most: int = 262_144,
        disk: Disk | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.signal = signal
        self.ledger = ledger
        self._folder = folder
        self._collector_id = collector_id
        self._budget = budget
        self._disk: Disk = disk or PosixDisk()
        self._now_s = now_s
        self._segment_bytes = segment_bytes
        self._next_seq = next_seq
        if window is None:  # an empty one is false, and as good as any
            window = RecentRequests(window_s=recent_s, most=recent_most, now_s=now_s)
        recent_file = RecentFile(folder, signal, most=recent_most) if window.is_on else None
        if recent_file is not None:
            window.recover([*recent_file.load(), *digests])
        self._commits = GroupCommit(
            window,
            write=self._write,
            told=self._seal_if_full,
            budget=budget,
            ledger=ledger,
            name=f"commit-{signal}",
            now_s=now_s,
        )
        self._outgoing = Outgoing(
            folder,
            signal,
            ledger=ledger,
            budget=budget,
            found=found,
            progress=progress or Progress(),
            recent_file=recent_file,
        )
        self._active: ActiveSegment | None = None
        self._is_closed = False
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """Why the last write failed; None while the disk takes writes."""
        return self._error

    @property
    def oldest_pending_unix_ns(self) -> int | None:
        """When the oldest segment that is not in the store yet was begun; None if there is none."""
        with self._outgoing.changed:
            if self._outgoing.sealed.oldest is not None:
                return self._outgoing.sealed.oldest.header.created_unix_ns
        active = self._active
        return active.header.created_unix_ns if active is not None else None

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def is_known(self, payload: bytes) -> bool:
        """Whether the same request was made durable lately, so that it can be acknowledged again."""
        return self._commits.is_known(payload)

    def append(self, payload: bytes, items: int, *, is_replay: Callable[[], bool] = lambda: False) -> bool:
        """Make one request durable; returns only after fsync. See `GroupCommit.append`."""
        return self._commits.append(payload, items, is_replay=is_replay)

    def append_later(
        self,
        payload: bytes,
        items: int,
        told: Callable[[bool | LogUnavailable], None],
        *,
        is_replay: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make one request durable without waiting for it. See `GroupCommit.append_later`."""
        self._commits.append_later(payload, items, told, is_replay=is_replay)

    def _write(self, tickets: Sequence[Ticket]) -> Written:
        """Write tickets, from the first on, as many as one segment takes."""
        if self._is_closed:
            return len(tickets), refused("the collector is stopping")
        try:
            active = self._active or self._open()
        except OSError as err:
            return len(tickets), self._failed(f"log {self._folder} cannot be written: {err.strerror}")
        size, count = active.size_bytes, 0
        while count < len(tickets) and (not count or size < self._segment_bytes):
            size += len(tickets[count].payload) + RECORD_HEADER_BYTES
            count += 1
        chosen = tickets[:count]
        try:
            active.append([(ticket.payload, ticket.items, ticket.digest) for ticket in chosen])
        except OSError as err:
            self._seal()
            return count, self._failed(f"log {self._folder} cannot be written: {err.strerror}")
        except BaseException as err:
            self._failed(f"a write to log {self._folder} was interrupted: {err!r}")
            raise
        self._error = None
        self.ledger.accept(sum(ticket.items for ticket in chosen))
        return count, None

    def _failed(self, reason: str) -> LogUnavailable:
        if self._error is None:
            _LOG.error("%s: refusing %s until it can", reason, self.signal)
        self._error = reason
        return refused(reason)

    def _seal_if_full(self) -> None:
        if self._active is not None and self._active.size_bytes >= self._segment_bytes:
            self._seal()

    def _open(self) -> ActiveSegment:
        before, seq = self.ledger.counts().accepted, self._next_seq
        self._next_seq += (
            1  # even if it fails: a half-made file that could not be removed must not block the next try
        )
        active = ActiveSegment.create(
            self._folder,
            self.signal,
            self._collector_id,
            seq=seq,
            items_before=before,
            disk=self._disk,
            now_s=self._now_s(),
        )
        self._budget.adopt(active.size_bytes)
        self._active = active
        with self._outgoing.changed:
            self._outgoing.changed.notify()
        return active

    def _seal(self) -> None:
        active, self._active = self._active, None
        if active is None:
            return
        active.close()
        with self._outgoing.changed:
            if active.items:
                self._outgoing.sealed.add(active.sealed(self._now_s()))
            else:
                self._outgoing.discard(active.path, active.size_bytes)
            self._outgoing.changed.notify()

    def flush(self) -> None:
        """Bring what is in the open segment to the disk, for a log that does not do so for each request."""
        with self._commits.lock:
            if self._active is None:
                return
            try:
                self._active.flush()
            except OSError as err:
                self._error = f"log {self._folder} cannot be synced: {err.strerror}"
                _LOG.error("%s; acknowledged %s may be lost with the power", self._error, self.signal)
                self._seal()

    def probe(self) -> None:
        """Find out whether a disk that failed takes writes again, so that health can say so."""
        with self._commits.lock:
            if self._error is None or self._is_closed:
                return
            try:
                if self._active is None:
                    self._open()
            except OSError:
                return
            self._error = None
            _LOG.warning("log %s takes writes again", self._folder)

    def next_segment(
        self, *, max_age_s: float, timeout_s: float, newest_first: bool = False
    ) -> Segment | None:
        """Return a sealed segment that is not settled, and leave it; seal the open one if older than that.

        Waits up to `timeout_s`; None if nothing became due. A caller that comes late finds the open segment
        fuller: that is how segments grow with the load.

        Args:
            newest_first: Take the newest in place of the oldest; the open one if it is of that age. Not while
                the log is nearly full: only what goes in order frees its bytes.
        """
        deadline_s = self._now_s() + timeout_s
        while True:
            newest = newest_first and not self._budget.is_above_high_water
            with self._outgoing.changed:
                now_s, active = self._now_s(), self._active
                due_s = active.opened_s + max_age_s if active is not None else deadline_s
                is_due = active is not None and now_s >= due_s
                found = self._outgoing.sealed.pick(newest=newest)
                if found is not None and not (newest and is_due):
                    return found
                if not is_due:
                    if now_s >= deadline_s or self._is_closed:
                        return None
                    self._outgoing.changed.wait(max(0.001, min(due_s, deadline_s) - now_s))
                    continue
            with self._commits.lock:
                self._seal()

    def settle(
        self, segment: Segment, *, stored: int, quarantined: int, digests: bytes = b""
    ) -> list[Segment]:
        """Record durably that a segment is dealt with, then delete it. See `Outgoing.settle`."""
        return self._outgoing.settle(segment, stored=stored, quarantined=quarantined, digests=digests)

    def save_counters(self) -> None:
        """Record the refusals and repetitions counted since the last settled segment. Raises OSError."""
        self._outgoing.save_counters()

    def close(self) -> None:
        """Take no more appends and seal what is open. Sealed segments can still be taken and settled."""
        with self._commits.lock:
            self._is_closed = True
            self._seal()
        self._commits.stop()
        with self._outgoing.changed:
            self._outgoing.changed.notify_all()
