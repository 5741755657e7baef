"""Puts a collector together from settings, runs it and takes it apart in order.

Nothing here is decided twice.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rootspan_collector.caretaker import Caretaker
from rootspan_collector.grpc_export import export_handlers
from rootspan_collector.grpc_server import GrpcServer
from rootspan_collector.heap import keep_heap_small
from rootspan_collector.http.app import HttpApp, HttpLimits, Pages
from rootspan_collector.http.server import HttpServer
from rootspan_collector.lane import Lane
from rootspan_collector.open_files import allow_many_open_files
from rootspan_collector.prometheus import render_metrics
from rootspan_collector.receiver import Receives
from rootspan_collector.regions.receiver import RegionReceiver
from rootspan_collector.regions.residency import Residency
from rootspan_collector.schema_gate import SchemaGate
from rootspan_collector.senders.tenants import Everyone, Tenants, TenantsFile
from rootspan_collector.settings import CollectorSettings
from rootspan_collector.status import StatusReport, status_handler
from rootspan_collector.stop_signal import catching_stop_signals
from rootspan_collector.tls import TlsFiles
from rootspan_collector.wal.budget import ByteBudget
from rootspan_store.client import StoreUrl, connect
from rootspan_store.ingest import Signal
from rootspan_store.rules import RuleSet
from rootspan_store.schema import migrate
from rootspan_store.settings import load_retention

__all__ = ["Collector", "check_settings", "serve"]

_LOG = logging.getLogger(__name__)


class Collector:
    """A running collector: recovers its log and listens when made, works from `start` to `stop`.

    Raises:
        ConfigurationError: The log folder or the address cannot be used; the message says what to change.
    """

    def __init__(self, settings: CollectorSettings) -> None:
        self._settings = settings
        self._lanes: list[Lane] = []
        try:
            self._build()
        except BaseException:
            for lane in self._lanes:
                lane.close()
            raise

    def _build(self) -> None:
        settings = self._settings
        self._budget = ByteBudget(settings.wal_max_bytes)
        home = self._open_lane(settings.collector_wal, settings.store_url)
        receivers = self._receivers(home)
        self._tenants = _tenants_of(settings)
        self._tls = _tls_of(settings)
        self._http = self._build_http(receivers, home.report)
        self._grpc = GrpcServer(
            settings.grpc_listen,
            (*export_handlers(receivers, self._tenants), status_handler(home.report, self._tenants)),
            threads=settings.collector_threads,
            max_message_bytes=settings.collector_max_message_bytes,
            reuse_port=settings.collector_reuse_port,
            credentials=self._tls.grpc_credentials() if self._tls is not None else None,
        )
        self._caretaker = Caretaker(self._look_after)

    def _open_lane(self, path: Path, store: StoreUrl) -> Lane:
        settings = self._settings
        migration = _migration(store, settings.rule_set) if settings.collector_migrate_on_start else None
        gate = SchemaGate(migration)
        self._lanes.append(Lane(path, store, gate, settings, self._budget))
        return self._lanes[-1]

    def _receivers(self, home: Lane) -> Mapping[Signal, Receives]:
        if self._settings.collector_regions is None:
            return home.receivers
        residency = Residency.read(self._settings.collector_regions)
        folder = self._settings.collector_wal / "regions"
        lanes = {name: self._open_lane(folder / name, url) for name, url in residency.stores.items()}
        home.report.regions = {name: lane.report for name, lane in lanes.items()}
        return {
            signal: RegionReceiver(
                signal, residency, receiver, {name: lane.receivers[signal] for name, lane in lanes.items()}
            )
            for signal, receiver in home.receivers.items()
        }

    def _build_http(self, receivers: Mapping[Signal, Receives], report: StatusReport) -> HttpServer | None:
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

    def _look_after(self) -> None:
        self._tenants.refresh()
        if self._tls is not None:
            self._tls.refresh()
        is_failing = any(lane.is_failing for lane in self._lanes)
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
        for lane in self._lanes:
            lane.start()
        self._is_healthy = True
        if self._http is not None:
            self._http.start()
        self._grpc.start()
        self._caretaker.start()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Stop in order: no new requests, those in flight acknowledged, then what is pending stored.

        What could not be stored stays in the log, and is stored by the next start.
        """
        deadline_s = time.monotonic() + self._settings.collector_stop_grace_s
        self._caretaker.stop()
        for lane in self._lanes:
            lane.stop_reporting()
        self._is_healthy = False
        self._grpc.stop(self._settings.collector_stop_grace_s)
        if self._http is not None:
            self._http.stop(max(0.0, deadline_s - time.monotonic()))
            self._http_workers.shutdown(wait=True)
        for lane in self._lanes:
            lane.close_logs()
        for lane in self._lanes:
            lane.drain(deadline_s)


def check_settings(settings: CollectorSettings) -> None:
    """Read the files that settings name, and how long to keep what, as a start would.

    Raises:
        ConfigurationError: One of the files is not right; the message says what to change.
        StoreConfigError: ROOTSPAN_RETENTION_* is not right, likewise.
    """
    _tenants_of(settings)
    _tls_of(settings)
    load_retention()
    if settings.collector_regions is not None:
        Residency.read(settings.collector_regions)


def _tenants_of(settings: CollectorSettings) -> Tenants:
    return Everyone() if settings.collector_tenants is None else TenantsFile(settings.collector_tenants)


def _tls_of(settings: CollectorSettings) -> TlsFiles | None:
    certificate, key = settings.collector_tls_certificate, settings.collector_tls_key
    if certificate is None or key is None:
        return None
    return TlsFiles(certificate, key, settings.collector_tls_client_ca)


def _migration(url: StoreUrl, rules: RuleSet | None) -> Callable[[], None]:
    def run() -> None:
        client = connect(url)
        try:
            migrate(client, rules=rules)
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
