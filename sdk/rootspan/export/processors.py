"""Fits OpenTelemetry's span, log record and metric interfaces to our queues and transport.

Owns nothing but the fit: OpenTelemetry hands over, our encoder (spans) and its official ones (log records,
metrics) make the bytes, `BatchQueue` and `OtlpTransport` do the rest.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from opentelemetry import context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from rootspan.export.encode import SpanEncoder
from rootspan.export.ledger import Ledger, Loss, Signal
from rootspan.export.queue import BatchQueue
from rootspan.export.transport import OtlpTransport

ItemT = TypeVar("ItemT")
MAX_REQUEST_BYTES = 3 << 20
"""gRPC servers refuse messages beyond 4 MiB unless they are told otherwise; prompts get there."""


class QueueingSpanProcessor(SpanProcessor):
    """Queues sampled spans as they end, at a provider that is not ours."""

    def __init__(self, queue: BatchQueue[ReadableSpan]) -> None:
        self._queue = queue

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span; never blocks, never raises."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._queue.offer(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the spans so far were shipped."""
        return self._queue.flush(timeout_millis / 1e3)


class QueueingLogProcessor(LogRecordProcessor):
    """Queues log records as they are emitted."""

    def __init__(self, queue: BatchQueue[ReadableLogRecord]) -> None:
        self._queue = queue

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue the record; never blocks, never raises."""
        # The record's context may hold a whole request; its ids were taken from it already.
        record = copy.copy(log_record.log_record)
        record.context = context.Context()
        self._queue.offer(
            ReadableLogRecord(
                log_record=record,
                resource=log_record.resource or Resource.get_empty(),
                instrumentation_scope=log_record.instrumentation_scope,
                limits=log_record.limits,
            )
        )

    def shutdown(self) -> None:
        """Nothing: the pipeline that owns the queue closes it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the records so far were shipped."""
        return self._queue.flush(timeout_millis / 1e3)


class PeriodicReader(MetricReader):
    """Collects metrics on a daemon thread at a fixed interval and once more at the end."""

    def __init__(self, interval_s: float, transport: OtlpTransport, ledger: Ledger) -> None:
        super().__init__()
        self._interval_s, self._transport, self._ledger = interval_s, transport, ledger
        self._reset()

    def _reset(self) -> None:
        self._collecting = threading.Lock()
        self._stop = threading.Event()
        self._done = threading.Event()

    def start(self) -> None:
        """Begin to tick; a meter provider must know this reader by then."""
        threading.Thread(target=self._run, name="rootspan-metrics", daemon=True).start()

    def close(self) -> threading.Event:
        """Collect for the last time. Returns the event that says it is done."""
        self._stop.set()
        return self._done

    def after_fork_in_child(self) -> None:
        """Tick in the child, too."""
        self._reset()
        self.start()

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Collect for the last time and wait for it."""
        self.close().wait(timeout_millis / 1e3)

    def _run(self) -> None:
        stop, done = self._stop, self._done
        context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
        due = time.monotonic() + self._interval_s
        while not stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval_s, time.monotonic())
            self._collect_safely()
        self._collect_safely()
        done.set()

    def _collect_safely(self) -> None:
        try:
            self.collect()
        except Exception as err:  # an observable's callback is the program's code
            self._ledger.failed(f"{type(err).__name__}: {err}")
            self._ledger.dropped(Signal.METRICS, Loss.UNREADABLE)

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> None:
        n_points = sum(
            len(metric.data.data_points)
            for resource in metrics_data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        if n_points:
            with self._collecting:
                self._transport.deliver(
                    Signal.METRICS, encode_metrics(metrics_data).SerializeToString(), n_points
                )


def span_shipper(transport: OtlpTransport) -> Callable[[list[ReadableSpan]], None]:
    """What a queue of spans ships with."""
    encoder = SpanEncoder()

    def ship(batch: list[ReadableSpan]) -> None:
        for body, n_items in requests_of(batch, encoder.encode):
            transport.deliver(Signal.SPANS, body, n_items)

    return ship


def log_shipper(transport: OtlpTransport) -> Callable[[list[ReadableLogRecord]], None]:
    """What a queue of log records ships with."""

    def encode(batch: list[ReadableLogRecord]) -> bytes:
        return encode_logs(batch).SerializeToString()

    def ship(batch: list[ReadableLogRecord]) -> None:
        for body, n_items in requests_of(batch, encode):
            transport.deliver(Signal.LOGS, body, n_items)

    return ship


def requests_of(batch: list[ItemT], encode: Callable[[list[ItemT]], bytes]) -> list[tuple[bytes, int]]:
    """A batch as requests that a receiver takes, each with its number of items, in order.

    One item beyond the limit travels alone. All is encoded before anything is sent: when an item cannot be,
    none of the batch was delivered yet.
    """
    body = encode(batch)
    if len(body) <= MAX_REQUEST_BYTES or len(batch) == 1:
        return [(body, len(batch))]
    middle = len(batch) // 2
    return requests_of(batch[:middle], encode) + requests_of(batch[middle:], encode)
