"""Disks that refuse, damaged logs, clocks that jump, senders that repeat themselves and mix things up.

After each: acknowledged = stored once + quarantined.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import resource
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support import otlp_requests as otlp
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    process = StoreProcess(tmp_path_factory.mktemp("store"))
    with process.running():
        yield process


@pytest.fixture
def service() -> str:
    """A service of its own for each test, since they share a store."""
    return f"faults-{secrets.token_hex(4)}"


def request(service: str, spans: int) -> ExportTraceServiceRequest:
    made = otlp.traces(spans)
    made.resource_spans[0].resource.attributes[0].value.string_value = service
    return made


def send(collector: CollectorProcess, body: bytes) -> grpc.StatusCode:
    with collector.channel() as channel:
        return channel.unary_unary(EXPORT).future(body, timeout=10).code()


def stored(store: StoreProcess, service: str) -> int:
    """Spans in the raw table, which the rollup has to agree with."""
    count = store.number(f"SELECT count() FROM otel_traces WHERE ServiceName = '{service}'")
    assert store.number(f"SELECT uniqExact(SpanId) FROM otel_traces WHERE ServiceName = '{service}'") == count
    assert store.number(f"SELECT sum(Spans) FROM otel_spans_1m WHERE ServiceName = '{service}'") == count
    return count


def test_a_disk_that_fills_in_the_middle_of_a_write_costs_nothing_that_was_acknowledged(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    # A limit on file sizes that is taken away again: the system refuses as a full disk does, with a part of
    # the write done.
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "60"])
    with collector.running():
        acknowledged = 0
        for size_bytes in (20_000, 50_000, 50_001, 0):
            resource.prlimit(collector.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
            codes = set()
            while grpc.StatusCode.UNAVAILABLE not in codes:
                code = send(collector, request(service, 20).SerializeToString())
                assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
                acknowledged += 20 * (code is grpc.StatusCode.OK)
                codes.add(code)
            no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(collector.pid, resource.RLIMIT_FSIZE, no_limit)
            wait_until(collector.is_ready, timeout_s=10, what="the collector is healthy again")
        assert send(collector, request(service, 20).SerializeToString()) is grpc.StatusCode.OK
        collector.kill()
        collector.start()
        assert send(collector, request(service, 20).SerializeToString()) is grpc.StatusCode.OK
        wait_until(
            lambda: collector.counts("traces")["pending"] <= 20, timeout_s=60, what="the found log is stored"
        )
        assert collector.stop() == 0
    assert acknowledged > 0
    assert stored(store, service) == acknowledged + 40


def test_a_log_folder_that_goes_away_is_said_and_survived(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"])
    with collector.running():
        assert send(collector, request(service, 5).SerializeToString()) is grpc.StatusCode.OK
        collector.wait_drained()
        hidden = tmp_path / "hidden"
        collector.wal.rename(hidden)
        body = request(service, 7).SerializeToString()
        assert send(collector, body) is grpc.StatusCode.UNAVAILABLE
        wait_until(lambda: not collector.is_ready(), timeout_s=10, what="health says so")
        hidden.rename(collector.wal)
        wait_until(collector.is_ready, timeout_s=10, what="the collector is healthy again")
        assert send(collector, body) is grpc.StatusCode.OK
        collector.wait_drained()
        assert stored(store, service) == 12
        assert collector.stop() == 0


def test_a_log_with_a_torn_end_and_flipped_bits_gives_back_everything_else(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    nowhere = CollectorProcess(tmp_path, "http://127.0.0.1:1/otel", ["--wal-segment-bytes", "65536"])
    with nowhere.running():
        bodies = [request(service, 20).SerializeToString() for _ in range(200)]
        for body in bodies:
            assert send(nowhere, body) is grpc.StatusCode.OK
        nowhere.kill()
    segments = sorted(nowhere.wal.glob("traces-*.wal"))
    assert len(segments) > 2
    _flip_a_bit_of(segments[0], bodies[2])
    _flip_a_bit_of(segments[1], next(body for body in bodies if body in segments[1].read_bytes()))
    with segments[-1].open("ab") as stream:
        stream.write(os.urandom(333))  # a write that never finished
    collector = CollectorProcess(tmp_path, store.url)
    with collector.running():
        collector.wait_drained()
        counts = collector.counts("traces")
        assert (counts["accepted"], counts["stored"], counts["quarantined"]) == (4000, 3960, 40)
        # Senders that missed their answers: what is stored is known, what the disk lost is taken.
        for body in bodies:
            assert send(collector, body) is grpc.StatusCode.OK
        collector.wait_drained()
        assert collector.counts("traces")["repeated"] == 3960
        assert stored(store, service) == 4000
        assert collector.stop() == 0
    kinds = [json.loads(path.read_text())["kind"] for path in (collector.wal / "quarantine").glob("*.json")]
    assert kinds == ["damaged"] * 3


def _flip_a_bit_of(segment: Path, body: bytes) -> None:
    data = bytearray(segment.read_bytes())
    data[data.index(body) + len(body) // 2] ^= 4
    segment.write_bytes(data)


def test_a_log_folder_restored_from_an_old_copy_stores_nothing_twice(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "60"])
    with collector.running():
        assert send(collector, request(service, 30).SerializeToString()) is grpc.StatusCode.OK
        collector.kill()
    shutil.copytree(collector.wal, tmp_path / "copy")
    with collector.running():
        collector.wait_drained()
        assert collector.stop() == 0
    shutil.rmtree(collector.wal)
    (tmp_path / "copy").rename(collector.wal)
    with collector.running():
        collector.wait_drained()
        assert collector.stop() == 0
    assert stored(store, service) == 30


def test_senders_whose_clocks_jump_keep_nobody_else_from_being_stored(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"])
    with collector.running():
        jumping = request(service, 40)
        spans = [span for scope in jumping.resource_spans[0].scope_spans for span in scope.spans]
        for day, span in enumerate(spans):
            span.start_time_unix_nano += (day - 20) * 10 * DAY_NS
            span.end_time_unix_nano = span.start_time_unix_nano
        spans[0].start_time_unix_nano = 0
        spans[1].end_time_unix_nano = 2**64 - 1
        spans[2].start_time_unix_nano = 2**63 - 1
        spans[3].end_time_unix_nano = spans[3].start_time_unix_nano - DAY_NS
        assert send(collector, request(service, 10).SerializeToString()) is grpc.StatusCode.OK
        assert send(collector, jumping.SerializeToString()) is grpc.StatusCode.OK
        assert send(collector, request(service, 10).SerializeToString()) is grpc.StatusCode.OK
        collector.wait_drained()
        counts = collector.counts("traces")
        assert (counts["stored"], counts["quarantined"]) == (60, 0)
        assert store.number(f"SELECT count() FROM otel_traces WHERE ServiceName = '{service}'") == 60
        assert collector.stop() == 0


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody, not even root, make files in a folder."""
    if os.geteuid():
        folder.chmod(0o555)
    elif subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no immutable folders, and root may write into any other")
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o755)
        else:
            subprocess.run(["chattr", "-i", str(folder)], check=True)


def test_a_log_folder_that_turns_read_only_is_said_and_survived(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    if shutil.which("chattr") is None:
        pytest.skip("chattr is not installed (Debian: e2fsprogs)")
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"])
    with collector.running():
        assert send(collector, request(service, 5).SerializeToString()) is grpc.StatusCode.OK
        collector.wait_drained()
        bodies = [request(service, 7).SerializeToString() for _ in range(3)]
        with read_only(collector.wal):
            assert [send(collector, body) for body in bodies] == [grpc.StatusCode.UNAVAILABLE] * 3
            wait_until(lambda: not collector.is_ready(), timeout_s=30, what="health says so")
        wait_until(collector.is_ready, timeout_s=30, what="the collector is healthy again")
        assert [send(collector, body) for body in bodies] == [grpc.StatusCode.OK] * 3
        collector.wait_drained()
        assert stored(store, service) == 26
        assert collector.stop() == 0


def post(collector: CollectorProcess, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=30)
    try:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_is_sent_several_times_at_once_later_and_in_any_order_is_stored_once(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"])
    rng = random.Random(5)
    bodies = [request(service, 4).SerializeToString() for _ in range(60)]
    mixed = [body for body in bodies for _ in range(rng.randint(1, 3))]
    rng.shuffle(mixed)

    def deliver(number: int) -> bool:
        body = mixed[number]
        return post(collector, body) == 200 if number % 2 else send(collector, body) is grpc.StatusCode.OK

    with collector.running(), ThreadPoolExecutor(8) as pool:
        assert all(pool.map(deliver, range(len(mixed))))
        collector.kill()
        collector.start()
        mixed = list(reversed(bodies))
        assert all(pool.map(deliver, range(len(mixed))))
        collector.wait_drained()
        assert all(pool.map(deliver, range(len(mixed))))
        collector.wait_drained()
        assert collector.counts("traces")["accepted"] == collector.counts("traces")["stored"] == 240
        assert collector.stop() == 0
    assert stored(store, service) == 240


# A clock that jumps, read by a file's say: what the interpreter imports before anything else.
JUMPING_CLOCK = """
import os, time
_time, _time_ns = time.time, time.time_ns
def _offset_s():
    try:
        with open(os.environ["CLOCK_OFFSET_FILE"]) as file:
            return int(file.read() or 0)
    except OSError:
        return 0
time.time = lambda: _time() + _offset_s()
time.time_ns = lambda: _time_ns() + _offset_s() * 10**9
"""


def test_a_collector_whose_clock_jumps_loses_and_doubles_nothing(
    store: StoreProcess, service: str, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(JUMPING_CLOCK)
    offset = tmp_path / "offset"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "CLOCK_OFFSET_FILE": str(offset)}
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"], environment)
    bodies = []
    with collector.running():
        for jump_s in (0, 86_400, -86_400 * 400, 3600, 0):
            offset.write_text(str(jump_s))
            bodies.append(request(service, 10).SerializeToString())
            assert send(collector, bodies[-1]) is grpc.StatusCode.OK
            collector.wait_drained()
            if jump_s < 0:
                collector.kill()
                collector.start()
                # The clock did jump: its log lines say so.
                then = time.strftime("%Y-%m-", time.localtime(time.time() + jump_s))
                wait_until(lambda: then in collector.output, timeout_s=30, what=f"a log line of {then}")  # noqa: B023 - called at once
            for body in bodies:
                assert send(collector, body) is grpc.StatusCode.OK
        collector.wait_drained()
        counts = collector.counts("traces")
        assert (counts["accepted"], counts["stored"], counts["repeated"]) == (50, 50, 150)
        assert collector.stop() == 0
    assert stored(store, service) == 50
