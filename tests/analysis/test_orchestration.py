"""Machines whose pods are taken away, or whose processors others take: named for it, and nobody else is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rootspan_analysis import Explanation, Question, explain
from support.written import WritableStore

END_S = time.time() // 60 * 60
BEGIN_S, ONSET_S = END_S - 1500, END_S - 240
ONSET = f"fromUnixTimestamp64Nano(toInt64({ONSET_S} * 1000000000))"
PRESSURE, OWN = "system.linux.pressure.cpu.some", "process.cpu.utilization"


@pytest.fixture(scope="module")
def one_store() -> Iterator[WritableStore]:
    opened = WritableStore(database="orchestration")
    yield opened
    opened.close()


@pytest.fixture
def store(one_store: WritableStore) -> WritableStore:
    one_store.clear()
    one_store.stream("ranker", BEGIN_S, END_S, per_s=8, hosts=4)
    return one_store


def gauge(
    store: WritableStore,
    metric: str,
    host: str,
    *,
    service: str = "rootspan-agent",
    before: float,
    after: float,
    since_s: float = ONSET_S,
) -> None:
    """Told every ten seconds; a little more and less from time to time."""
    store.execute(
        "INSERT INTO otel_metrics_gauge (TimeUnix, MetricName, ServiceName, HostName, Value) "
        f"SELECT toDateTime64({BEGIN_S} + 10 * number, 9) AS at, '{metric}', '{service}', '{host}', "
        f"if(at < toDateTime64({since_s}, 9), {before}, {after}) * (0.9 + 0.05 * (number % 5)) "
        "FROM numbers(150)"
    )


def tell(store: WritableStore, event: str, about: str, pod: str = "", service: str = "kubelet") -> None:
    store.execute(
        "INSERT INTO otel_logs "
        "(Timestamp, ServiceName, HostName, SeverityNumber, EventName, Body, LogAttributes) "
        f"SELECT {ONSET} + 3, '{service}', 'control-1', 13, '{event}', '{event} {about}', "
        f"map('host.name', '{about}', 'k8s.pod.name', '{pod}')"
    )


def slow(store: WritableStore, where: str) -> None:
    store.execute(
        "ALTER TABLE otel_traces UPDATE Duration = Duration * 5 "
        f"WHERE Timestamp >= {ONSET} AND {where} SETTINGS mutations_sync = 2"
    )


def silent(store: WritableStore, host: str) -> None:
    """Its peers take its calls over."""
    store.execute(
        f"ALTER TABLE otel_traces UPDATE HostName = 'ranker-0' WHERE HostName = '{host}' "
        f"AND Timestamp >= {ONSET} SETTINGS mutations_sync = 2"
    )


def ask(store: WritableStore) -> Explanation:
    return explain(store, Question(round((ONSET_S - 60) * 1e9), round(END_S * 1e9)))


def test_a_host_that_is_slow_while_others_take_its_processors_has_a_noisy_neighbour(
    store: WritableStore,
) -> None:
    slow(store, "HostName = 'ranker-2'")
    gauge(store, PRESSURE, "ranker-2", before=0.05, after=0.8)
    gauge(store, OWN, "ranker-2", service="ranker", before=0.3, after=0.3)
    (first,) = ask(store).causes
    assert (first.fault, first.entity["service.name"]) == ("noisy_neighbour", "ranker")
    assert first.entity["host.name"] == "ranker-2"
    (told,) = (one for one in first.evidence if PRESSURE in one.text)
    assert store.query_arrow(told.sql).num_rows > 0


def test_a_host_that_takes_its_processors_itself_has_no_noisy_neighbour(store: WritableStore) -> None:
    slow(store, "HostName = 'ranker-2'")
    gauge(store, PRESSURE, "ranker-2", before=0.05, after=0.8)
    gauge(store, OWN, "ranker-2", service="ranker", before=0.3, after=0.9)
    # What it does itself is to blame; nothing is said of its GPU.
    assert [one.fault for one in ask(store).causes] == ["cpu_contention"]


def test_a_gpu_that_runs_slower_is_to_blame_whoever_takes_the_processors(store: WritableStore) -> None:
    slow(store, "HostName = 'ranker-2'")
    gauge(store, PRESSURE, "ranker-2", before=0.05, after=0.8)
    gauge(store, "hw.gpu.clock", "ranker-2", before=1.9e9, after=0.9e9)
    assert [one.fault for one in ask(store).causes] == ["slow_gpu"]


def test_of_several_slow_operations_one_that_is_told_why_speaks_for_the_host(store: WritableStore) -> None:
    late_s = END_S - 60
    store.stream("ranker", BEGIN_S, END_S, per_s=8, hosts=4, operation="Embed")
    slow(store, "HostName = 'ranker-2' AND SpanName != 'Embed'")
    slow(store, f"HostName = 'ranker-2' AND SpanName = 'Embed' AND Timestamp >= toDateTime64({late_s}, 9)")
    # Of all the time that the first is slow, too little to count.
    gauge(store, PRESSURE, "ranker-2", before=0.05, after=0.35, since_s=late_s)
    assert [one.fault for one in ask(store).causes] == ["noisy_neighbour"]


def test_a_slow_host_whose_processors_are_as_free_as_ever_keeps_its_name(store: WritableStore) -> None:
    slow(store, "HostName = 'ranker-2'")
    gauge(store, PRESSURE, "ranker-2", before=0.05, after=0.08)
    gauge(store, PRESSURE, "ranker-1", before=0.05, after=0.8)
    assert [one.fault for one in ask(store).causes] == ["slow_host"]


def test_pressure_that_slows_nobody_is_no_cause(store: WritableStore) -> None:
    gauge(store, PRESSURE, "ranker-2", before=0.05, after=0.8)
    assert ask(store).verdict == "no_fault"


def test_an_evicted_pod_is_named_with_its_node(store: WritableStore) -> None:
    silent(store, "ranker-3")
    tell(store, "k8s.pod.evicted", "ranker-3", pod="ranker-abc")
    first = ask(store).causes[0]
    assert (first.fault, first.entity["host.name"]) == ("pod_evicted", "ranker-3")
    assert first.entity["k8s.pod.name"] == "ranker-abc"
    assert len(ask(store).causes) == 1
    for one in first.evidence:
        assert store.query_arrow(one.sql).num_rows > 0


def test_a_drained_node_is_named_by_whom_ever_it_is_told(store: WritableStore) -> None:
    silent(store, "ranker-3")
    tell(store, "k8s.node.drained", "ranker-3", service="drain")
    (first,) = ask(store).causes
    assert (first.fault, first.entity["host.name"]) == ("node_drained", "ranker-3")


def test_a_node_lost_without_a_word_is_lost(store: WritableStore) -> None:
    silent(store, "ranker-3")
    (first,) = ask(store).causes
    assert (first.fault, first.entity["host.name"]) == ("lost_instances", "ranker-3")
    tell(store, "k8s.pod.evicted", "ranker-9", pod="batch-1")
    assert ("lost_instances", "ranker-3") in [
        (one.fault, one.entity["host.name"]) for one in ask(store).causes
    ]
