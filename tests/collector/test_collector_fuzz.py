"""Whatever bytes come, a receiver answers: taken, or refused for a reason. Nothing crashes, nothing hangs."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from running import JSON, accepted, call, collector
from wal_bench import WalBench

from rootspan_collector.errors import CollectorError, MalformedRequest
from rootspan_collector.http.body import expanded
from rootspan_collector.otlp.json import to_protobuf
from rootspan_collector.otlp.messages import fault_of
from rootspan_collector.receiver import Receiver
from rootspan_collector.senders.caller import ANONYMOUS, Caller
from rootspan_collector.senders.worth import worth_of
from rootspan_collector.server import Collector
from rootspan_store.ingest import Signal
from support import otlp_requests as otlp

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
GOOD = otlp.traces(3).SerializeToString()

# Good requests with some bytes changed reach deeper than noise does.
_edits = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=6)


def _edited(edits: list[tuple[int, int]]) -> bytes:
    data = bytearray(GOOD)
    for place, byte in edits:
        data[place] = byte
    return bytes(data)


bodies = st.one_of(
    st.binary(max_size=300), _edits.map(_edited), st.integers(0, len(GOOD)).map(lambda end: GOOD[:end])
)


@MANY
@given(bodies, st.sampled_from(list(Signal)))
def test_a_receiver_takes_or_refuses_and_what_it_logs_is_what_came(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, signal: Signal
) -> None:
    wal = WalBench(tmp_path_factory.mktemp("fuzz") / "wal")
    log = wal.open()
    receiver = Receiver(signal, log, wal.budget)
    try:
        receiver.receive(body, Caller(ANONYMOUS, lambda: "ipv4:127.0.0.1:1"))
    except CollectorError:
        assert log.ledger.counts().accepted == 0
        assert receiver.malformed_requests == 1
        return
    counts = log.ledger.counts()
    logged = wal.payloads(log)
    assert (counts.accepted > 0) == bool(logged)
    for payload in logged:
        worth_of(signal, payload, counts.accepted)
        if fault_of(signal, body) is None:
            assert fault_of(signal, payload) is None


@MANY
@given(st.one_of(bodies, st.text(max_size=200).map(str.encode)), st.sampled_from(list(Signal)))
def test_text_that_is_no_otlp_json_is_malformed_and_nothing_else(body: bytes, signal: Signal) -> None:
    with contextlib.suppress(MalformedRequest):
        assert isinstance(to_protobuf(signal, body), bytes)


_keys = st.sampled_from(
    [
        "resourceSpans",
        "resource",
        "scopeSpans",
        "spans",
        "traceId",
        "spanId",
        "attributes",
        "key",
        "value",
        "intValue",
        "bytesValue",
        "kvlistValue",
        "values",
        "events",
        "status",
        "code",
        "kind",
        "unknown",
    ]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


@MANY
@given(st.dictionaries(_keys, _json, max_size=4))
def test_json_of_any_shape_is_read_or_malformed(fields: dict[str, object]) -> None:
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}], **fields}).encode()
    with contextlib.suppress(MalformedRequest):
        ExportTraceServiceRequest.FromString(to_protobuf(Signal.TRACES, body))


_values = st.recursive(
    st.builds(lambda v: AnyValue(string_value=v), st.text(max_size=12))
    | st.builds(lambda v: AnyValue(int_value=v), st.integers(-(2**63), 2**63 - 1))
    | st.builds(lambda v: AnyValue(double_value=v), st.floats(allow_nan=False))
    | st.builds(lambda v: AnyValue(bool_value=v), st.booleans())
    | st.builds(lambda v: AnyValue(bytes_value=v), st.binary(max_size=12)),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: AnyValue(array_value=ArrayValue(values=found)))
        | st.lists(inner, max_size=3).map(
            lambda found: AnyValue(
                kvlist_value=KeyValueList(values=[KeyValue(key="k", value=one) for one in found])
            )
        )
    ),
    max_leaves=6,
)


@MANY
@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    st.text(max_size=20),
    st.lists(_values, max_size=4),
    st.integers(0, 2**64 - 1),
)
def test_otlp_json_says_the_same_as_protobuf(
    trace_id: bytes, span_id: bytes, name: str, values: list[AnyValue], now: int
) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name, span.start_time_unix_nano = trace_id, span_id, name, now
    span.links.add(trace_id=trace_id, span_id=span_id)
    for number, value in enumerate(values):
        # A string that looks like an id's key must stay what it is.
        span.attributes.add(key=f'"traceId":"{number}', value=value)
    fields = json_format.MessageToDict(request, use_integers_for_enums=True)
    _ids_to_hex(fields["resourceSpans"][0]["scopeSpans"][0]["spans"][0])
    again = ExportTraceServiceRequest.FromString(to_protobuf(Signal.TRACES, json.dumps(fields).encode()))
    assert again == request


def _ids_to_hex(span: dict[str, object]) -> None:
    for part in (span, *span.get("links", ())):  # type: ignore[misc]
        for key in ("traceId", "spanId"):
            part[key] = base64.b64decode(str(part[key])).hex()


@MANY
@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=99).map(gzip.compress)),
    st.sampled_from(["gzip", "zstd", "deflate", "identity", "", "br", "GZIP "]),
)
def test_a_compressed_body_is_undone_or_refused(body: bytes, encoding: str) -> None:
    with contextlib.suppress(CollectorError):
        assert len(expanded(body, encoding, most_bytes=1000)) <= 1000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with collector(tmp_path_factory.mktemp("fuzz-http")) as made:
        yield made


_lines = (
    b"POST /v1/traces HTTP/1.1\r\n",
    b"GET /metrics HTTP/1.0\r\n",
    b"content-length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"content-type: application/json\r\n",
    b"content-encoding: gzip\r\n",
    b"expect: 100-continue\r\n",
    b"PRI * HTTP/2.0\r\n",
    b"0\r\n\r\n",
    b"-1\r\n",
    b"\r\n",
    b"{}",
    b"\x00\xff",
)
_heads = st.lists(st.sampled_from(_lines), max_size=10).map(b"".join)


@FEW
@given(st.one_of(_heads, st.binary(max_size=100)))
def test_any_bytes_on_the_http_port_leave_it_working(running: Collector, sent: bytes) -> None:
    assert running.http_address is not None
    host, _, port = running.http_address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            connection.recv(100)
    assert call(running, "/healthz").status == 200


def test_after_all_that_a_good_request_is_taken(running: Collector, tmp_path: Path) -> None:
    del tmp_path
    before = accepted(running, "traces")
    fields = json_format.MessageToDict(otlp.traces(2), use_integers_for_enums=True)
    for span in [one for scope in fields["resourceSpans"][0]["scopeSpans"] for one in scope["spans"]]:
        _ids_to_hex(span)
    assert call(running, "/v1/traces", json.dumps(fields).encode(), content_type=JSON).status == 200
    assert accepted(running, "traces") == before + 2
