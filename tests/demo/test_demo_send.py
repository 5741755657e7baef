"""Sending: against a real gRPC server that takes raw bytes, refuses, and asks for patience."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rootspan_demo.errors import ConfigError, DeliveryError
from rootspan_demo.otlp import OtlpRequest
from rootspan_demo.send import SendReport, SendSettings, send

Answer = Callable[[bytes, grpc.ServicerContext], bytes]


@dataclass
class Collector(grpc.GenericRpcHandler):
    """Keeps what it takes; `answer` decides."""

    answer: Answer
    seen: list[tuple[str, bytes, float]] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def handle(payload: bytes, context: grpc.ServicerContext) -> bytes:
            with self._lock:
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                self.seen.append((str(details.method), payload, time.monotonic()))
            try:
                return self.answer(payload, context)
            finally:
                with self._lock:
                    self._at_once -= 1

        return grpc.unary_unary_rpc_method_handler(handle)


@dataclass
class Running:
    collector: Collector
    endpoint: str


@pytest.fixture
def start() -> Iterator[Callable[[Answer], Running]]:
    servers: list[grpc.Server] = []

    def begin(answer: Answer) -> Running:
        collector = Collector(answer)
        server = grpc.server(ThreadPoolExecutor(16), handlers=[collector])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return Running(collector, f"127.0.0.1:{port}")

    yield begin
    for server in servers:
        server.stop(0).wait(5)


def take(payload: bytes, context: grpc.ServicerContext) -> bytes:
    return b""


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, retry_after_s: float | None = None) -> None:
    if retry_after_s is None:
        context.abort(code, "no")
    info = any_pb2.Any()
    delay = duration_pb2.Duration(nanos=int((retry_after_s or 0) * 1e9))
    info.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    number = getattr(code_pb2, code.name)
    context.abort_with_status(
        rpc_status.to_status(status_pb2.Status(code=number, message="log is full", details=[info]))
    )


def batch(n: int = 30) -> list[OtlpRequest]:
    return [OtlpRequest(("traces", "logs", "metrics")[i % 3], b"payload %d" % i, 10) for i in range(n)]  # type: ignore[arg-type]


def test_every_payload_arrives_once_unchanged_at_the_method_of_its_signal(
    start: Callable[[Answer], Running],
) -> None:
    running = start(take)
    requests = batch()
    report = send(requests, SendSettings(running.endpoint))
    service = {
        "traces": "trace.v1.TraceService",
        "logs": "logs.v1.LogsService",
        "metrics": "metrics.v1.MetricsService",
    }
    wanted = {
        (f"/opentelemetry.proto.collector.{service[one.signal]}/Export", one.payload) for one in requests
    }
    assert {(method, payload) for method, payload, _ in running.collector.seen} == wanted
    assert len(running.collector.seen) == len(requests)
    assert {signal: count.accepted for signal, count in report.counts.items()} == dict.fromkeys(service, 100)
    assert (report.accepted, report.requests, report.retries, report.failures) == (300, 30, 0, [])


def test_resource_exhausted_with_retry_info_is_sent_again_after_the_time_asked_for(
    start: Callable[[Answer], Running],
) -> None:
    turned_away: set[bytes] = set()

    def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
        if payload not in turned_away:
            turned_away.add(payload)
            refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, 0.25)
        return b""

    running = start(answer)
    report = send(batch(6), SendSettings(running.endpoint, in_flight=6))
    assert (report.accepted, report.retries) == (60, 6)
    for payload in turned_away:
        first, second = (when for _, seen, when in running.collector.seen if seen == payload)
        assert 0.24 <= second - first < 2.0


def test_resource_exhausted_without_retry_info_and_bad_bytes_fail_for_good_and_the_rest_goes_on(
    start: Callable[[Answer], Running],
) -> None:
    def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
        if payload == b"payload 0":
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT)
        if payload == b"payload 1":
            refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED)
        return b""

    running = start(answer)
    report = send(batch(9), SendSettings(running.endpoint, in_flight=1))
    assert (report.counts["traces"].failed, report.counts["logs"].failed, report.accepted) == (10, 10, 70)
    assert len(running.collector.seen) == 9
    assert [error.code for error in report.failures] == ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"]
    assert all(error.permanent for error in report.failures)
    assert "10 items of traces" in str(report.failures[0])


def test_unavailable_is_retried_with_growing_pauses(start: Callable[[Answer], Running]) -> None:
    def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
        if len(running.collector.seen) <= 3:
            refuse(context, grpc.StatusCode.UNAVAILABLE)
        return b""

    running = start(answer)
    report = send(batch(1), SendSettings(running.endpoint))
    assert (report.accepted, report.retries) == (10, 3)
    at = [when for _, _, when in running.collector.seen]
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses[0] >= 0.05
    assert pauses[2] >= 0.2


def test_partial_success_is_counted_apart(start: Callable[[Answer], Running]) -> None:
    def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
        if payload == b"payload 0":
            traces = ExportTraceServiceResponse()
            traces.partial_success.rejected_spans = 4
            return traces.SerializeToString()
        logs = ExportLogsServiceResponse()
        logs.partial_success.rejected_log_records = 1
        return logs.SerializeToString()

    report = send(batch(2), SendSettings(start(answer).endpoint))
    assert (report.counts["traces"].accepted, report.counts["traces"].rejected) == (6, 4)
    assert (report.counts["logs"].accepted, report.counts["logs"].rejected) == (9, 1)


def test_a_collector_that_is_away_is_given_up_after_the_deadline(start: Callable[[Answer], Running]) -> None:
    def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
        if payload == b"payload 2":
            refuse(context, grpc.StatusCode.UNAVAILABLE)
        return b""

    running = start(answer)
    began = time.monotonic()
    with pytest.raises(DeliveryError, match="is the collector up") as caught:
        send(batch(9), SendSettings(running.endpoint, in_flight=1, give_up_after_s=0.8))
    assert time.monotonic() - began < 5
    assert (caught.value.code, caught.value.permanent) == ("UNAVAILABLE", False)
    report = caught.value.report
    assert isinstance(report, SendReport)
    assert (report.accepted, report.counts["metrics"].failed) == (20, 10)


def test_no_more_than_the_asked_number_is_in_flight(start: Callable[[Answer], Running]) -> None:
    gate = threading.Semaphore(0)

    def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
        assert gate.acquire(timeout=10)
        return b""

    running = start(answer)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, batch(12), SendSettings(running.endpoint, in_flight=3))
        deadline = time.monotonic() + 10
        while running.collector.most_at_once < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        gate.release(12)
        assert sending.result(timeout=20).accepted == 120
    assert running.collector.most_at_once == 3


def test_the_rate_is_kept(start: Callable[[Answer], Running]) -> None:
    running = start(take)
    began = time.monotonic()
    report = send(batch(11), SendSettings(running.endpoint, items_per_s=200.0))
    assert report.accepted == 110
    assert (
        0.5 <= time.monotonic() - began < 3
    )  # the first goes at once, the other 100 items need half a second


def test_progress_is_told_after_each_request(start: Callable[[Answer], Running]) -> None:
    told: list[int] = []
    send(batch(8), SendSettings(start(take).endpoint), progress=lambda report: told.append(report.requests))
    assert told == list(range(1, 9))


def test_an_error_of_the_source_ends_the_sending(start: Callable[[Answer], Running]) -> None:
    def broken() -> Iterator[OtlpRequest]:
        yield from batch(3)
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        send(broken(), SendSettings(start(take).endpoint))


@pytest.mark.parametrize("setting", [{"in_flight": 0}, {"timeout_s": 0.0}, {"items_per_s": -1.0}])
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="choose a"):
        SendSettings("127.0.0.1:4317", **setting)  # type: ignore[arg-type]
