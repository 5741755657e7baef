"""A collector of two workers, as processes: one port, one account, one memory of requests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from rootspan_store.client import connect
from support.otlp_requests import traces
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    running = StoreProcess(tmp_path_factory.mktemp("store"))
    with running.running():
        yield running


@pytest.fixture
def collector(tmp_path: Path, store: StoreProcess) -> Iterator[CollectorProcess]:
    running = CollectorProcess(tmp_path, store.url, ["--workers", "2"])
    with running.running():
        yield running


def send(collector: CollectorProcess, body: bytes) -> None:
    """Send over a connection of its own, which the kernel gives to a worker, until it is acknowledged."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    for _ in range(100):
        with grpc.insecure_channel(collector.address, options) as channel:
            try:
                channel.unary_unary(EXPORT)(body, timeout=30, wait_for_ready=True)
                return
            except grpc.RpcError as err:
                if err.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
    raise AssertionError("never acknowledged")


def test_a_request_that_is_sent_again_to_another_worker_is_stored_once(
    collector: CollectorProcess, store: StoreProcess
) -> None:
    assert len(collector.workers()) == 2
    bodies = [traces(5, name=f"again-{number}").SerializeToString() for number in range(4)]
    for body in bodies:
        for _ in range(12):
            send(collector, body)
    collector.wait_drained()
    counts = collector.counts("traces")
    assert counts["accepted"] == 4 * 5
    assert counts["repeated"] == 4 * 5 * 11
    found = connect(store.url).query("SELECT count() FROM otel_traces WHERE startsWith(SpanName, 'again-')")
    assert found.result_rows == [(20,)]


def test_one_worker_s_death_costs_nothing_and_it_comes_back_with_its_log(
    collector: CollectorProcess, store: StoreProcess
) -> None:
    bodies = [traces(3, name=f"dies-{number}").SerializeToString() for number in range(40)]
    for number, body in enumerate(bodies):
        send(collector, body)
        if number == 20:
            collector.kill_worker(collector.workers()[0])
    wait_until(lambda: len(collector.workers()) == 2, timeout_s=60, what="two workers")
    for body in bodies:  # as senders do that did not hear the answer
        send(collector, body)
    collector.wait_drained()
    found = connect(store.url).query(
        "SELECT count(), uniqExact(SpanName) FROM otel_traces WHERE startsWith(SpanName, 'dies-')"
    )
    assert found.result_rows == [(120, 40)]


def test_fewer_workers_drain_the_logs_of_those_that_are_gone_and_know_their_requests(
    tmp_path: Path, store: StoreProcess
) -> None:
    away = CollectorProcess(tmp_path, "http://127.0.0.1:1/otel", ["--workers", "2"])
    bodies = [traces(2, name=f"moved-{number}").SerializeToString() for number in range(30)]
    with away.running():
        for body in bodies:
            send(away, body)
    assert any((tmp_path / "wal" / "workers" / "1").iterdir())
    alone = CollectorProcess(tmp_path, store.url)
    with alone.running():
        for body in bodies:  # as senders do that did not hear the answer
            send(alone, body)
        alone.wait_drained()
        assert alone.counts("traces")["accepted"] == 60
    found = connect(store.url).query("SELECT count() FROM otel_traces WHERE startsWith(SpanName, 'moved-')")
    assert found.result_rows == [(60,)]


def test_a_second_collector_cannot_take_the_folder(collector: CollectorProcess, store: StoreProcess) -> None:
    second = CollectorProcess(collector.wal.parent, store.url, ["--workers", "2"])
    second.launch()
    assert second.wait(60) != 0
    assert "belongs to the workers of another collector" in second.output
    assert all(os.path.exists(f"/proc/{pid}") for pid in collector.workers())
