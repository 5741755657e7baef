"""Puts configuration, OpenTelemetry's providers, queues and transport together.

The composition root of the SDK: everything is made here and handed to what needs it. Owns the order in which
things close. Holds no global state; `lifecycle` does.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling

from rootspan.config.settings import Config
from rootspan.config.targets import Target
from rootspan.export.drain import Drain
from rootspan.export.ledger import Delivery, Ledger, Signal
from rootspan.export.losses import LossReports
from rootspan.export.processors import (
    PeriodicReader,
    QueueingLogProcessor,
    QueueingSpanProcessor,
    log_shipper,
    span_shipper,
)
from rootspan.export.queue import BatchQueue
from rootspan.export.transport import Failure, OtlpTransport
from rootspan.logs import LogBridge
from rootspan.resource.process import build_resource, child_identity
from rootspan.tracing.ids import KernelIdGenerator
from rootspan.tracing.tracer import RootspanTracerProvider

if TYPE_CHECKING:
    from rootspan.export.spool import Spool

_logger = logging.getLogger("rootspan")
ItemT = TypeVar("ItemT")
Provider = TracerProvider | LoggerProvider | MeterProvider


class Pipeline:
    """One program's telemetry, from OpenTelemetry's providers to the collector. Works once made."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._resource = build_resource(config)
        self._ledger = Ledger()
        self._losses = LossReports()
        self._spool = _open_spool(config)
        self._transports: dict[Target, OtlpTransport] = {}
        self._drain: Drain | None = None
        for signal in Signal:
            self._to(signal)
        self._queues: list[BatchQueue[ReadableSpan] | BatchQueue[ReadableLogRecord]] = []
        self._providers: list[Provider] = []
        self._reader: PeriodicReader | None = None
        self._bridge: LogBridge | None = None
        if config.metrics:
            self._start_metrics()
        if config.traces:
            self._start_traces()
        if config.logs:
            self._start_logs()
        if self._spool is not None:
            self._drain = Drain(self._spool, self._ledger, self._send_once)
            self._drain.start()

    @property
    def resource(self) -> Resource:
        """Who this process is."""
        return self._resource

    def delivery(self) -> Delivery:
        """What became of the telemetry so far."""
        return self._ledger.read()

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was made so far was delivered; False when it was not, or not in time."""
        deadline = time.monotonic() + timeout_s
        complete = True
        for queue in self._queues:
            complete &= queue.flush(max(0.0, deadline - time.monotonic()))
        if self._reader is not None:
            complete &= self._collect_within(self._reader, max(0.0, deadline - time.monotonic()))
        return complete

    def close(self, timeout_s: float) -> Delivery:
        """Deliver what can be delivered within `timeout_s`, count the rest as dropped, stop everything."""
        deadline = time.monotonic() + timeout_s
        if self._bridge is not None:
            self._bridge.remove()
        # A call that is given up takes a moment to come back and be counted for what it is.
        moment_s = min(0.25, timeout_s / 4)
        if self._spool is not None:  # and what waits takes a while to be put on disk
            moment_s = min(1.0, timeout_s / 2)
        for transport in self._transports.values():
            transport.begin_exit(deadline - moment_s)
        pending = [queue.close() for queue in self._queues]
        if self._reader is not None:
            pending.append(self._reader.close())
        if self._drain is not None:
            pending.append(self._drain.close())
        _wait_all(pending, deadline - moment_s)
        if not all(done.is_set() for done in pending):
            for transport in self._transports.values():
                transport.abort()
            _wait_all(pending, deadline)
        for queue in self._queues:
            queue.abandon()
        self._tell_losses(is_last=True)
        delivery = self._ledger.close()
        for transport in self._transports.values():
            transport.close()
        return delivery

    def before_fork(self) -> None:
        """Have no request half started while the process is copied."""
        for transport in self._transports.values():
            transport.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        for transport in self._transports.values():
            transport.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Become a program of its own: own pid and instance id, empty queues, own channel."""
        self._ledger.after_fork_in_child()
        self._losses.after_fork_in_child()
        for transport in self._transports.values():
            transport.after_fork_in_child()
        for queue in self._queues:
            queue.after_fork_in_child()
        if self._reader is not None:
            self._reader.after_fork_in_child()
        if self._drain is not None:
            self._drain.after_fork_in_child()
        self._resource = child_identity(self._resource, self.config)
        for provider in self._providers:
            # Private, but the only way to change the resource of tracers that exist already; OpenTelemetry's
            # own fork hook uses it. Without it the child would export under its parent's identity.
            update = getattr(provider, "_update_resource", None)
            if update is not None:
                update(self._resource)

    def _start_traces(self) -> None:
        ship = self._telling(span_shipper(self._to(Signal.SPANS)))
        queue = BatchQueue(Signal.SPANS, self.config.spans, self._ledger, ship)
        self._queues.append(queue)
        existing = trace.get_tracer_provider()
        if isinstance(existing, TracerProvider):
            # Somebody set OpenTelemetry up before us: their provider stays, we listen.
            existing.add_span_processor(QueueingSpanProcessor(queue))
            return
        provider = self._make_provider(queue)
        trace.set_tracer_provider(provider)
        self._providers.append(provider)

    def _make_provider(self, queue: BatchQueue[ReadableSpan]) -> TracerProvider:
        ratio = self.config.sample_ratio
        # None reads OTEL_TRACES_SAMPLER.
        sampler = None if ratio is None else sampling.ParentBased(sampling.TraceIdRatioBased(ratio))
        ids = KernelIdGenerator()
        try:
            fast = RootspanTracerProvider(queue, sampler=sampler, resource=self._resource, id_generator=ids)
            fast.get_tracer("rootspan").start_span("made to see whether it can be")
            return fast
        except Exception as err:
            # The fast path stands on inner parts of OpenTelemetry's SDK, and a later one may have others.
            _logger.warning(
                "rootspan's span path does not fit this opentelemetry-sdk (%s: %s): its own makes the spans, "
                "at its own cost; update rootspan",
                type(err).__name__,
                err,
            )
        provider = TracerProvider(sampler, self._resource, shutdown_on_exit=False, id_generator=ids)
        provider.add_span_processor(QueueingSpanProcessor(queue))
        return provider

    def _start_logs(self) -> None:
        ship = self._telling(log_shipper(self._to(Signal.LOGS)))
        queue = BatchQueue(Signal.LOGS, self.config.log_records, self._ledger, ship)
        self._queues.append(queue)
        provider = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        provider.add_log_record_processor(QueueingLogProcessor(queue))
        self._providers.append(provider)
        if not isinstance(_logs.get_logger_provider(), LoggerProvider):
            _logs.set_logger_provider(provider)
        self._bridge = LogBridge(provider)
        self._bridge.install()

    def _start_metrics(self) -> None:
        if isinstance(metrics.get_meter_provider(), MeterProvider):
            return
        reader = PeriodicReader(self.config.metric_interval_s, self._to(Signal.METRICS), self._ledger)
        # OpenTelemetry's exemplars draw from the global `random`; they are on only where asked for by name.
        wanted = os.environ.get("OTEL_METRICS_EXEMPLAR_FILTER")
        provider = MeterProvider(
            metric_readers=[reader],
            resource=self._resource,
            exemplar_filter=None if wanted else AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
        )
        metrics.set_meter_provider(provider)
        self._providers.append(provider)
        self._reader = reader
        reader.start()

    def _to(self, signal: Signal) -> OtlpTransport:
        """The way to a signal's collector; signals that go to the same place share it."""
        targets = {Signal.LOGS: self.config.logs_target, Signal.METRICS: self.config.metrics_target}
        target = targets.get(signal, self.config.target)
        if target not in self._transports:
            keep = None if self._spool is None else self._keep
            self._transports[target] = OtlpTransport(target, self._ledger, keep)
        return self._transports[target]

    def _keep(self, signal: Signal, body: bytes, n_items: int) -> bool:
        is_kept = self._spool is not None and self._spool.keep(signal, body, n_items)
        if is_kept and self._drain is not None:
            self._drain.wake()
        return is_kept

    def _send_once(self, signal: Signal, body: bytes) -> Failure | None:
        return self._to(signal).attempt(signal, body)

    def _telling(self, ship: Callable[[list[ItemT]], None]) -> Callable[[list[ItemT]], None]:
        """Ship a batch, then say what was lost meanwhile, on the same thread."""

        def shipping(batch: list[ItemT]) -> None:
            ship(batch)
            self._tell_losses()

        return shipping

    def _tell_losses(self, *, is_last: bool = False) -> None:
        dropped = self._ledger.read().dropped
        transport = self._to(Signal.METRICS)
        # A collector that cannot be reached cannot be told either; the next success says it all.
        if dropped and any(other.is_reached for other in self._transports.values()):
            news = self._losses.news(dropped, self._resource, is_last=is_last)
            if news is not None and transport.deliver(Signal.METRICS, news, 0):
                self._losses.told(dropped)

    def _collect_within(self, reader: PeriodicReader, timeout_s: float) -> bool:
        lost_before = self._ledger.n_dropped(Signal.METRICS)
        collector = threading.Thread(target=reader.collect, name="rootspan-flush", daemon=True)
        collector.start()
        collector.join(timeout_s)
        return not collector.is_alive() and self._ledger.n_dropped(Signal.METRICS) == lost_before


def _open_spool(config: Config) -> Spool | None:
    if config.spool is None:
        return None
    try:
        from rootspan.export.spool import Spool

        return Spool(config.spool, config.spool_max_bytes)
    except (OSError, ImportError) as err:  # no such folder, or a system without flock
        _logger.warning(
            "rootspan keeps nothing on disk: spool %r: %s: %s; give a folder this user may write to",
            config.spool,
            type(err).__name__,
            err,
        )
        return None


def _wait_all(events: list[threading.Event], deadline: float) -> None:
    for event in events:
        event.wait(max(0.0, deadline - time.monotonic()))
