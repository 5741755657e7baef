"""Brings one segment into the store, whatever it takes; says what was stored and what set aside.

Whole first. Only when the store rejects the bytes themselves is the segment halved until the culprit stands
alone. Knows nothing of threads or of the log's order.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from rootspan_collector.backoff import Backoff
from rootspan_collector.errors import CollectorError
from rootspan_collector.halving import Fate, HalvingJournal, Range
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.sink import Sink
from rootspan_collector.verdict import Verdict, judge
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
        records, stored = view.scan.records, 0
        parts = [Range(0, len(records))] if records else []
        while parts:
            part = parts.pop()
            items = sum(record.items for record in records[part.first : part.end])
            fate = journal.fate(part)
            if fate is None:
                rejected = self._insert(segment, view, part)
                if rejected is None:
                    fate = Fate.STORED
                elif part.is_single:
                    self._set_aside(segment, view, part, rejected)
                    fate = Fate.QUARANTINED
                else:
                    fate = Fate.SPLIT
                # A segment that went in whole needs no journal: its token says so.
                if fate is not Fate.STORED or not journal.is_empty:
                    journal.decide(part, fate)
            if fate is Fate.SPLIT:
                parts.extend(reversed(part.halves()))
            elif fate is Fate.STORED:
                stored += items
        return stored

    def _insert(self, segment: Segment, view: SegmentView, part: Range) -> StoreRejected | None:
        """Insert until the store takes it (None) or has rejected its bytes for good."""
        records = view.scan.records[part.first : part.end]
        is_whole = len(records) == len(view.scan.records)
        token = segment.header.token if is_whole else f"{segment.header.token}:{part.first}-{part.end}"
        requests = view.requests(part.first, part.end)
        attempt, unsure, too_big = 0, 0, 0
        while True:
            try:
                self._prepare()
                self._sink.insert(segment.header.signal, token, requests)
            except StoreRejected as err:
                verdict = judge(err.code)
                unsure += verdict is Verdict.UNSURE
                too_big += verdict is Verdict.TOO_BIG
                is_hopeless = too_big >= _TOO_BIG_TRIES and not part.is_single
                if verdict is Verdict.CONTENT or unsure >= _UNSURE_TRIES or is_hopeless:
                    return err
                self._report(attempt, segment, f"store answered with error {err.code}: {err}")
            except StoreError as err:
                self._report(attempt, segment, str(err))
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

    def _set_aside(self, segment: Segment, view: SegmentView, part: Range, rejected: StoreRejected) -> None:
        record = view.scan.records[part.first]
        reason = f"store error {rejected.code}: {rejected}"
        payload = view.bytes_of(record.start, record.end)
        kept = self._quarantine.request(segment.header, part.first, payload, record.items, reason)
        _LOG.error(
            "%s: the store rejects %d items; kept as %s (%s)", segment.path, record.items, kept, rejected
        )
