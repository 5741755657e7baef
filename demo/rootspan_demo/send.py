"""Sends prepared OTLP requests over gRPC, as they are, and waits where the collector asks to.

Owns delivery: requests in flight, retries, the rate and the counts. Never parses or changes a payload.
Delivery is at least once: a request whose answer was lost is sent again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rootspan_demo.errors import ConfigError, DeliveryError
from rootspan_demo.otlp import SIGNALS, OtlpRequest, Signal

__all__ = ["SendReport", "SendSettings", "SignalCount", "send"]

_METHODS: Final[Mapping[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""As the OTLP specification has it; RESOURCE_EXHAUSTED joins them where the answer carries RetryInfo."""
_FIRST_BACKOFF_S, _MAX_BACKOFF_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class SendSettings:
    """How to send.

    Attributes:
        endpoint: `host:port` of the collector, without TLS; `http://` before it is accepted.
        in_flight: Requests on their way at a time, 1-64.
        timeout_s: Of one attempt.
        give_up_after_s: Of one request with all its retries.
        items_per_s: Upper bound of the rate; None: as fast as the collector takes it.
    """

    endpoint: str
    in_flight: int = 4
    timeout_s: float = 10.0
    give_up_after_s: float = 60.0
    items_per_s: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.in_flight <= 64:
            raise ConfigError(f"in_flight is {self.in_flight}, outside 1-64; choose a value in that range")
        for name in ("timeout_s", "give_up_after_s", "items_per_s"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"{name} is {value}, not above 0; choose a positive value")


@dataclass(slots=True)
class SignalCount:
    """Items of one signal: taken; refused by a partial success; in requests that were refused for good."""

    accepted: int = 0
    rejected: int = 0
    failed: int = 0


@dataclass(slots=True)
class SendReport:
    """What became of the items; grows while sending.

    Attributes:
        counts: By signal.
        requests: Requests that have ended.
        retries: Attempts beyond the first.
        failures: Why requests were refused for good, the first 20.
    """

    counts: dict[Signal, SignalCount] = field(
        default_factory=lambda: {signal: SignalCount() for signal in SIGNALS}
    )
    requests: int = 0
    retries: int = 0
    failures: list[DeliveryError] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Items taken, all signals."""
        return sum(count.accepted for count in self.counts.values())


class _PartialSuccess(Protocol):
    """The part of an export response that says what was not taken."""

    error_message: str


Progress = Callable[[SendReport], None]


def send(
    requests: Iterable[OtlpRequest], settings: SendSettings, *, progress: Progress | None = None
) -> SendReport:
    """Send all requests, roughly in order.

    A request that the collector refuses for good (malformed bytes, for one) is counted as failed and the rest
    goes on. `progress` is called after each request, by one thread at a time.

    Raises:
        DeliveryError: A request was not taken within `give_up_after_s`. What was counted until then is in the
            error's `report`. Items of requests on their way at that moment are counted as failed.
    """
    with grpc.insecure_channel(
        settings.endpoint.removeprefix("http://"),
        options=[("grpc.max_send_message_length", -1), ("grpc.initial_reconnect_backoff_ms", 100)],
    ) as channel:
        run = _Run(channel, settings, progress)
        source = _Locked(requests)
        with ThreadPoolExecutor(settings.in_flight, thread_name_prefix="otlp-send") as pool:
            for worker in [pool.submit(run.work, source) for _ in range(settings.in_flight)]:
                worker.result()
    if run.fatal is not None:
        run.fatal.report = run.report
        raise run.fatal
    return run.report


class _Locked:
    """One iterator for several threads."""

    def __init__(self, requests: Iterable[OtlpRequest]) -> None:
        self._lock = threading.Lock()
        self._items: Iterator[OtlpRequest] = iter(requests)

    def take(self) -> OtlpRequest | None:
        with self._lock:
            return next(self._items, None)


class _Run:
    """State that the sending threads share."""

    def __init__(self, channel: grpc.Channel, settings: SendSettings, progress: Progress | None) -> None:
        self._settings, self._progress = settings, progress
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._due = time.monotonic()
        self.report = SendReport()
        self.fatal: DeliveryError | None = None
        responses = {
            "traces": ExportTraceServiceResponse.FromString,
            "logs": ExportLogsServiceResponse.FromString,
            "metrics": ExportMetricsServiceResponse.FromString,
        }
        self._calls = {
            signal: channel.unary_unary(
                _METHODS[signal], request_serializer=None, response_deserializer=responses[signal]
            )
            for signal in SIGNALS
        }

    def work(self, source: _Locked) -> None:
        """Send requests until there are none, or another thread has given up."""
        try:
            while not self._stop.is_set() and (request := source.take()) is not None:
                self._await_turn(request.items)
                self._deliver(request)
        except BaseException:  # the source may raise: the other threads must not go on without it
            self._stop.set()
            raise

    def _await_turn(self, items: int) -> None:
        if self._settings.items_per_s is None:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._due)
            self._due = turn + items / self._settings.items_per_s
        self._stop.wait(turn - now)

    def _deliver(self, request: OtlpRequest) -> None:
        began = time.monotonic()
        attempt = 0
        while True:
            try:
                response = self._calls[request.signal](request.payload, timeout=self._settings.timeout_s)
            except grpc.RpcError as err:
                asked = _retry_delay_s(err)
                code: grpc.StatusCode = err.code()
                if code not in _RETRYABLE and not (
                    code is grpc.StatusCode.RESOURCE_EXHAUSTED and asked is not None
                ):
                    self._settle(request, failure=_error(request, code, err.details(), permanent=True))
                    return
                wait = asked if asked is not None else _backoff_s(attempt)
                left = began + self._settings.give_up_after_s - time.monotonic()
                if wait > left or self._stop.wait(wait):
                    self._give_up(
                        request, _error(request, code, err.details(), permanent=False, attempts=attempt + 1)
                    )
                    return
                attempt += 1
                with self._lock:
                    self.report.retries += 1
            else:
                self._settle(request, rejected=_rejected(request.signal, response.partial_success))
                return

    def _give_up(self, request: OtlpRequest, error: DeliveryError) -> None:
        with self._lock:
            self.fatal = self.fatal or error
        self._stop.set()
        self._settle(request, failure=error)

    def _settle(
        self, request: OtlpRequest, *, rejected: int = 0, failure: DeliveryError | None = None
    ) -> None:
        with self._lock:
            count = self.report.counts[request.signal]
            self.report.requests += 1
            if failure is None:
                count.accepted += request.items - rejected
                count.rejected += rejected
            else:
                count.failed += request.items
                if len(self.report.failures) < 20:
                    self.report.failures.append(failure)
            if self._progress is not None:
                self._progress(self.report)


def _rejected(signal: Signal, partial: _PartialSuccess) -> int:
    name = {"traces": "rejected_spans", "logs": "rejected_log_records", "metrics": "rejected_data_points"}[
        signal
    ]
    return int(getattr(partial, name))


def _backoff_s(attempt: int) -> float:
    """Exponential with jitter, so that several threads do not come back together."""
    longest: float = min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2.0**attempt)
    return random.uniform(0.5, 1.0) * longest


def _retry_delay_s(error: grpc.RpcError) -> float | None:
    """What google.rpc.RetryInfo asks for; None where the answer has none."""
    trailing = cast(Sequence[tuple[str, bytes]], error.trailing_metadata() or ())  # stubs call it one pair
    for key, value in trailing:
        if key != "grpc-status-details-bin":
            continue
        info = error_details_pb2.RetryInfo()
        try:
            details = status_pb2.Status.FromString(value).details
            if any(one.Unpack(info) for one in details):
                return max(0.0, float(info.retry_delay.seconds) + float(info.retry_delay.nanos) / 1e9)
        except DecodeError:  # a foreign server's details: as good as none
            return None
    return None


def _error(
    request: OtlpRequest, code: grpc.StatusCode, details: str | None, *, permanent: bool, attempts: int = 1
) -> DeliveryError:
    what = f"{request.items} items of {request.signal} ({len(request.payload)} bytes)"
    if permanent:
        text = f"the collector refused {what} for good: {code.name}: {details}; look at the sender's data"
    else:
        text = f"{what} not taken after {attempts} attempts: {code.name}: {details}; is the collector up?"
    return DeliveryError(text, code=code.name, permanent=permanent)
