"""Inserts as the collector makes them: large, streamed, with tokens, beside readers."""

import hashlib
import http.client
import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from store_process import StoreProcess

from rootspan_store.ingest import Signal, frame_prefix, insert_settings, insert_statement
from rootspan_store.schema import migrate

_MIB = 1024 * 1024


def post(store: StoreProcess, body: object, size: int | None = None, **given: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", store.url.port, timeout=60)
    headers = {} if size is None else {"Content-Length": str(size)}
    path = "/?" + urlencode({"database": "tests", **given})
    connection.request("POST", path, body, headers)  # type: ignore[arg-type]
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def _request(trace: int, spans: int) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    name = resource.resource.attributes.add(key="service.name")
    name.value.string_value = "it's \\ ranker"
    scope = resource.scope_spans.add()
    for number in range(spans):
        scope.spans.add(
            trace_id=struct.pack(">QQ", 7, trace),
            span_id=struct.pack(">Q", number + 1),
            name="rank",
            start_time_unix_nano=1_700_000_000_000_000_000 + number,
            end_time_unix_nano=1_700_000_000_000_001_000 + number,
        )
    return request.SerializeToString()


def _frames(requests: list[bytes]) -> bytes:
    return b"".join(frame_prefix(len(r)) + r for r in requests)


def test_a_segment_of_otlp_is_stored_once_however_often_it_is_sent(
    store: StoreProcess, client: Client
) -> None:
    migrate(client)
    body = _frames([_request(trace, 100) for trace in range(50)])
    settings = insert_settings(Signal.TRACES, "segment ' \\ 1")
    for _ in range(3):
        status, answer = post(store, body, query=insert_statement(Signal.TRACES), **settings)
        assert status == 200, answer
    counts = client.query(
        "SELECT (SELECT count() FROM otel_traces), (SELECT uniqExact(TraceId) FROM otel_traces), "
        "(SELECT sum(Spans) FROM otel_spans_1m), "
        "(SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'traces')"
    ).result_rows
    assert counts == [(5000, 50, 5000, 5000)]
    assert client.query("SELECT DISTINCT ServiceName FROM otel_traces").result_rows == [("it's \\ ranker",)]


def test_a_poisoned_segment_is_refused_whole(store: StoreProcess, client: Client) -> None:
    migrate(client)
    body = _frames([_request(1, 10), b"\xff\xff\xff not protobuf", _request(2, 10)])
    status, answer = post(
        store, body, query=insert_statement(Signal.TRACES), **insert_settings(Signal.TRACES, "poison")
    )
    assert status in (400, 500)
    assert answer.startswith(b"Code: ")
    assert client.command("SELECT count() FROM otel_traces") == 0
    status, _ = post(
        store,
        _frames([_request(1, 10)]),
        query=insert_statement(Signal.TRACES),
        **insert_settings(Signal.TRACES, "after"),
    )
    assert status == 200
    assert client.command("SELECT count() FROM otel_traces") == 10


def test_a_large_insert_is_streamed_not_held(store: StoreProcess, client: Client) -> None:
    client.command("CREATE TABLE big (a UInt64, b String) ENGINE = Null")
    row = struct.pack("<Q", 7) + b"\xc8\x01" + b"x" * 200
    batch = row * 5000
    batches = 250
    before = store.memory_bytes()
    peak = before

    def chunks() -> Iterator[bytes]:
        nonlocal peak
        for _ in range(batches):
            yield batch
            peak = max(peak, store.memory_bytes())

    small_blocks = {"max_insert_block_size": "20000", "min_insert_block_size_bytes": "4000000"}
    insert = "INSERT INTO big FORMAT RowBinary"
    status, answer = post(store, chunks(), len(batch) * batches, query=insert, **small_blocks)
    assert status == 200, answer
    assert len(batch) * batches > 250 * _MIB
    assert peak - before < 100 * _MIB


def test_an_insert_that_is_refused_early_still_gets_its_error(store: StoreProcess, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64) ENGINE = Memory")
    body = b"no number\n" * (3 * _MIB)
    status, answer = post(store, body, query="INSERT INTO t FORMAT TSV")
    assert (status, answer[:10]) == (400, b"Code: 27. ")
    status, answer = post(store, body, query="INSERT INTO nowhere FORMAT TSV")
    assert (status, answer[:10]) == (404, b"Code: 60. ")


def test_a_sender_that_breaks_off_inserts_nothing(store: StoreProcess, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    connection = http.client.HTTPConnection("127.0.0.1", store.url.port, timeout=30)
    connection.putrequest("POST", "/?" + urlencode({"query": "INSERT INTO tests.t FORMAT TSV"}))
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"1\n2\n3\n")
    connection.close()
    assert post(store, b"4\n", query="INSERT INTO t FORMAT TSV")[0] == 200
    assert client.query("SELECT a FROM t").result_rows == [(4,)]


def test_readers_are_answered_while_inserts_run(store: StoreProcess, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    stop = threading.Event()
    failures: list[BaseException] = []
    seen: list[list[int]] = [[], []]

    def read(into: list[int]) -> None:
        own = store.connect("tests")
        try:
            while not stop.is_set():
                total, rows = own.query("SELECT sum(a), count() FROM t").result_rows[0]
                assert total == rows
                into.append(rows)
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    readers = [threading.Thread(target=read, args=(into,)) for into in seen]
    for reader in readers:
        reader.start()
    body = b"1\n" * 100_000
    for _ in range(10):
        assert post(store, body, query="INSERT INTO t FORMAT TSV")[0] == 200
    deadline = time.monotonic() + 20
    while (
        not all(into and into[-1] == 1_000_000 for into in seen)
        and time.monotonic() < deadline
        and not failures
    ):
        stop.wait(0.01)
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures
    for into in seen:
        assert into == sorted(into)
        assert into[-1] == 1_000_000


def test_more_queries_than_handles_wait_their_turn(store: StoreProcess) -> None:
    results: list[tuple[int, bytes]] = []

    def ask() -> None:
        results.append(post(store, b"SELECT sum(number) FROM numbers(3000000)", database="default"))

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(200, b"4499998500000\n")] * 24


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, _MIB - 1, _MIB, _MIB + 1, 5 * _MIB + 3])
def test_bodies_of_every_size_arrive_whole(store: StoreProcess, client: Client, size: int) -> None:
    client.command("CREATE TABLE t (a String) ENGINE = Memory")
    body = bytes(i * 31 % 251 for i in range(4096)) * (size // 4096 + 1)
    status, answer = post(store, body[:size], query="INSERT INTO t FORMAT RawBLOB")
    assert status == 200, answer
    rows = client.query("SELECT length(a), lower(hex(SHA256(a))) FROM t").result_rows
    # Without a byte there is no row.
    assert rows == ([(size, hashlib.sha256(body[:size]).hexdigest())] if size else [])
