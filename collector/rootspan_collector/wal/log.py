"""One signal's write-ahead log: `append` returns only after fsync; sealed segments come out in order.

Or, when asked, newest first; they are then recorded as dealt with in order all the same (see sealed.py).

Group commit: whoever gets the commit lock writes and syncs for all that wait, be it one of those who wait or,
for those who do not (`append_later`), a thread; and for those who were here a moment ago and are back within
two milliseconds. So under load one fsync serves many requests, and an idle log costs nothing.

A batch whose write or fsync fails is not acknowledged. Its bytes are cut off, and its segment is sealed at
the last good byte: after a failed fsync the kernel may have dropped the pages and would call the next fsync
a success ("fsyncgate").

A request that is sent again (the same bytes, within the window of `RecentRequests`) is acknowledged and not
written again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rootspan_collector.errors import LogFull, LogUnavailable, TakenElsewhere
from rootspan_collector.ledger import Ledger
from rootspan_collector.wal.active import ActiveSegment
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.committer import Committer
from rootspan_collector.wal.disk import Disk, PosixDisk
from rootspan_collector.wal.progress import Progress, save_progress
from rootspan_collector.wal.recent import RecentFile, RecentRequests
from rootspan_collector.wal.record import HEADER_BYTES as RECORD_HEADER_BYTES
from rootspan_collector.wal.record import digest_of
from rootspan_collector.wal.sealed import Dealt, SealedSegments
from rootspan_collector.wal.segment import Segment
from rootspan_collector.wal.waiting import Ticket, WaitingRoom
from rootspan_collector.wal.window import Window
from rootspan_store.ingest import Signal

__all__ = ["SignalLog"]

_LOG = logging.getLogger(__name__)
# An fsync costs 0.1-0.2 ms of CPU for however many requests. A sender alone never waits; several that send
# one request after the other would else be answered in turns, each with an fsync of its own.
_GATHER_S = 0.002


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
        self._progress = progress or Progress()
        self._progress_lock = threading.Lock()
        self._next_seq = next_seq
        if window is None:  # an empty one is false, and as good as any
            window = RecentRequests(window_s=recent_s, most=recent_most, now_s=now_s)
        self._recent_file = RecentFile(folder, signal, most=recent_most) if window.is_on else None
        self._waiting = WaitingRoom(window)
        if self._recent_file is not None:
            window.recover([*self._recent_file.load(), *digests])
        self._commit_lock = threading.Lock()
        self._committer = Committer(self._commit_waiting, f"commit-{signal}")
        self._crowd, self._committed_s = 0, 0.0
        self._active: ActiveSegment | None = None
        self._sealed = SealedSegments(found)
        self._changed = threading.Condition()
        self._is_closed = False
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """Why the last write failed; None while the disk takes writes."""
        return self._error

    @property
    def oldest_pending_unix_ns(self) -> int | None:
        """When the oldest segment that is not in the store yet was begun; None if there is none."""
        with self._changed:
            if self._sealed.oldest is not None:
                return self._sealed.oldest.header.created_unix_ns
        active = self._active
        return active.header.created_unix_ns if active is not None else None

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

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
            with self._commit_lock:
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
            self.ledger.repeat(items)
            told(False)
            return False

        def settled(entered: Ticket, error: LogUnavailable | None) -> None:
            is_written = error is None and entered is ticket
            if not is_written:
                self._budget.release(cost)
                if error is None:
                    self.ledger.repeat(items)
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
            self.ledger.repeat(items)
            told(False)
        return is_waiting

    def _commit_waiting(self) -> None:
        with self._commit_lock:
            self._gather()
            try:
                self._commit()
            except Exception:
                _LOG.exception("%s: a commit failed unexpectedly; its requests are refused", self._folder)

    def _gather(self) -> None:
        """Among senders that were just answered together, wait a moment until they are here again."""
        left_s = self._committed_s + _GATHER_S - self._now_s()
        if self._crowd > 1 and left_s > 0:
            self._waiting.gather(self._crowd, left_s)

    def _commit(self) -> None:
        """Write what waits; every ticket is settled after it, whatever happens."""
        batch = self._waiting.take()
        position = 0
        try:
            while position < len(batch):
                position = self._commit_some(batch, position)
        except BaseException as err:
            self._fail(batch, position, len(batch), f"the commit was interrupted: {err!r}")
            raise
        self._crowd, self._committed_s = len(batch), self._now_s()

    def _commit_some(self, batch: list[Ticket], first: int) -> int:
        """Write tickets from `first` on into one segment; settle them; return the first that is left."""
        if self._is_closed:
            return self._fail(batch, first, len(batch), "the collector is stopping")
        try:
            active = self._active or self._open()
        except OSError as err:
            return self._fail(
                batch, first, len(batch), f"log {self._folder} cannot be written: {err.strerror}"
            )
        size, last = active.size_bytes, first
        while last < len(batch) and (last == first or size < self._segment_bytes):
            size += len(batch[last].payload) + RECORD_HEADER_BYTES
            last += 1
        chosen = batch[first:last]
        try:
            active.append([(ticket.payload, ticket.items, ticket.digest) for ticket in chosen])
        except OSError as err:
            self._seal()
            return self._fail(batch, first, last, f"log {self._folder} cannot be written: {err.strerror}")
        self._error = None
        self.ledger.accept(sum(ticket.items for ticket in chosen))
        self._waiting.settle(chosen)
        if active.size_bytes >= self._segment_bytes:
            self._seal()
        return last

    def _fail(self, batch: list[Ticket], first: int, last: int, reason: str) -> int:
        if not self._is_closed:
            if self._error is None:
                _LOG.error("%s: refusing %s until it can", reason, self.signal)
            self._error = reason
        error = LogUnavailable(f"{reason}; nothing was acknowledged, send it again")
        self._waiting.settle(batch[first:last], error)
        return last

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
        with self._changed:
            self._changed.notify()
        return active

    def _seal(self) -> None:
        active, self._active = self._active, None
        if active is None:
            return
        active.close()
        with self._changed:
            if active.items:
                self._sealed.add(active.sealed(self._now_s()))
            else:
                self._discard(active.path, active.size_bytes)
            self._changed.notify()

    def flush(self) -> None:
        """Bring what is in the open segment to the disk, for a log that does not do so for each request."""
        with self._commit_lock:
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
        with self._commit_lock:
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
            with self._changed:
                now_s, active = self._now_s(), self._active
                due_s = active.opened_s + max_age_s if active is not None else deadline_s
                is_due = active is not None and now_s >= due_s
                found = self._sealed.pick(newest=newest)
                if found is not None and not (newest and is_due):
                    return found
                if not is_due:
                    if now_s >= deadline_s or self._is_closed:
                        return None
                    self._changed.wait(max(0.001, min(due_s, deadline_s) - now_s))
                    continue
            with self._commit_lock:
                self._seal()

    def settle(
        self, segment: Segment, *, stored: int, quarantined: int, digests: bytes = b""
    ) -> list[Segment]:
        """Record durably that a segment is dealt with, then delete it. Raises OSError if it cannot.

        Safe to repeat after such an error: it is counted once. One whose turn has not come is recorded when
        those before it are.

        Args:
            segment: One that `next_segment` returned.
            stored: Items that the store has.
            quarantined: Items that were set aside.
            digests: Of its requests, one after the other.

        Returns:
            Those that are recorded and deleted now.
        """
        with self._changed:
            is_news = self._sealed.put_by(Dealt(segment, stored, quarantined, digests))
        if is_news:
            self.ledger.settle(stored=stored, quarantined=quarantined)
        gone = list[Segment]()
        while True:
            with self._changed:
                dealt = self._sealed.in_turn()
            if dealt is None:
                return gone
            self._record(dealt)
            gone.append(dealt.segment)
            with self._changed:
                self._sealed.drop_oldest()
            self._discard(dealt.segment.path, dealt.segment.size_bytes)

    def _record(self, dealt: Dealt) -> None:
        """Save that a segment, whose turn it is, is dealt with. Raises OSError."""
        if self._recent_file is not None:
            self._recent_file.append(dealt.digests)
        with self._progress_lock:
            before = self._progress
            progress = Progress(
                done_seq=dealt.segment.header.seq,
                accepted=dealt.segment.header.items_before + dealt.segment.items,
                stored=before.stored + dealt.stored,
                quarantined=before.quarantined + dealt.quarantined,
                refused=self.ledger.counts().refused,
                repeated=self.ledger.counts().repeated,
            )
            save_progress(self._folder, self.signal, progress)
            self._progress = progress

    def _discard(self, path: Path, size_bytes: int) -> None:
        try:
            os.unlink(path)
        except OSError as err:  # recovery deletes it: the progress file says that it is done
            _LOG.warning("cannot delete %s: %s", path, err.strerror)
        self._budget.release(size_bytes)

    def save_counters(self) -> None:
        """Record the refusals and repetitions counted since the last settled segment. Raises OSError."""
        counts = self.ledger.counts()
        with self._progress_lock:
            progress = replace(self._progress, refused=counts.refused, repeated=counts.repeated)
            if progress != self._progress:
                save_progress(self._folder, self.signal, progress)
                self._progress = progress

    def close(self) -> None:
        """Take no more appends and seal what is open. Sealed segments can still be taken and settled."""
        with self._commit_lock:
            self._is_closed = True
            self._seal()
        self._committer.stop()
        with self._changed:
            self._changed.notify_all()
