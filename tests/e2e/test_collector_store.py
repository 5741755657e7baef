"""Collector and store together.

Every signal arrives, poison is set aside, a store that was away gets everything.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan_analysis.telemetry import balance
from rootspan_store.client import connect
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, insert_statement
from rootspan_store.rules import RuleSet
from rootspan_store.schema import migrate
from support import otlp_requests as otlp
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process

_SERVICE = {"traces": "trace.v1.Trace", "logs": "logs.v1.Logs", "metrics": "metrics.v1.Metrics"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    process = StoreProcess(tmp_path_factory.mktemp("store"))
    with process.running():
        client = connect(process.url)
        migrate(client)
        client.close()
        yield process


@pytest.fixture
def collector(tmp_path: Path, store: StoreProcess) -> CollectorProcess:
    return CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.1"])


def _export(channel: grpc.Channel, signal: str, body: bytes) -> None:
    channel.unary_unary(f"/opentelemetry.proto.collector.{_SERVICE[signal]}Service/Export")(body, timeout=30)


def _traces(service: str, spans: int) -> ExportTraceServiceRequest:
    request = otlp.traces(spans)
    request.resource_spans[0].resource.attributes[0].value.string_value = service
    return request


def _spans(store: StoreProcess, service: str) -> int:
    return store.number(f"SELECT count() FROM otel_traces WHERE ServiceName = '{service}'")


def _stored(store: StoreProcess, signal: str) -> int:
    return store.number(f"SELECT sum(Items) FROM rootspan_stored WHERE Signal = '{signal}'")


def test_all_signals_are_stored_and_the_store_counts_what_the_collector_counts(
    store: StoreProcess, collector: CollectorProcess
) -> None:
    with collector.running(), collector.channel() as channel:
        before = {signal: _stored(store, signal) for signal in _SERVICE}
        _export(channel, "traces", _traces("all-signals", 7).SerializeToString())
        logs: ExportLogsServiceRequest = otlp.logs(5)
        _export(channel, "logs", logs.SerializeToString())
        metrics: ExportMetricsServiceRequest = otlp.metrics()
        _export(channel, "metrics", metrics.SerializeToString())
        collector.wait_drained()
        for signal, items in {"traces": 7, "logs": 5, "metrics": 9}.items():
            counts = collector.counts(signal)
            assert (counts["accepted"], counts["stored"], counts["quarantined"]) == (items, items, 0)
            assert _stored(store, signal) - before[signal] == items
        identity = collector.status()["collector_id"]
        assert collector.stop() == 0
        rows = store.query(
            "SELECT Signal, Accepted, Stored, Pending, Quarantined FROM rootspan_collectors FINAL "
            f"WHERE CollectorId = '{identity}' ORDER BY Signal"
        )
        assert rows.splitlines() == ["logs\t5\t5\t0\t0", "metrics\t9\t9\t0\t0", "traces\t7\t7\t0\t0"]


def test_poison_in_a_good_stream_is_quarantined_and_everything_else_is_stored(
    store: StoreProcess, collector: CollectorProcess
) -> None:
    # Well framed down to the span, garbage inside of it: only the store can tell.
    body = b"\x0a\x08\x12\x06\x12\x04\xff\xff\xff\xff"
    with collector.running(), collector.channel() as channel:
        for number in range(40):
            _export(channel, "traces", body if number == 23 else _traces("poisoned", 3).SerializeToString())
        collector.wait_drained()
        counts = collector.counts("traces")
        assert (counts["accepted"], counts["stored"], counts["quarantined"]) == (118, 117, 1)
        assert _spans(store, "poisoned") == 117
        _export(channel, "traces", _traces("poisoned", 3).SerializeToString())
        collector.wait_drained()
        assert _spans(store, "poisoned") == 120
    (described,) = (collector.wal / "quarantine").glob("*.json")
    facts = json.loads(described.read_text())
    assert (facts["kind"], facts["items"]) == ("rejected", 1)
    assert "no OTLP" in facts["reason"]
    assert described.with_suffix(".bin").read_bytes() == body


def test_while_the_store_is_away_everything_is_acknowledged_and_it_gets_all_when_it_is_back(
    tmp_path: Path,
) -> None:
    store = StoreProcess(tmp_path)
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-bytes", "65536"])
    with collector.running(), collector.channel() as channel:
        for _ in range(60):
            _export(channel, "traces", _traces("backlog", 50).SerializeToString())
        assert collector.counts("traces")["pending"] == 3000
        with store.running():
            collector.wait_drained()
            assert _spans(store, "backlog") == 3000
            assert store.number("SELECT sum(Spans) FROM otel_spans_1m WHERE ServiceName = 'backlog'") == 3000
            assert collector.stop() == 0


def test_told_to_stop_a_collector_stores_what_it_has_just_acknowledged(
    store: StoreProcess, tmp_path: Path
) -> None:
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "60", "--stop-grace-s", "50"])
    with collector.running():
        with collector.channel() as channel:
            _export(channel, "traces", _traces("graceful", 11).SerializeToString())
        assert collector.stop() == 0
    assert _spans(store, "graceful") == 11
    assert list(collector.wal.glob("*.wal")) == []


def test_a_second_collector_on_the_same_log_or_port_ends_with_one_clear_line(
    store: StoreProcess, collector: CollectorProcess, tmp_path: Path
) -> None:
    with collector.running():
        same_log = CollectorProcess(tmp_path / "same-log", store.url, ["--wal", str(collector.wal)])
        same_log.launch()
        assert same_log.wait(30) == 2
        assert "belongs to another collector" in same_log.output
        same_port = CollectorProcess(tmp_path / "same-port", store.url, ["--grpc", collector.address])
        same_port.launch()
        assert same_port.wait(30) == 2
        assert "ROOTSPAN_COLLECTOR_GRPC" in same_port.output
        for output in (same_log.output, same_port.output):
            assert "Traceback" not in output


def test_what_tenants_send_over_grpc_and_http_bears_their_name_whatever_they_claim(
    store: StoreProcess, tmp_path: Path
) -> None:
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(f'[tenants.search]\ntoken_sha256 = ["{hashlib.sha256(b"secret").hexdigest()}"]\n')
    flags = ["--wal-segment-age-s", "0.1", "--tenants", str(tenants)]
    collector = CollectorProcess(tmp_path, store.url, flags)
    with collector.running():
        with collector.channel() as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            claim = b"\xc2\x3e\x05other"  # field 1000, a string: what the collector writes itself
            body = _traces("of-a-tenant", 7).SerializeToString() + claim
            export(body, timeout=30, metadata=(("authorization", "Bearer secret"),))
        connection = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=30)
        headers = {"authorization": "Bearer secret", "content-type": "application/x-protobuf"}
        for path, request in (
            ("traces", _traces("of-a-tenant", 5)),
            ("logs", otlp.logs(3)),
            ("metrics", otlp.metrics()),
        ):
            connection.request("POST", f"/v1/{path}", request.SerializeToString(), headers)
            assert connection.getresponse().read() == b""
        connection.close()
        wait_until(lambda: _spans(store, "of-a-tenant") == 12, timeout_s=60, what="the spans are stored")
        assert collector.stop() == 0
    for table in ("otel_traces", "otel_logs", "otel_metrics_gauge", "otel_metrics_summary"):
        assert store.query(f"SELECT DISTINCT Tenant FROM {table} WHERE Tenant != ''") == "search", table
    assert (
        store.query("SELECT countIf(Tenant = 'search') FROM otel_traces WHERE ServiceName = 'of-a-tenant'")
        == "12"
    )
    progress = {
        path.name.partition("-")[0]: json.loads(path.read_text())
        for path in collector.wal.glob("*-progress.json")
    }
    assert {name: one["stored"] for name, one in progress.items()} == {"traces": 12, "logs": 3, "metrics": 9}
    assert list((collector.wal / "quarantine").iterdir()) == []


def _insert(store: StoreProcess, token: str, bodies: list[bytes]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", store.port, timeout=60)
    try:
        parameters = {
            "database": "otel",
            "query": insert_statement(Signal.TRACES),
            **insert_settings(Signal.TRACES, token),
        }
        data = b"".join(frame_prefix(len(body)) + body for body in bodies)
        connection.request("POST", "/?" + urlencode(parameters), data)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_the_same_token_inserted_several_times_at_once_is_stored_once(
    store: StoreProcess, collector: CollectorProcess
) -> None:
    # What happens when an answer is late, the collector gives up and sends the segment again while the
    # first still runs.
    with collector.running():
        with collector.channel() as channel:
            _export(channel, "traces", _traces("migrates", 1).SerializeToString())
        collector.wait_drained()
    bodies = [_traces("raced", 500).SerializeToString() for _ in range(40)]
    begin = threading.Barrier(4)

    def race(_: int) -> int:
        begin.wait(10)
        return _insert(store, "race-one", bodies)

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(race, range(4)))
    assert 200 in statuses
    wait_until(lambda: _insert(store, "race-one", bodies) == 200, timeout_s=30, what="the store answers")
    assert _spans(store, "raced") == 20_000
    assert store.number("SELECT sum(Spans) FROM otel_spans_1m WHERE ServiceName = 'raced'") == 20_000


def test_rules_of_the_collector_hold_in_the_store_and_the_balance_shows_what_they_drop(
    store: StoreProcess, tmp_path: Path
) -> None:
    rules = [
        {"name": "health", "action": "drop", "when": {"name": "health"}},
        {"name": "who", "action": "hash", "keys": ["user.id"], "signals": ["traces"]},
    ]
    environment = {"ROOTSPAN_RULES": json.dumps(rules), "ROOTSPAN_RULES_KEY": "nobody knows this"}
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.1"], environment)
    client = connect(store.url)
    before = balance(client)
    with collector.running(), collector.channel() as channel:
        request = _traces("ruled", 6)
        scopes = request.resource_spans[0].scope_spans
        scopes[0].spans[0].name = "health"
        scopes[0].spans[1].attributes.add(key="user.id").value.string_value = "u-1"
        _export(channel, "traces", request.SerializeToString())
        collector.wait_drained()
        # To the collector the store took them all; the store's own count tells the rest.
        assert collector.counts("traces")["stored"] == 6
    assert _spans(store, "ruled") == 5
    found = store.number("SELECT count() FROM otel_traces WHERE length(SpanAttributes['user.id']) = 32")
    assert found == 1
    after = balance(client)
    assert after.by_signal["traces"].dropped - before.by_signal["traces"].dropped == 1
    assert after.by_signal["traces"].stored - before.by_signal["traces"].stored == 5
    assert after.ruled_out["traces"] == {"health": 1}
    # Whoever has no rules of its own leaves those of others alone.
    migrate(client)
    assert store.number("SELECT count() FROM rootspan_rules FINAL WHERE length(Rules) > 0") > 0
    migrate(client, rules=RuleSet())
    client.close()
