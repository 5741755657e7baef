"""Puts a collector together from settings, runs it and takes it apart in order.

Nothing here is decided twice.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

from rootspan_collector.grpc_export import export_handlers
from rootspan_collector.grpc_server import GrpcServer
from rootspan_collector.heap import keep_heap_small
from rootspan_collector.http.app import HttpApp, HttpLimits, Pages
from rootspan_collector.http.server import HttpServer
from rootspan_collector.http_sink import HttpSink
from rootspan_collector.ledger import Ledger
from rootspan_collector.open_files import allow_many_open_files
from rootspan_collector.prometheus import render_metrics
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.receiver import Receiver
from rootspan_collector.reporter import Reporter
from rootspan_collector.schema_gate import SchemaGate
from rootspan_collector.senders.tenants import Everyone, Tenants, TenantsFile
from rootspan_collector.settings import CollectorSettings
from rootspan_collector.status import StatusReport, status_handler
from rootspan_collector.stop_signal import catching_stop_signals
from rootspan_collector.tls import TlsFiles
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.disk import LazyDisk, PosixDisk
from rootspan_collector.wal.folder import WalFolder
from rootspan_collector.wal.log import SignalLog
from rootspan_collector.wal.recovery import recover
from rootspan_collector.writer import Writer
from rootspan_store.client import StoreUrl, connect
from rootspan_store.ingest import Signal
from rootspan_store.schema import migrate

__all__ = ["Collector", "check_settings", "serve"]

_LOG = logging.getLogger(__name__)
_COUNTERS_TIMEOUT_S = 10.0


class Collector:
    """A running collector: recovers its log and listens when made, works from `start` to `stop`.

    Raises:
        ConfigurationError: The log folder or the address cannot be used; the message says what to change.
    """

    def __init__(self, settings: CollectorSettings) -> None:
        self._settings = settings
        self._folder = WalFolder(settings.collector_wal)
        try:
            self._build()
        except BaseException:
            self._folder.close()
            raise

    def _build(self) -> None:
        settings, folder = self._settings, self._folder
        quarantine = Quarantine(folder.quarantine)
        self._budget = ByteBudget(settings.wal_max_bytes)
        self._logs = {signal: self._open_log(signal, quarantine) for signal in Signal}
        gate = SchemaGate(_migration(settings.store_url) if settings.collector_migrate_on_start else None)
        self._writers = [
            Writer(
                log,
                HttpSink(settings.store_url, timeout_s=settings.collector_store_timeout_s),
                quarantine,
                gate,
                max_age_s=settings.wal_segment_age_s,
            )
            for log in self._logs.values()
        ]
        receivers = {signal: Receiver(signal, log, self._budget) for signal, log in self._logs.items()}
        report = StatusReport(
            folder.collector_id,
            metadata.version("rootspan"),
            self._logs,
            receivers,
            self._budget,
            time.monotonic(),
        )
        self._tenants = _tenants_of(settings)
        self._tls = _tls_of(settings)
        self._http = self._build_http(receivers, report)
        self._grpc = GrpcServer(
            settings.grpc_listen,
            (*export_handlers(receivers, self._tenants), status_handler(report, self._tenants)),
            threads=settings.collector_threads,
            max_message_bytes=settings.collector_max_message_bytes,
            reuse_port=settings.collector_reuse_port,
            credentials=self._tls.grpc_credentials() if self._tls is not None else None,
        )
        self._reporter = Reporter(
            report, HttpSink(settings.store_url, timeout_s=_COUNTERS_TIMEOUT_S), gate, self._look_after
        )

    def _build_http(self, receivers: Mapping[Signal, Receiver], report: StatusReport) -> HttpServer | None:
        settings = self._settings
        if settings.http_listen is None:
            return None
        self._http_workers = ThreadPoolExecutor(settings.collector_threads, thread_name_prefix="http")
        app = HttpApp(
            receivers,
            self._tenants,
            Pages(lambda: render_metrics(report), lambda: self._is_healthy),
            self._http_workers,
            HttpLimits(settings.collector_max_message_bytes, settings.collector_body_timeout_s),
        )
        return HttpServer(
            settings.http_listen,
            app,
            tls=self._tls.context if self._tls is not None else None,
            reuse_port=settings.collector_reuse_port,
        )

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
            recent_s=self._settings.collector_repeat_window_s,
            recent_most=self._settings.collector_repeat_window_requests,
        )

    def _look_after(self) -> None:
        self._tenants.refresh()
        if self._tls is not None:
            self._tls.refresh()
        for log in self._logs.values():
            if self._settings.wal_fsync == "interval":
                log.flush()
            log.probe()
        is_failing = any(log.error for log in self._logs.values())
        self._is_healthy = not is_failing and not self._budget.is_above_high_water
        self._grpc.set_serving(self._is_healthy)

    @property
    def grpc_address(self) -> str:
        """HOST:PORT that it listens on."""
        return f"{self._grpc.host}:{self._grpc.port}"

    @property
    def http_address(self) -> str | None:
        """HOST:PORT that it listens on for HTTP; None: not at all."""
        return f"{self._http.host}:{self._http.port}" if self._http is not None else None

    def start(self) -> None:
        """Begin to accept requests and to deliver what is in the log."""
        for writer in self._writers:
            writer.start()
        self._is_healthy = True
        if self._http is not None:
            self._http.start()
        self._grpc.start()
        self._reporter.start()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Stop in order: no new requests, those in flight acknowledged, then what is pending stored.

        What could not be stored stays in the log, and is stored by the next start.
        """
        deadline_s = time.monotonic() + self._settings.collector_stop_grace_s
        self._reporter.stop()
        self._is_healthy = False
        self._grpc.stop(self._settings.collector_stop_grace_s)
        if self._http is not None:
            self._http.stop(max(0.0, deadline_s - time.monotonic()))
            self._http_workers.shutdown(wait=True)
        for log in self._logs.values():
            log.close()
        for writer in self._writers:
            if not writer.join(max(0.0, deadline_s - time.monotonic())):
                writer.halt()
        for writer in self._writers:
            writer.join(5.0)
        self._reporter.report_once()
        pending = {str(signal): log.ledger.counts().pending for signal, log in self._logs.items()}
        if any(pending.values()):
            _LOG.warning("stopped with items left in the log, for the next start: %s", pending)
        self._folder.close()


def check_settings(settings: CollectorSettings) -> None:
    """Read the files that settings name, as a start would.

    Raises:
        ConfigurationError: One of them is not right; the message says what to change.
    """
    _tenants_of(settings)
    _tls_of(settings)


def _tenants_of(settings: CollectorSettings) -> Tenants:
    return Everyone() if settings.collector_tenants is None else TenantsFile(settings.collector_tenants)


def _tls_of(settings: CollectorSettings) -> TlsFiles | None:
    certificate, key = settings.collector_tls_certificate, settings.collector_tls_key
    if certificate is None or key is None:
        return None
    return TlsFiles(certificate, key, settings.collector_tls_client_ca)


def _migration(url: StoreUrl) -> Callable[[], None]:
    def run() -> None:
        client = connect(url)
        try:
            migrate(client)
        finally:
            client.close()

    return run


def serve(settings: CollectorSettings, *, on_ready: Callable[[Collector], None] | None = None) -> None:
    """Run a collector in the main thread until SIGTERM or SIGINT; return after a graceful stop.

    Raises:
        ConfigurationError: See `Collector`.
    """
    keep_heap_small()
    allow_many_open_files()
    collector = Collector(settings)
    with catching_stop_signals() as stop_signal:
        collector.start()
        _LOG.info(
            "collector listens on %s (gRPC) and %s (HTTP), log %s, store %s",
            collector.grpc_address,
            collector.http_address or "nothing",
            settings.collector_wal,
            settings.store_url,
        )
        if on_ready is not None:
            on_ready(collector)
        stop_signal.wait()
        _LOG.info("stopping")
        collector.stop()
