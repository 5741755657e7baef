"""A real OTLP/gRPC receiver on loopback that keeps what it is sent, for tests across processes.

Owns a gRPC server on a free port. Can refuse requests on demand, to see what a sender does then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SERVICES: dict[str, tuple[Any, Any]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    ),
    "opentelemetry.proto.collector.logs.v1.LogsService": (
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
    ),
    "opentelemetry.proto.collector.metrics.v1.MetricsService": (
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
    ),
}


class Receiver:
    """Serves while it is entered. Thread-safe.

    Attributes:
        endpoint: `host:port` to send to.
        refuse_with: Status that requests are refused with, or None to accept them.
        headers: Metadata of the last request.
    """

    def __init__(self) -> None:
        self.refuse_with: grpc.StatusCode | None = None
        self.headers: dict[str, str | bytes] = {}
        self._lock = threading.Lock()
        self._requests: list[Any] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        for service, (request_type, response_type) in _SERVICES.items():
            handler = grpc.unary_unary_rpc_method_handler(
                self._keep(response_type), request_type.FromString, response_type.SerializeToString
            )
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        """Serve."""
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Stop at once."""
        self._server.stop(None).wait(5)

    def spans(self) -> list[tuple[Resource, Span]]:
        """All spans so far, each with its resource, in order of arrival."""
        return [
            (group.resource, span)
            for request in self._of(ExportTraceServiceRequest)
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[tuple[Resource, LogRecord]]:
        """All log records so far, each with its resource, in order of arrival."""
        return [
            (group.resource, record)
            for request in self._of(ExportLogsServiceRequest)
            for group in request.resource_logs
            for scope in group.scope_logs
            for record in scope.log_records
        ]

    def metrics(self) -> list[tuple[Resource, Metric]]:
        """All metrics so far, each with its resource, in order of arrival."""
        return [
            (group.resource, metric)
            for request in self._of(ExportMetricsServiceRequest)
            for group in request.resource_metrics
            for scope in group.scope_metrics
            for metric in scope.metrics
        ]

    def wait_for(self, condition: Callable[[Receiver], object], timeout_s: float = 10.0) -> None:
        """Wait until a condition on this receiver holds.

        Raises:
            TimeoutError: It did not within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"not within {timeout_s:g} s; got {len(self.spans())} spans, {len(self.logs())} logs"
                )
            time.sleep(0.01)

    def _of(self, kind: type[Any]) -> Iterator[Any]:
        with self._lock:
            return iter([request for request in self._requests if isinstance(request, kind)])

    def _keep(self, response_type: type[Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def export(request: Any, context: grpc.ServicerContext) -> Any:
            if self.refuse_with is not None:
                context.abort(self.refuse_with, "refused on demand")
            with self._lock:
                self.headers = {str(key): value for key, value in context.invocation_metadata()}
                self._requests.append(request)
            return response_type()

        return export


def attributes_of(item: Resource | Span | LogRecord) -> dict[str, object]:
    """The attributes of a resource, span or log record as Python values; arrays as tuples."""
    return {pair.key: _value(pair) for pair in item.attributes}


def _value(pair: KeyValue) -> object:
    which = pair.value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return tuple(
            getattr(item, item.WhichOneof("value") or "string_value")
            for item in pair.value.array_value.values
        )
    return getattr(pair.value, which)
