"""OTLP/HTTP as a sender sees it: encodings, status codes, limits, and senders that misbehave."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from google.rpc import error_details_pb2, status_pb2
from running import JSON, PROTOBUF, accepted, call, collector, metrics

from rootspan_collector.http import protocol
from rootspan_collector.http.protocol import GuardedProtocol
from support import otlp_requests as otlp

MIB = 1024 * 1024
BODIES = {"traces": otlp.traces(5), "logs": otlp.logs(3), "metrics": otlp.metrics()}
NO_HEX = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}'
CUT_GZIP = gzip.compress(b"x" * 99, mtime=0)[:-9]
ITEMS = {"traces": 5, "logs": 3, "metrics": 9}


@pytest.mark.parametrize("signal", BODIES)
def test_each_signal_is_taken_in_protobuf_and_answered_in_protobuf(tmp_path: Path, signal: str) -> None:
    with collector(tmp_path) as running:
        answer = call(running, f"/v1/{signal}", BODIES[signal].SerializeToString())
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-type"] == PROTOBUF
        assert accepted(running, signal) == ITEMS[signal]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_compressed_requests_are_understood(tmp_path: Path, encoding: str, compress: object) -> None:
    with collector(tmp_path) as running:
        body = compress(otlp.traces(100).SerializeToString())  # type: ignore[operator]
        answer = call(running, "/v1/traces", body, headers={"content-encoding": encoding})
        assert answer.status == 200
        assert accepted(running, "traces") == 100


def test_a_request_that_comes_by_http_and_again_by_http_is_stored_once(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        body = otlp.traces(5).SerializeToString()
        for encoding, data in (("identity", body), ("gzip", gzip.compress(body))):
            assert call(running, "/v1/traces", data, headers={"content-encoding": encoding}).status == 200
        assert accepted(running, "traces") == 5
        assert metrics(running)['rootspan_collector_items_total{signal="traces",outcome="repeated"}'] == 5


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"\x0a\xff\xff\xff", {"content-type": PROTOBUF}, 400, "do not parse as protobuf"),
        (b"{", {"content-type": JSON}, 400, "not an OTLP request"),
        (b"[]", {"content-type": JSON}, 400, "not an object"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
            {"content-type": JSON},
            400,
            "hex",
        ),
        (b"a,b", {"content-type": "text/csv"}, 415, "content-type"),
        (b"x", {"content-type": PROTOBUF, "content-encoding": "br"}, 415, "content-encoding"),
        (b"x" * 20, {"content-type": PROTOBUF, "content-encoding": "gzip"}, 400, "gzip"),
        (
            CUT_GZIP,
            {"content-type": PROTOBUF, "content-encoding": "gzip"},
            400,
            "ends too early",
        ),
    ],
)
def test_what_is_not_understood_is_refused_for_good_with_a_reason(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    with collector(tmp_path) as running:
        answer = call(running, "/v1/traces", body, headers=headers)
        assert answer.status == status
        assert "retry-after" not in answer.headers
        if headers["content-type"] == JSON:
            assert answer.headers["content-type"] == JSON
            assert words in json.loads(answer.body)["message"]
        else:
            assert words in status_pb2.Status.FromString(answer.body).message
        assert accepted(running, "traces") == 0


def test_paths_and_methods_that_are_not_otlp(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        assert call(running, "/v1/traces").status == 405
        assert call(running, "/").status == 404
        assert call(running, "/v1/profiles", b"").status == 404
        assert call(running, "/healthz").body == b"ok\n"


def test_a_full_log_answers_503_with_retry_after(tmp_path: Path) -> None:
    limits = {"wal_max_bytes": 64 * MIB, "wal_segment_bytes": MIB, "collector_max_message_bytes": 16 * MIB}
    with collector(tmp_path, **limits) as running:
        for number in range(4):
            # Training steps: the last to be refused.
            body = otlp.traces(1, name="train.step" + f"{number}" * (15 * MIB)).SerializeToString()
            assert call(running, "/v1/traces", body).status == 200
        body = otlp.traces(1, name="train.step" + "x" * (15 * MIB)).SerializeToString()
        answer = call(running, "/v1/traces", body)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        told = status_pb2.Status.FromString(answer.body)
        assert "log is full" in told.message
        assert told.details[0].Is(error_details_pb2.RetryInfo.DESCRIPTOR)
        # Less worth, less full: ordinary spans are refused before.
        assert call(running, "/v1/traces", otlp.traces(1).SerializeToString()).status == 429
        refused = metrics(running)
        for reason in ("log_full", "log_filling"):
            name = "rootspan_collector_refused_items_total"
            assert refused[f'{name}{{signal="traces",sender="127.0.0.1",reason="{reason}"}}'] == 1


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity"])
def test_a_body_that_is_or_becomes_too_large_is_refused_without_being_held(
    tmp_path: Path, encoding: str
) -> None:
    bomb = {
        "gzip": lambda: gzip.compress(bytes(200 * MIB), 1),
        "zstd": lambda: zstandard.ZstdCompressor(level=1).compress(bytes(200 * MIB)),
        "identity": lambda: bytes(2 * MIB),
    }[encoding]()
    with collector(tmp_path, collector_max_message_bytes=MIB) as running:
        before_kb = _peak_kb()
        answer = call(
            running,
            "/v1/traces",
            bomb[: MIB - 1] if encoding != "identity" else bomb,
            headers={"content-encoding": encoding},
        )
        assert answer.status == 413
        assert _peak_kb() - before_kb < 50_000


def _peak_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("no VmHWM in /proc")


def test_json_nested_without_end_is_refused_and_the_collector_lives(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        for deep in (
            b"[" * 200_000,
            b'{"resourceSpans":' * 50_000,
            b'{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":'
            + b'{"arrayValue":{"values":[' * 3000
            + b"]}}" * 3000
            + b"}]}}]}",
        ):
            assert call(running, "/v1/traces", deep, content_type=JSON).status == 400
        assert call(running, "/v1/traces", otlp.traces(1).SerializeToString()).status == 200


def _connect(address: str | None) -> socket.socket:
    assert address is not None
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_a_head_that_never_ends_is_cut_off_in_size_and_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_HEAD_S", 0.3)
    assert GuardedProtocol is protocol.GuardedProtocol
    with collector(tmp_path) as running:
        _flood(running.http_address)
        for beginning in (b"", b"POST /v1/traces HTTP/1.1\r\nx: "):
            with _connect(running.http_address) as slow:
                slow.sendall(beginning)
                began_s = time.monotonic()
                assert slow.recv(100) == b""
                assert time.monotonic() - began_s < 5
        assert call(running, "/healthz").status == 200


def _flood(address: str | None) -> None:
    """Send header lines until the other side has had enough."""
    with _connect(address) as connection:
        try:
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\n")
            for number in range(100_000):
                connection.sendall(b"x-%d: %s\r\n" % (number, b"y" * 1000))
        except ConnectionError:
            return
    raise AssertionError("100 MB of headers were taken")


def test_a_body_that_trickles_is_given_up(tmp_path: Path) -> None:
    with collector(tmp_path, collector_body_timeout_s=0.3) as running:
        with _connect(running.http_address) as slow:
            head = f"POST /v1/traces HTTP/1.1\r\ncontent-type: {PROTOBUF}\r\ncontent-length: 100\r\n\r\n"
            slow.sendall(head.encode() + b"x")
            assert b"408" in slow.recv(1000)
        assert accepted(running, "traces") == 0


def test_many_at_once_share_the_fsyncs_and_all_are_counted(tmp_path: Path) -> None:
    with collector(tmp_path) as running, ThreadPoolExecutor(16) as pool:
        bodies = [otlp.traces(3).SerializeToString() for _ in range(200)]
        statuses = list(pool.map(lambda body: call(running, "/v1/traces", body).status, bodies))
        assert statuses == [200] * 200
        assert accepted(running, "traces") == 600


def test_a_stopping_collector_answers_the_requests_it_has_and_no_more(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        assert call(running, "/v1/traces", otlp.traces(1).SerializeToString()).status == 200
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        stopping.join(20)
        with pytest.raises(ConnectionRefusedError):
            call(running, "/healthz")
