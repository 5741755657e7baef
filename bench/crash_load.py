"""Senders for `bench.crash`: traces, logs and metrics over OTLP/gRPC, each request until it is acknowledged.

A request that failed is sent again as it was, byte for byte, as a client does that missed the answer; some
that were acknowledged are sent again too, and some are poison that only the store can tell.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from bench.otlp_load import TraceLoad

__all__ = ["Acknowledged", "CrashFleet"]

_METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200))
_ITEMS = 16
# Well framed down to the span, garbage inside of it: one item.
_POISON = b"\x0a\x10\x12\x0e\x12\x0c\xff\xff\xff\xff"
_DUPLICATE_RATIO = 0.05
_POISON_RATIO = 0.005
_TIMEOUT_S = 2.0
_SIGNALS = ("traces", "traces", "traces", "logs", "metrics")
_REST_S = 0.05


@dataclass
class Acknowledged:
    """What one or all senders were told is safe, in items."""

    good: Counter[str] = field(default_factory=Counter)
    poison: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    repeated: int = 0


class _Sender(threading.Thread):
    def __init__(self, number: int, signal: str, address: str, stopping: threading.Event) -> None:
        super().__init__(name=f"{signal}-{number}", daemon=True)
        self.told = Acknowledged()
        self._number = number
        self._signal = signal
        self._address = address
        self._stopping = stopping
        self._rng = random.Random(number)
        self._traces = TraceLoad(number, _ITEMS)
        self._sent = 0

    def run(self) -> None:
        """Send until told to stop; the last request is finished too."""
        with grpc.insecure_channel(self._address, options=_OPTIONS) as channel:
            export = channel.unary_unary(_METHODS[self._signal])
            before = b""
            while not self._stopping.is_set():
                is_poison = self._signal == "traces" and self._rng.random() < _POISON_RATIO
                body = _POISON + self._rng.randbytes(8) if is_poison else self._next()
                self._deliver(export, body)
                counted = self.told.poison if is_poison else self.told.good
                counted[self._signal] += 1 if is_poison else _ITEMS
                self.told.requests += 1
                if before and self._rng.random() < _DUPLICATE_RATIO:
                    self._deliver(export, before)  # late, and out of order
                    self.told.repeated += 1
                before = b"" if is_poison else body

    def _deliver(self, export: grpc.UnaryUnaryMultiCallable[bytes, bytes], body: bytes) -> None:
        while True:
            try:
                export(body, timeout=_TIMEOUT_S)
                return
            except grpc.RpcError as err:
                if isinstance(err, grpc.Call) and err.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    raise
                self.told.repeated += 1
                time.sleep(_REST_S)

    def _next(self) -> bytes:
        if self._signal == "traces":
            return self._traces.next()
        self._sent += 1
        now = time.time_ns()
        if self._signal == "logs":
            logs = ExportLogsServiceRequest()
            scope = logs.resource_logs.add().scope_logs.add()
            for index in range(_ITEMS):
                record = scope.log_records.add(time_unix_nano=now)
                record.body.string_value = f"{self._number}.{self._sent}.{index}"
            return logs.SerializeToString()
        metrics = ExportMetricsServiceRequest()
        metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="gauge")
        for index in range(_ITEMS):
            point = metric.gauge.data_points.add(time_unix_nano=now, as_int=index)
            point.attributes.add(key="id").value.string_value = f"{self._number}.{self._sent}.{index}"
        return metrics.SerializeToString()


class CrashFleet:
    """Senders of all signals, started when made."""

    def __init__(self, address: str, *, seed: int = 0) -> None:
        self._stopping = threading.Event()
        self._senders = [
            _Sender(seed * 100 + number, signal, address, self._stopping)
            for number, signal in enumerate(_SIGNALS)
        ]
        for sender in self._senders:
            sender.start()

    def requests(self) -> list[int]:
        """How many requests of each sender were acknowledged."""
        return [sender.told.requests for sender in self._senders]

    def stop(self, timeout_s: float = 60.0) -> Acknowledged:
        """Let every sender finish its request, and return what was acknowledged.

        Raises:
            TimeoutError: A sender was not acknowledged in time, or died of an answer it did not expect.
        """
        self._stopping.set()
        whole = Acknowledged()
        deadline_s = time.monotonic() + timeout_s
        for sender in self._senders:
            sender.join(max(0.0, deadline_s - time.monotonic()))
            if sender.is_alive():
                raise TimeoutError(f"{sender.name} was not acknowledged within {timeout_s:g} s")
            whole.good += sender.told.good
            whole.poison += sender.told.poison
            whole.requests += sender.told.requests
            whole.repeated += sender.told.repeated
        return whole
