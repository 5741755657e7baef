"""A thread that looks after the collector once a second, and tells the store its counters every few seconds.

Best effort: the counters in the store may lag behind; the log's own progress files never do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rootspan_collector.http_sink import HttpSink
from rootspan_collector.schema_gate import SchemaGate
from rootspan_collector.status import StatusReport
from rootspan_store.errors import StoreError

__all__ = ["Reporter"]

_LOG = logging.getLogger(__name__)
_TICK_S = 1.0
_TICKS_PER_REPORT = 5


class Reporter:
    """Calls `check` every second; inserts the counters every five."""

    def __init__(
        self, report: StatusReport, sink: HttpSink, gate: SchemaGate, check: Callable[[], None]
    ) -> None:
        self._report = report
        self._sink = sink
        self._gate = gate
        self._check = check
        self._stopping = threading.Event()
        self._last_rows = b""
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it has ended. Safe to call before `start`."""
        self._stopping.set()
        self._sink.interrupt()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        ticks = 0
        while not self._stopping.wait(_TICK_S):
            ticks += 1
            self._check()
            if ticks % _TICKS_PER_REPORT == 0:
                self.report_once()

    def report_once(self) -> None:
        """Save what was refused and repeated beside the log and insert the counters.

        Failures are told to the log file only.
        """
        for log in self._report.logs.values():
            try:
                log.save_counters()
            except OSError as err:
                _LOG.debug("counters of %s not saved: %s", log.signal, err)
        if not self._gate.is_open:
            return
        try:
            self._sink.insert_counters(self._report.counter_rows())
        except StoreError as err:
            _LOG.debug("counters not told to the store: %s", err)
