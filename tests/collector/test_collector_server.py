"""The collector as a sender sees it: a real server and real clients, with a store that is not there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from running import closed_port, collector

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.server import Collector
from rootspan_collector.settings import load_settings
from rootspan_collector.wal.disk import PosixDisk
from support import otlp_requests as otlp

MIB = 1024 * 1024
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@contextmanager
def channel(running: Collector) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(
        running.grpc_address, options=[("grpc.use_local_subchannel_pool", 1)]
    ) as opened:
        yield opened


def status(opened: grpc.Channel) -> dict[str, dict[str, dict[str, float]]]:
    get = opened.unary_unary(
        "/rootspan.collector.v1.Status/Get",
        request_serializer=empty_pb2.Empty.SerializeToString,
        response_deserializer=struct_pb2.Struct.FromString,
    )
    return json_format.MessageToDict(get(empty_pb2.Empty(), timeout=5))


def raw_export(opened: grpc.Channel) -> Callable[..., bytes]:
    return opened.unary_unary(EXPORT)


def health(opened: grpc.Channel) -> int:
    return health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(), timeout=5).status


def test_all_three_signals_are_taken_and_counted_while_the_store_is_away(tmp_path: Path) -> None:
    with collector(tmp_path) as running, channel(running) as opened:
        answer = TraceServiceStub(opened).Export(otlp.traces(5, resources=2))
        assert answer == ExportTraceServiceResponse()
        LogsServiceStub(opened).Export(otlp.logs(3))
        MetricsServiceStub(opened).Export(otlp.metrics())
        signals = status(opened)["signals"]
        assert {name: one["accepted"] for name, one in signals.items()} == {
            "traces": 10,
            "logs": 3,
            "metrics": 9,
        }
        assert {name: one["pending"] for name, one in signals.items()} == {
            "traces": 10,
            "logs": 3,
            "metrics": 9,
        }


def test_what_was_acknowledged_is_still_pending_after_a_restart(tmp_path: Path) -> None:
    with collector(tmp_path) as running, channel(running) as opened:
        TraceServiceStub(opened).Export(otlp.traces(5))
    with collector(tmp_path) as running, channel(running) as opened:
        assert status(opened)["signals"]["traces"]["pending"] == 5


def test_gzip_is_understood(tmp_path: Path) -> None:
    with collector(tmp_path) as running, channel(running) as opened:
        TraceServiceStub(opened).Export(otlp.traces(100), compression=grpc.Compression.Gzip)
        assert status(opened)["signals"]["traces"]["accepted"] == 100


def test_an_empty_request_is_fine(tmp_path: Path) -> None:
    with collector(tmp_path) as running, channel(running) as opened:
        assert raw_export(opened)(b"") == b""
        assert list((tmp_path / "wal").glob("*.wal")) == []


def test_malformed_bytes_are_an_invalid_argument_and_are_counted(tmp_path: Path) -> None:
    with collector(tmp_path) as running, channel(running) as opened:
        with pytest.raises(grpc.RpcError) as caught:
            raw_export(opened)(b"\x0a\xff\xff\xff")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "do not parse as protobuf" in caught.value.details()
        traces = status(opened)["signals"]["traces"]
        assert traces["malformed_requests"] == 1
        assert traces["accepted"] == 0


def test_a_full_log_answers_resource_exhausted_with_retry_info(tmp_path: Path) -> None:
    limits = {
        "wal_max_bytes": 64 * MIB,
        "wal_segment_bytes": MIB,
        "collector_max_message_bytes": 16 * MIB,
    }
    with collector(tmp_path, **limits) as running, channel(running) as opened:
        bodies = [otlp.traces(1, name="x" * (15 * MIB)).SerializeToString() for _ in range(5)]
        export = raw_export(opened)
        for body in bodies[:4]:
            export(body)
        with pytest.raises(grpc.RpcError) as caught:
            export(bodies[4])
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "log is 94% full" in caught.value.details()
        rich = rpc_status.from_call(caught.value)
        assert rich is not None
        retry = error_details_pb2.RetryInfo()
        assert rich.details[0].Unpack(retry)
        assert retry.retry_delay.ToTimedelta().total_seconds() > 0
        traces = status(opened)["signals"]["traces"]
        assert (traces["accepted"], traces["refused"]) == (4, 1)


def test_a_message_over_the_limit_is_refused_and_not_retryable(tmp_path: Path) -> None:
    with collector(tmp_path, collector_max_message_bytes=MIB) as running, channel(running) as opened:
        body = otlp.traces(1, name="x" * (2 * MIB)).SerializeToString()
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            with pytest.raises(grpc.RpcError) as caught:
                opened.unary_unary(EXPORT)(body, compression=compression)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert rpc_status.from_call(caught.value) is None


def test_a_disk_that_fails_answers_unavailable_and_health_says_so_until_it_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_broken = threading.Event()
    real = PosixDisk.sync

    def sync(self: PosixDisk, fd: int) -> None:
        if is_broken.is_set():
            raise OSError(5, "Input/output error")
        real(self, fd)

    monkeypatch.setattr(PosixDisk, "sync", sync)
    with collector(tmp_path) as running, channel(running) as opened:
        stub = TraceServiceStub(opened)
        stub.Export(otlp.traces(1))
        assert health(opened) == health_pb2.HealthCheckResponse.SERVING
        is_broken.set()
        with pytest.raises(grpc.RpcError) as caught:
            stub.Export(otlp.traces(1))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "nothing was acknowledged" in caught.value.details()
        rich = rpc_status.from_call(caught.value)
        assert rich is not None
        assert rich.details[0].Unpack(error_details_pb2.RetryInfo())
        wait_for(lambda: health(opened) == health_pb2.HealthCheckResponse.NOT_SERVING)
        is_broken.clear()
        wait_for(lambda: health(opened) == health_pb2.HealthCheckResponse.SERVING)
        stub.Export(otlp.traces(1))
        assert status(opened)["signals"]["traces"]["accepted"] == 2


def test_a_client_that_timed_out_and_resends_is_acknowledged_and_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    real = PosixDisk.sync

    def slow_sync(self: PosixDisk, fd: int) -> None:
        assert release.wait(10)
        real(self, fd)

    monkeypatch.setattr(PosixDisk, "sync", slow_sync)
    with collector(tmp_path) as running, channel(running) as opened:
        stub, request = TraceServiceStub(opened), otlp.traces(3)
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Export(request, timeout=0.2)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        release.set()
        stub.Export(request, timeout=5)
        counted = status(opened)["signals"]["traces"]
        assert (counted["accepted"], counted["pending"]) == (3, 3)
        # The second and the third copy, each once it was acknowledged.
        wait_for(lambda: status(opened)["signals"]["traces"]["repeated"] == 6)
    with collector(tmp_path) as again, channel(again) as opened:
        TraceServiceStub(opened).Export(request)
        counted = status(opened)["signals"]["traces"]
        assert (counted["accepted"], counted["repeated"]) == (3, 9)


def wait_for(is_true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.02)):
        if is_true():
            return
        pause.wait(0.02)
    raise TimeoutError


@pytest.mark.parametrize("policy", ["always", "interval", "never"])
def test_fsync_is_called_as_often_as_the_policy_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    synced: list[str] = []
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    def count() -> int:
        return sum("traces-0" in path for path in synced)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with collector(tmp_path, wal_fsync=policy, wal_segment_age_s=60) as running, channel(running) as opened:
        stub = TraceServiceStub(opened)
        for _ in range(20):
            stub.Export(otlp.traces(1))
        if policy == "always":
            assert count() >= 21
        elif policy == "interval":
            assert count() <= 3
            wait_for(lambda: count() > 0)
        else:
            assert count() == 0
        assert status(opened)["signals"]["traces"]["accepted"] == 20
    with collector(tmp_path) as again, channel(again) as opened:
        assert status(opened)["signals"]["traces"]["pending"] == 20


def test_reflection_lists_the_services_and_describes_their_messages(tmp_path: Path) -> None:
    with collector(tmp_path) as running, channel(running) as opened:
        database = ProtoReflectionDescriptorDatabase(opened)
        names = set(database.get_services())
        assert "rootspan.collector.v1.Status" in names
        for folder, name in (("trace", "Trace"), ("logs", "Logs"), ("metrics", "Metrics")):
            service = f"opentelemetry.proto.collector.{folder}.v1.{name}Service"
            assert service in names
            file = database.FindFileContainingSymbol(service)
            assert f"Export{name}ServiceRequest" in [message.name for message in file.message_type]


def test_requests_in_flight_are_acknowledged_when_told_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, release = threading.Event(), threading.Event()
    real = PosixDisk.sync

    def slow_sync(self: PosixDisk, fd: int) -> None:
        entered.set()
        assert release.wait(10)
        real(self, fd)

    monkeypatch.setattr(PosixDisk, "sync", slow_sync)
    running = Collector(
        load_settings(
            store=f"http://127.0.0.1:{closed_port()}/otel",
            collector_grpc="127.0.0.1:0",
            collector_http="",
            collector_wal=tmp_path / "wal",
            collector_stop_grace_s=1.5,
        )
    )
    running.start()
    with channel(running) as opened, ThreadPoolExecutor(2) as pool:
        request = pool.submit(TraceServiceStub(opened).Export, otlp.traces(3))
        assert entered.wait(5)
        stopping = pool.submit(running.stop)
        wait_for(lambda: not _accepts(running.grpc_address))
        release.set()
        assert request.result(10) == ExportTraceServiceResponse()
        stopping.result(20)
    monkeypatch.undo()
    with collector(tmp_path) as again, channel(again) as opened:
        assert status(opened)["signals"]["traces"]["pending"] == 3


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_two_collectors_on_one_port_are_an_error_that_says_so(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        settings = load_settings(
            store="http://127.0.0.1:1/otel",
            collector_grpc=running.grpc_address,
            collector_http="",
            collector_wal=tmp_path / "other",
        )
        with pytest.raises(ConfigurationError, match="ROOTSPAN_COLLECTOR_GRPC"):
            Collector(settings)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"collector_grpc": "nowhere"}, "collector_grpc"),
        ({"store": "ftp://x"}, "store"),
        ({"wal_max_bytes": 1}, "wal_max_bytes"),
        ({"wal_max_bytes": 64 * MIB, "wal_segment_bytes": 64 * MIB}, "ROOTSPAN_WAL_MAX_BYTES"),
        ({"collector_thread": 3}, "collector_thread"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_touched(given: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_settings(**given)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTSPAN_STORE", "http://db:8123/t")
    monkeypatch.setenv("ROOTSPAN_WAL_SEGMENT_AGE_S", "0.5")
    settings = load_settings(store=None)
    assert settings.store_url.host == "db"
    assert settings.wal_segment_age_s == 0.5
