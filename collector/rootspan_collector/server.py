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
from typing import Protocol

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
from rootspan_collector.status import status_handler
from rootspan_collector.stop_signal import catching_stop_signals
from rootspan_collector.tls import TlsFiles
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.window import Window
from rootspan_collector.workers.crew import Crew
from rootspan_collector.workers.siblings import Siblings
from rootspan_collector.workers.supervisor import Supervisor
from rootspan_store.client import StoreUrl, connect
from rootspan_store.ingest import Signal
from rootspan_store.rules import RuleSet
from rootspan_store.schema import migrate
from rootspan_store.settings import load_retention

__all__ = ["Collector", "Listening", "check_settings", "serve"]

_LOG = logging.getLogger(__name__)


class Collector:
    """A running collector: recovers its log and listens when made, works from `start` to `stop`.

    Raises:
        ConfigurationError: The log folder or the address cannot be used; the message says what to change.
    """

    def __init__(self, settings: CollectorSettings, crew: Crew | None = None) -> None:
        self._settings = settings
        self._crew = crew or Crew(settings.collector_wal)
        self._windows: dict[tuple[str, Signal], Window] = {}
        self._lanes: list[Lane] = []
        try:
            self._build()
        except BaseException:
            for lane in self._lanes:
                lane.close()
            raise

    def _build(self) -> None:
        settings = self._settings
        crew = self._crew
        self._budget = ByteBudget(settings.wal_max_bytes // crew.total)
        residency = Residency.read(settings.collector_regions) if settings.collector_regions else None
        home, lanes = self._open_folder(crew.number, residency)
        drained = [self._open_folder(number, residency)[0] for number in crew.orphans()]
        receivers = _receivers(home, lanes, residency)
        self._siblings = Siblings(crew, lambda: [one.report.account() for one in (home, *drained)])
        self._tenants = _tenants_of(settings, None if crew.is_alone else crew.shared)
        self._tls = _tls_of(settings)
        self._http = self._build_http(receivers)
        call_roll = self._siblings.call_roll
        self._grpc = GrpcServer(
            settings.grpc_listen,
            (
                *export_handlers(receivers, self._tenants),
                status_handler(call_roll, self._tenants),
            ),
            threads=settings.collector_threads,
            max_message_bytes=settings.collector_max_message_bytes,
            reuse_port=settings.collector_reuse_port,
            credentials=self._tls.grpc_credentials() if self._tls is not None else None,
        )
        self._caretaker = Caretaker(self._look_after)

    def _open_folder(self, number: int, residency: Residency | None) -> tuple[Lane, dict[str, Lane]]:
        """Open the log of a worker, and those of its regions."""
        folder = self._crew.folder_of(number)
        home = self._open_lane("", folder, self._settings.store_url)
        home.report.worker = "" if self._crew.is_alone and not number else str(number)
        stores = residency.stores if residency is not None else {}
        lanes = {name: self._open_lane(name, folder / "regions" / name, url) for name, url in stores.items()}
        home.report.regions = {name: lane.report for name, lane in lanes.items()}
        return home, lanes

    def _open_lane(self, name: str, path: Path, store: StoreUrl) -> Lane:
        settings = self._settings
        migration = _migration(store, settings.rule_set) if settings.collector_migrate_on_start else None
        windows = {signal: self._window(name, signal) for signal in Signal}
        lane = Lane(
            path,
            store,
            gate=SchemaGate(migration),
            settings=settings,
            budget=self._budget,
            windows=windows,
        )
        self._lanes.append(lane)
        return lane

    def _window(self, lane: str, signal: Signal) -> Window:
        """One for all logs to the same store: what lies in the log of a worker that is no more is known."""
        settings, key = self._settings, (lane, signal)
        if key not in self._windows:
            self._windows[key] = self._crew.window(
                lane,
                signal,
                window_s=settings.collector_repeat_window_s,
                most=settings.collector_repeat_window_requests,
            )
        return self._windows[key]

    def _build_http(self, receivers: Mapping[Signal, Receives]) -> HttpServer | None:
        settings = self._settings
        if settings.http_listen is None:
            return None
        self._http_workers = ThreadPoolExecutor(settings.collector_threads, thread_name_prefix="http")
        app = HttpApp(
            receivers,
            self._tenants,
            Pages(lambda: render_metrics(self._siblings.call_roll().accounts), lambda: self._is_healthy),
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
        self._siblings.start()
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
        self._siblings.stop()


def _receivers(
    home: Lane, lanes: Mapping[str, Lane], residency: Residency | None
) -> Mapping[Signal, Receives]:
    if residency is None:
        return home.receivers
    return {
        signal: RegionReceiver(
            signal, residency, receiver, {name: lane.receivers[signal] for name, lane in lanes.items()}
        )
        for signal, receiver in home.receivers.items()
    }


def check_settings(settings: CollectorSettings) -> None:
    """Read the files that settings name, and how long to keep what, as a start would.

    Raises:
        ConfigurationError: One of the files is not right; the message says what to change.
        StoreConfigError: ROOTSPAN_RETENTION_* is not right, likewise.
    """
    _tenants_of(settings, None)
    _tls_of(settings)
    load_retention()
    if settings.collector_regions is not None:
        Residency.read(settings.collector_regions)


def _tenants_of(settings: CollectorSettings, shared: Path | None) -> Tenants:
    if settings.collector_tenants is None:
        return Everyone()
    return TenantsFile(settings.collector_tenants, shared=shared)


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


class Listening(Protocol):
    """What has begun to listen."""

    @property
    def grpc_address(self) -> str:
        """HOST:PORT of OTLP/gRPC."""

    @property
    def http_address(self) -> str | None:
        """HOST:PORT of OTLP/HTTP; None: not at all."""


def serve(settings: CollectorSettings, *, on_ready: Callable[[Listening], None] | None = None) -> None:
    """Run a collector in the main thread until SIGTERM or SIGINT; return after a graceful stop.

    With several workers they are processes of their own, and this one looks after them.

    Raises:
        ConfigurationError: See `Collector`.
    """
    started: Collector | Supervisor
    with catching_stop_signals() as stop_signal:
        if settings.collector_workers == 1:
            keep_heap_small()
            allow_many_open_files()
            started = Collector(settings)
            started.start()
        else:
            started = Supervisor(settings)
        _LOG.info(
            "collector listens on %s (gRPC) and %s (HTTP), log %s, store %s, %d worker(s)",
            started.grpc_address,
            started.http_address or "nothing",
            settings.collector_wal,
            settings.store_url,
            settings.collector_workers,
        )
        if on_ready is not None:
            on_ready(started)
        stop_signal.wait()
        _LOG.info("stopping")
        started.stop()
