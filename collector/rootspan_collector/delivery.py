"""Brings one segment into the store, whatever it takes; says what was stored and what set aside.

Whole first. Only when the store rejects the bytes themselves are the requests looked at: those that are no
protobuf are left out at once, and if the rest is rejected too it is halved until the culprit stands alone. So
a sender of rubbish costs the others one more insert, not one for each time a range is halved. Knows nothing
of threads or of the log's order.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rootspan_collector.backoff import Backoff
from rootspan_collector.errors import CollectorError
from rootspan_collector.halving import Fate, HalvingJournal, Range
from rootspan_collector.otlp.messages import fault_of
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.sink import Sink
from rootspan_collector.verdict import Verdict, judge
from rootspan_collector.wal.record import Record
from rootspan_collector.wal.segment import Segment, SegmentView
from rootspan_store.errors import StoreError, StoreRejected

__all__ = ["Delivery", "Outcome", "Stopped"]

_LOG = logging.getLogger(__name__)
# With the default backoff this is about 10 s: long enough for a store that is just being migrated or
# restarted.
_UNSURE_TRIES = 7
_TOO_BIG_TRIES = 3


class Stopped(CollectorError):  # noqa: N818 - named for what happened
    """The collector is stopping; the segment stays in the log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a segment's items went; together they are all of its items.

    Attributes:
        digests: Of its requests that are readable, one after the other.
    """

    stored: int
    quarantined: int
    digests: bytes = field(default=b"", compare=False)


class Delivery:
    """Delivers segments one at a time.

    Args:
        wait: Sleeps for seconds; raises Stopped when there is no time left to go on.
        prepare: Called before each insert; raises StoreError while the store's schema is not ready. It must
            not raise StoreRejected with a code that blames the bytes.
    """

    def __init__(
        self,
        sink: Sink,
        quarantine: Quarantine,
        *,
        wait: Callable[[float], None],
        prepare: Callable[[], None],
        backoff: Backoff | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._sink = sink
        self._quarantine = quarantine
        self._wait = wait
        self._prepare = prepare
        self._backoff = backoff or Backoff()
        self._rng = rng or random.Random()

    def deliver(self, segment: Segment, *, verify: bool) -> Outcome:
        """Store what the store takes and set aside the rest; returns only when both are durable.

        Raises:
            Stopped: There was no time; repeating it later stores nothing twice.
            OSError: The log or the quarantine cannot be read or written; likewise.
        """
        with segment.open(verify=verify) as view:
            for damage in view.scan.damages:
                data = view.bytes_of(damage.start, damage.end)
                self._quarantine.damage(
                    segment.header, damage.start, data, "checksum mismatch: the disk damaged it"
                )
            journal = HalvingJournal(segment.path)
            stored = self._deliver_parts(segment, view, journal)
            digests = b"".join([record.digest for record in view.scan.records])
        return Outcome(stored, segment.items - stored, digests)

    def _deliver_parts(self, segment: Segment, view: SegmentView, journal: HalvingJournal) -> int:
        work = _Work(segment, view, journal)
        stored = 0
        parts = [Range(0, len(work.records))] if work.records else []
        while parts:
            part = parts.pop()
            fate = journal.fate(part)
            if fate is None:
                rejected = self._insert(work, part)
                is_suspect = rejected is not None and judge(rejected.code) is not Verdict.TOO_BIG
                if is_suspect and journal.is_empty and self._leave_out(work):
                    parts = [Range(0, len(work.records))] if work.records else []
                    continue
                if rejected is None:
                    fate = Fate.STORED
                elif part.is_single:
                    self._set_aside(work, work.records[part.first], _words_of(rejected))
                    fate = Fate.QUARANTINED
                else:
                    fate = Fate.SPLIT
                # A segment that went in whole needs no journal: its token says so.
                if fate is not Fate.STORED or not journal.is_empty:
                    journal.decide(part, fate)
            if fate is Fate.SPLIT:
                parts.extend(reversed(part.halves()))
            elif fate is Fate.STORED:
                stored += sum(record.items for record in work.records[part.first : part.end])
        return stored

    def _leave_out(self, work: _Work) -> bool:
        """Set aside every request that is no protobuf; return whether there was one."""
        signal = work.segment.header.signal
        found = {
            index: reason
            for index, record in enumerate(work.records)
            if (reason := fault_of(signal, work.view.bytes_of(record.start, record.end))) is not None
        }
        # Set aside before it is decided: a crash in between sets the same aside again, under the same name.
        for index, reason in found.items():
            self._set_aside(work, work.records[index], reason)
        if found:
            work.leave_out(found)
        return bool(found)

    def _insert(self, work: _Work, part: Range) -> StoreRejected | None:
        """Insert until the store takes it (None) or has rejected its bytes for good."""
        token = work.token(part)
        frames = work.view.frames(work.records[part.first : part.end])
        attempt, unsure, too_big = 0, 0, 0
        while True:
            try:
                self._prepare()
                self._sink.insert(work.segment.header.signal, token, frames)
            except StoreRejected as err:
                verdict = judge(err.code)
                unsure += verdict is Verdict.UNSURE
                too_big += verdict is Verdict.TOO_BIG
                is_hopeless = too_big >= _TOO_BIG_TRIES and not part.is_single
                if verdict is Verdict.CONTENT or unsure >= _UNSURE_TRIES or is_hopeless:
                    return err
                self._report(attempt, work.segment, f"store answered with error {err.code}: {err}")
            except StoreError as err:
                self._report(attempt, work.segment, str(err))
            else:
                if attempt:
                    _LOG.info("%s: stored after %d tries", token, attempt + 1)
                return None
            self._wait(self._backoff.delay_s(attempt, self._rng))
            attempt += 1

    def _report(self, attempt: int, segment: Segment, text: str) -> None:
        # The first time and then about once a minute: a store that is down for an hour must not fill the
        # disk with it.
        if attempt % 12 == 0:
            _LOG.warning("segment %s waits (try %d): %s", segment.header.token, attempt + 1, text)

    def _set_aside(self, work: _Work, record: Record, reason: str) -> None:
        header = work.segment.header
        payload = work.view.bytes_of(record.start, record.end)
        index = work.index_of(record)
        kept = self._quarantine.request(header, index, payload, record.items, reason)
        _LOG.error("%s: %d items set aside as %s (%s)", work.segment.path, record.items, kept, reason)


class _Work:
    """One segment's requests: all of them, or those that were not left out."""

    def __init__(self, segment: Segment, view: SegmentView, journal: HalvingJournal) -> None:
        self.segment = segment
        self.view = view
        self._journal = journal
        self.records = self._remaining()

    def _remaining(self) -> list[Record]:
        left_out = self._journal.left_out
        return [record for index, record in enumerate(self.view.scan.records) if index not in left_out]

    def leave_out(self, indexes: Iterable[int]) -> None:
        """Remember it for good, and go on with the rest."""
        self._journal.leave_out(indexes)
        self.records = self._remaining()

    def token(self, part: Range) -> str:
        """Name what is inserted: equal names, equal bytes."""
        token = self.segment.header.token
        clean = ":clean" if self._journal.left_out else ""
        if part.end - part.first == len(self.records):
            return token + clean
        return f"{token}{clean}:{part.first}-{part.end}"

    def index_of(self, record: Record) -> int:
        """Its place in the segment, by which it is kept in quarantine."""
        return self.view.scan.records.index(record)


def _words_of(rejected: StoreRejected) -> str:
    return f"store error {rejected.code}: {rejected}"
