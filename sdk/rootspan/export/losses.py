"""Tells the collector what this process lost, so that whoever looks there knows what is missing.

Owns the shape of the report: OpenTelemetry's SDK self metrics, cumulative counters with `error.type`. Items
lost before they could be sent count as `otel.sdk.processor.{span,log}.processed`, those lost on the way as
`otel.sdk.exporter.{span,log,metric_data_point}.exported`. Source: OpenTelemetry semantic conventions, "SDK
metrics". The program's own meter provider has no part in it: it may be off, or somebody else's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.resources import Resource

from rootspan.export.ledger import Loss, Signal
from rootspan.export.protowire import key_value

INTERVAL_S = 10.0
"""Between two reports at most. The last one is sent at the end whatever the time."""

_ITEMS: Mapping[str, tuple[str, str]] = {
    Signal.SPANS: ("span", "{span}"),
    Signal.LOGS: ("log", "{log_record}"),
    Signal.METRICS: ("metric_data_point", "{data_point}"),
}
# `queue_full`, `already_shutdown` and `rejected` are the conventions' words.
_PROCESSOR_ERRORS: Mapping[str, str] = {
    Loss.QUEUE_FULL: "queue_full",
    Loss.AFTER_SHUTDOWN: "already_shutdown",
}
_EXPORTER_ERRORS: Mapping[str, str] = {
    Loss.UNREACHABLE: "unreachable",
    Loss.REFUSED: "rejected",
    Loss.EXIT_DEADLINE: "exit_deadline",
    Loss.UNREADABLE: "not_encodable",
    Loss.FORKED: "forked",
    Loss.SPOOL_FULL: "spool_full",
}


class LossReports:
    """Decides when there is news and makes the request that carries it. Thread-safe."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._start_ns = time.time_ns()
        self._told: dict[tuple[str, str], int] = {}
        self._due = 0.0

    def news(
        self, dropped: Mapping[tuple[str, str], int], resource: Resource, *, is_last: bool = False
    ) -> bytes | None:
        """A request with all losses so far, or None where nothing new was lost or it is too early to say.

        Args:
            dropped: Items by signal and reason, as the ledger has them.
            resource: Who lost them.
            is_last: Whether to say it whatever the time.
        """
        with self._lock:
            now = time.monotonic()
            if dropped == self._told or (now < self._due and not is_last):
                return None
            self._due = now + INTERVAL_S
        return _request(dropped, resource, self._start_ns)

    def told(self, dropped: Mapping[tuple[str, str], int]) -> None:
        """A collector acknowledged the report of these."""
        with self._lock:
            self._told = dict(dropped)

    def after_fork_in_child(self) -> None:
        """Count anew, with a lock that no vanished thread can hold."""
        self._reset()


def _request(dropped: Mapping[tuple[str, str], int], resource: Resource, start_ns: int) -> bytes:
    now_ns = time.time_ns()
    points: dict[tuple[str, str], list[NumberDataPoint]] = {}
    for (signal, reason), n in dropped.items():
        item, unit = _ITEMS[signal]
        is_processor = reason in _PROCESSOR_ERRORS and signal != Signal.METRICS
        name = f"otel.sdk.{'processor' if is_processor else 'exporter'}.{item}"
        name += ".processed" if is_processor else ".exported"
        error = (_PROCESSOR_ERRORS if reason in _PROCESSOR_ERRORS else _EXPORTER_ERRORS)[reason]
        component = _component(item, is_processor)
        point = NumberDataPoint(
            attributes=[_pair("error.type", error), _pair("otel.component.type", component)],
            start_time_unix_nano=start_ns,
            time_unix_nano=now_ns,
            as_int=n,
        )
        points.setdefault((name, unit), []).append(point)
    metrics = [
        Metric(
            name=name,
            unit=unit,
            sum=Sum(
                data_points=of_name,
                aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
                is_monotonic=True,
            ),
        )
        for (name, unit), of_name in points.items()
    ]
    scope = ScopeMetrics(scope=InstrumentationScope(name="rootspan"), metrics=metrics)
    who = ResourceMessage(
        attributes=[KeyValue.FromString(key_value(key, value)) for key, value in resource.attributes.items()]
    )
    group = ResourceMetrics(resource=who, scope_metrics=[scope])
    return ExportMetricsServiceRequest(resource_metrics=[group]).SerializeToString()


def _component(item: str, is_processor: bool) -> str:
    if not is_processor:
        return f"otlp_grpc_{'metric' if item == 'metric_data_point' else item}_exporter"
    return f"batching_{item}_processor"


def _pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
