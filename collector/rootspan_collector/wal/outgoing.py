"""What becomes of sealed segments: handed out, dealt with, recorded in their order, deleted.

A segment that is dealt with before its turn is recorded when those before it are (see sealed.py).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rootspan_collector.ledger import Ledger
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.progress import Progress, save_progress
from rootspan_collector.wal.recent import RecentFile
from rootspan_collector.wal.sealed import Dealt, SealedSegments
from rootspan_collector.wal.segment import Segment
from rootspan_store.ingest import Signal

__all__ = ["Outgoing"]

_LOG = logging.getLogger(__name__)


class Outgoing:
    """One log's sealed segments, and its progress file. `changed` guards `sealed`, and tells of new ones.

    Args:
        found: Segments that recovery found, oldest first.
        progress: Where the settled ones stand.
        recent_file: Remembers the digests of those that are settled; None: nobody asks.
    """

    def __init__(
        self,
        folder: Path,
        signal: Signal,
        *,
        ledger: Ledger,
        budget: ByteBudget,
        found: Sequence[Segment],
        progress: Progress,
        recent_file: RecentFile | None,
    ) -> None:
        self._folder = folder
        self._signal = signal
        self._ledger = ledger
        self._budget = budget
        self._recent_file = recent_file
        self._progress = progress
        self._progress_lock = threading.Lock()
        self.sealed = SealedSegments(found)
        self.changed = threading.Condition()

    def settle(
        self, segment: Segment, *, stored: int, quarantined: int, digests: bytes = b""
    ) -> list[Segment]:
        """Record durably that a segment is dealt with, then delete it. Raises OSError if it cannot.

        Safe to repeat after such an error: it is counted once. One whose turn has not come is recorded when
        those before it are.

        Args:
            segment: One that was picked.
            stored: Items that the store has.
            quarantined: Items that were set aside.
            digests: Of its requests, one after the other.

        Returns:
            Those that are recorded and deleted now.
        """
        with self.changed:
            is_news = self.sealed.put_by(Dealt(segment, stored, quarantined, digests))
        if is_news:
            self._ledger.settle(stored=stored, quarantined=quarantined)
        gone = list[Segment]()
        while True:
            with self.changed:
                dealt = self.sealed.in_turn()
            if dealt is None:
                return gone
            self._record(dealt)
            gone.append(dealt.segment)
            with self.changed:
                self.sealed.drop_oldest()
            self.discard(dealt.segment.path, dealt.segment.size_bytes)

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
                refused=self._ledger.counts().refused,
                repeated=self._ledger.counts().repeated,
            )
            save_progress(self._folder, self._signal, progress)
            self._progress = progress

    def discard(self, path: Path, size_bytes: int) -> None:
        """Delete a segment's file and give its bytes back."""
        try:
            os.unlink(path)
        except OSError as err:  # recovery deletes it: the progress file says that it is done
            _LOG.warning("cannot delete %s: %s", path, err.strerror)
        self._budget.release(size_bytes)

    def save_counters(self) -> None:
        """Record the refusals and repetitions counted since the last settled segment. Raises OSError."""
        counts = self._ledger.counts()
        with self._progress_lock:
            progress = replace(self._progress, refused=counts.refused, repeated=counts.repeated)
            if progress != self._progress:
                save_progress(self._folder, self._signal, progress)
                self._progress = progress
