"""The names of OTLP's three gRPC services."""

from __future__ import annotations

from dataclasses import dataclass

from rootspan_store.ingest import Signal

__all__ = ["SERVICES", "OtlpService"]


@dataclass(frozen=True, slots=True)
class OtlpService:
    """One service with one unary method, `Export`; `module` holds its descriptors for reflection."""

    signal: Signal
    name: str
    module: str


def _service(signal: Signal, folder: str, name: str) -> OtlpService:
    package = f"opentelemetry.proto.collector.{folder}.v1"
    return OtlpService(signal, f"{package}.{name}", f"{package}.{folder}_service_pb2")


SERVICES = (
    _service(Signal.TRACES, "trace", "TraceService"),
    _service(Signal.LOGS, "logs", "LogsService"),
    _service(Signal.METRICS, "metrics", "MetricsService"),
)
