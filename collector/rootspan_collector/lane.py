"""The way from a receiver to one store: logs, writers, and the account of both, in a folder of their own.

A collector has one; with regions, one more for each region's store. They share the limit of bytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from rootspan_collector.http_sink import HttpSink
from rootspan_collector.ledger import Ledger
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.receiver import Receiver
from rootspan_collector.reporter import Reporter
from rootspan_collector.retaining import Retainer
from rootspan_collector.schema_gate import SchemaGate
from rootspan_collector.settings import CollectorSettings
from rootspan_collector.status import StatusReport
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.disk import LazyDisk, PosixDisk
from rootspan_collector.wal.folder import WalFolder
from rootspan_collector.wal.log import SignalLog
from rootspan_collector.wal.recovery import recover
from rootspan_collector.wal.window import Window
from rootspan_collector.writer import Writer
from rootspan_store.client import StoreUrl
from rootspan_store.ingest import Signal
from rootspan_store.settings import load_retention

__all__ = ["Lane"]

_LOG = logging.getLogger(__name__)
_COUNTERS_TIMEOUT_S = 10.0


class Lane:
    """Recovers its log when made, delivers from `start` to `stop`.

    Raises:
        ConfigurationError: The log folder cannot be used; the message says what to change.
    """

    def __init__(
        self,
        path: Path,
        store: StoreUrl,
        *,
        gate: SchemaGate,
        settings: CollectorSettings,
        budget: ByteBudget,
        windows: Mapping[Signal, Window],
    ) -> None:
        self._windows = windows
        self._settings = settings
        self._budget = budget
        self._folder = WalFolder(path)
        try:
            self._build(store, gate)
        except BaseException:
            self._folder.close()
            raise

    def _build(self, store: StoreUrl, gate: SchemaGate) -> None:
        quarantine = Quarantine(self._folder.quarantine)
        self.logs = {signal: self._open_log(signal, quarantine) for signal in Signal}
        timeout_s = self._settings.collector_store_timeout_s
        self._writers = [
            Writer(
                log,
                HttpSink(store, timeout_s=timeout_s),
                quarantine,
                gate,
                max_age_s=self._settings.wal_segment_age_s,
                newest_first=self._settings.wal_newest_first,
            )
            for log in self.logs.values()
        ]
        self.receivers = {signal: Receiver(signal, log, self._budget) for signal, log in self.logs.items()}
        self.report = StatusReport(
            self._folder.collector_id,
            metadata.version("rootspan"),
            self.logs,
            self.receivers,
            self._budget,
            time.monotonic(),
        )
        counters = HttpSink(store, timeout_s=_COUNTERS_TIMEOUT_S)
        self._reporter = Reporter(self.report, counters, gate, self._look_after)
        self._retainer = Retainer(store, gate, load_retention(), holder=self._folder.collector_id)

    def _open_log(self, signal: Signal, quarantine: Quarantine) -> SignalLog:
        found = recover(self._folder.path, signal, quarantine)
        for segment in found.segments:
            self._budget.adopt(segment.size_bytes)
        if found.counts.pending:
            _LOG.info(
                "%s: %d items in %d segments recovered", signal, found.counts.pending, len(found.segments)
            )
        return SignalLog(
            self._folder.path,
            signal,
            self._folder.collector_id,
            ledger=Ledger(found.counts),
            budget=self._budget,
            found=found.segments,
            digests=found.digests,
            progress=found.progress,
            next_seq=found.next_seq,
            segment_bytes=self._settings.wal_segment_bytes,
            disk=PosixDisk() if self._settings.wal_fsync == "always" else LazyDisk(),
            window=self._windows[signal],
            recent_most=self._settings.collector_repeat_window_requests,
        )

    def _look_after(self) -> None:
        for log in self.logs.values():
            if self._settings.wal_fsync == "interval":
                log.flush()
            log.probe()

    @property
    def is_failing(self) -> bool:
        """Whether the disk refuses one of its logs."""
        return any(log.error for log in self.logs.values())

    def start(self) -> None:
        """Begin to deliver what is in the log, and to tell the counters."""
        for writer in self._writers:
            writer.start()
        self._reporter.start()
        self._retainer.start()

    def stop_reporting(self) -> None:
        """Stop to tell the counters and to keep what matters; safe before `start`."""
        self._retainer.stop()
        self._reporter.stop()

    def close_logs(self) -> None:
        """Take no more requests; what is in the log goes on being delivered."""
        for log in self.logs.values():
            log.close()

    def drain(self, deadline_monotonic_s: float) -> None:
        """Wait for the writers until then, end them, tell the last counters and give the folder up."""
        for writer in self._writers:
            if not writer.join(max(0.0, deadline_monotonic_s - time.monotonic())):
                writer.halt()
        for writer in self._writers:
            writer.join(5.0)
        self._reporter.report_once()
        pending = {str(signal): log.ledger.counts().pending for signal, log in self.logs.items()}
        if any(pending.values()):
            _LOG.warning("stopped with items left in %s, for the next start: %s", self._folder.path, pending)
        self._folder.close()

    def close(self) -> None:
        """Give the folder up, before `start`."""
        self._folder.close()
