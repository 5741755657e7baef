"""A thread that carries one signal's sealed segments to the store until told to stop.

Oldest first, or newest first if told so: after an outage of the store what happens now is seen at once.
"""

from __future__ import annotations

import logging
import threading
import time

from rootspan_collector.backoff import Backoff
from rootspan_collector.delivery import Delivery, Stopped
from rootspan_collector.halving import HalvingJournal
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.schema_gate import SchemaGate
from rootspan_collector.sink import Sink
from rootspan_collector.wal.log import SignalLog
from rootspan_collector.wal.segment import Segment

__all__ = ["Writer", "rest_after_s"]

_LOG = logging.getLogger(__name__)
_IDLE_WAIT_S = 60.0
_DISK_RETRY_S = 1.0
# What was synced this recently is served from the page cache; older bytes may come from the disk and are
# verified.
_VERIFY_AFTER_S = 60.0
# An insert costs the store the analysis of the views whatever its size (0.1 s for traces, 0.7 s for metrics
# on two cores). Resting this many times as long as the last one took keeps a small load's cost a small share.
_REST_PER_INSERT = 4.0
# A larger load pays for its inserts: it rests only as long as what comes meanwhile is visible in this time.
_VISIBLE_WITHIN_S = 2.5


def rest_after_s(insert_s: float) -> float:
    """Return the least age of the next segment after an insert that took this long, in seconds."""
    return min(_REST_PER_INSERT * insert_s, max(0.0, _VISIBLE_WITHIN_S - insert_s))


class Writer:
    """Delivers and settles segments on a thread of its own.

    Order of stopping: `SignalLog.close`, then `join` (what is sealed is still delivered), then `halt` if it
    takes too long.
    """

    def __init__(
        self,
        log: SignalLog,
        sink: Sink,
        quarantine: Quarantine,
        gate: SchemaGate,
        *,
        max_age_s: float,
        newest_first: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        self._log = log
        self._newest_first = newest_first
        self._sink = sink
        self._max_age_s = max_age_s
        self._rest_s = 0.0
        self._halted = threading.Event()
        self._delivery = Delivery(sink, quarantine, wait=self._wait, prepare=gate.ensure, backoff=backoff)
        self._thread = threading.Thread(target=self._run, name=f"writer-{log.signal}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def halt(self) -> None:
        """Give up what is being delivered; it stays in the log. Returns at once."""
        self._halted.set()
        self._sink.abort()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; return whether it did."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _wait(self, delay_s: float) -> None:
        if self._halted.wait(delay_s):
            raise Stopped("the collector is stopping; what is not stored stays in the log")

    def _run(self) -> None:
        while not self._halted.is_set():
            was_closed = self._log.is_closed
            segment = self._log.next_segment(
                max_age_s=max(self._max_age_s, self._rest_s),
                timeout_s=_IDLE_WAIT_S,
                newest_first=self._newest_first,
            )
            if segment is None:
                if was_closed:
                    return
                continue
            try:
                self._carry(segment)
            except Stopped:
                return
            except OSError as err:
                _LOG.error("segment %s cannot be dealt with: %s; trying again", segment.path, err)
                if self._halted.wait(_DISK_RETRY_S):
                    return
            except Exception:
                # A bug must not silently end the delivery of a signal: say it, and try again.
                _LOG.exception("segment %s: unexpected error; trying again", segment.path)
                if self._halted.wait(_DISK_RETRY_S):
                    return

    def _carry(self, segment: Segment) -> None:
        is_old = segment.sealed_s is None or time.monotonic() - segment.sealed_s > _VERIFY_AFTER_S
        began_s = time.monotonic()
        outcome = self._delivery.deliver(segment, verify=is_old)
        self._rest_s = rest_after_s(time.monotonic() - began_s)
        gone = self._log.settle(
            segment, stored=outcome.stored, quarantined=outcome.quarantined, digests=outcome.digests
        )
        for one in gone:
            HalvingJournal.forget(one.path)
