"""What machines and services say has happened: alone, beside what is slow, and when they always say so."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rootspan_analysis import Explanation, Question, explain
from support.written import WritableStore

END_S = time.time() // 60 * 60
BEGIN_S, ONSET_S = END_S - 1500, END_S - 240

COLUMNS = "Timestamp, ServiceName, HostName, SeverityNumber, EventName, Body, LogAttributes"
ONSET = f"fromUnixTimestamp64Nano(toInt64({ONSET_S} * 1000000000))"


@pytest.fixture(scope="module")
def one_store() -> Iterator[WritableStore]:
    opened = WritableStore(database="events")
    yield opened
    opened.close()


@pytest.fixture
def store(one_store: WritableStore) -> WritableStore:
    one_store.clear()
    return one_store


def tell(
    store: WritableStore,
    event: str,
    host: str,
    *at_s: float,
    service: str = "kernel",
    code: str = "",
    severity: int = 17,
    about: str = "",
) -> None:
    times = ", ".join(str(round(one * 1e9)) for one in at_s)
    store.execute(
        f"INSERT INTO otel_logs ({COLUMNS}) "
        f"SELECT fromUnixTimestamp64Nano(toInt64(arrayJoin([{times}]))), '{service}', '{host}', {severity}, "
        f"'{event}', '{event} on {host}', map('hw.error.code', '{code}', 'host.name', '{about}')"
    )


def ask(store: WritableStore) -> Explanation:
    return explain(store, Question(round((ONSET_S - 60) * 1e9), round(END_S * 1e9)))


def test_among_thousands_of_machines_without_requests_the_broken_one_is_named(store: WritableStore) -> None:
    store.execute(
        f"INSERT INTO otel_logs ({COLUMNS}) "
        f"SELECT fromUnixTimestamp64Nano(toInt64({ONSET_S} * 1000000000)) + number % 200, 'kernel', "
        "concat('gpu-', toString(number % 4000)), 13, if(number % 40 = 0, 'gpu.xid', ''), 'x', "
        "map('hw.error.code', '31') FROM numbers(40000)"
    )
    tell(store, "gpu.xid", "gpu-1234", ONSET_S + 30, code="79")
    answer = ask(store)
    assert (answer.verdict, len(answer.causes)) == ("cause_found", 1)
    assert answer.causes[0].entity["host.name"] == "gpu-1234"
    assert answer.causes[0].fault == "gpu_error"
    assert store.query_arrow(answer.causes[0].evidence[0].sql).num_rows > 0


def test_what_a_machine_said_yesterday_is_nothing_new(store: WritableStore) -> None:
    tell(store, "gpu.xid", "gpu-7", ONSET_S - 8000, ONSET_S + 30, code="79")
    assert ask(store).verdict == "not_enough_data"


def _slow_host(store: WritableStore) -> None:
    store.stream("ranker", BEGIN_S, END_S, per_s=8, hosts=4)
    store.execute(
        f"ALTER TABLE otel_traces UPDATE Duration = Duration * 4 WHERE HostName = 'ranker-2' "
        f"AND Timestamp >= {ONSET} SETTINGS mutations_sync = 2"
    )


def test_a_broken_part_is_the_fault_of_the_host_that_is_slow(store: WritableStore) -> None:
    _slow_host(store)
    tell(store, "host.memory.ecc_uncorrected", "ranker-2", ONSET_S + 5)
    tell(store, "gpu.xid", "ranker-1", ONSET_S + 5, code="31", severity=13)  # a program's own mistake
    first = ask(store).causes[0]
    assert (first.entity["service.name"], first.entity["host.name"]) == ("ranker", "ranker-2")
    assert first.fault == "memory_error"
    assert any("ecc_uncorrected" in one.text for one in first.evidence)


def test_a_host_that_is_slow_for_another_reason_keeps_its_name(store: WritableStore) -> None:
    _slow_host(store)
    tell(store, "host.memory.oom_kill", "elsewhere", ONSET_S - 900)
    first = ask(store).causes[0]
    assert (first.entity["host.name"], first.fault) == ("ranker-2", "slow_host")


def test_what_a_service_says_has_happened_explains_that_it_is_slow(store: WritableStore) -> None:
    store.stream("registry", BEGIN_S, END_S, per_s=8, hosts=4)
    store.execute(
        "ALTER TABLE otel_traces UPDATE Duration = Duration * 5 "
        f"WHERE Timestamp >= {ONSET} SETTINGS mutations_sync = 2"
    )
    for number in range(40):
        tell(
            store,
            "raft.election.started",
            "registry-3",
            ONSET_S + 5 * number,
            service="registry",
            severity=13,
        )
    answer = ask(store)
    first = answer.causes[0]
    assert (first.fault, first.entity["host.name"]) == ("election_storm", "registry-3")
    assert [one.fault for one in answer.causes] == ["election_storm"]
    for one in first.evidence:
        store.query_arrow(one.sql)


def test_events_that_always_come_name_nobody(store: WritableStore) -> None:
    store.stream("registry", BEGIN_S, END_S, per_s=8, hosts=4)
    at_s = [BEGIN_S + 10 * number for number in range(150)]
    tell(store, "cache.missed", "registry-1", *at_s, service="registry", severity=13)
    tell(store, "cache.cold", "registry-2", ONSET_S + 20, service="registry", severity=13)
    assert ask(store).verdict == "no_fault"


def _readers(store: WritableStore) -> None:
    """A service on four hosts that reads from a store, which sends no spans."""
    store.stream("reader", BEGIN_S, END_S, per_s=8, hosts=4)
    store.stream(
        "reader",
        BEGIN_S,
        END_S,
        operation="HGET",
        per_s=8,
        ms=2,
        hosts=4,
        kind="Client",
        parent="readerServe",
        trace="reader",
        attributes={"peer.service": "'redis'", "server.address": "'redis-02'"},
    )


def _slow_since_onset(store: WritableStore, which: str) -> None:
    store.execute(
        "ALTER TABLE otel_traces UPDATE Duration = Duration * 5 "
        f"WHERE SpanName = 'Serve' AND Timestamp >= {ONSET} AND {which} SETTINGS mutations_sync = 2"
    )


def test_a_failover_is_named_once_told_by_the_host_it_is_about(store: WritableStore) -> None:
    _readers(store)
    tell(
        store, "replication.failover", "redis-02", ONSET_S + 5, service="redis", severity=13, about="redis-01"
    )
    answer = ask(store)
    (first,) = answer.causes
    assert (first.fault, first.entity) == ("failover", {"service.name": "redis", "host.name": "redis-01"})
    assert "was told of redis redis-01 once" in first.evidence[0].text
    (row, *_) = store.query_arrow(first.evidence[0].sql).to_pylist()
    assert row["host"] in ("redis-01", b"redis-01")


def test_a_failover_that_came_before_is_nothing_new(store: WritableStore) -> None:
    _readers(store)
    for at_s in (BEGIN_S + 400, ONSET_S + 5):
        tell(store, "replication.failover", "redis-02", at_s, service="redis", severity=13, about="redis-01")
    assert ask(store).verdict == "no_fault"


def test_what_others_say_of_machines_goes_before_what_these_say_themselves(store: WritableStore) -> None:
    store.stream("registry", BEGIN_S, END_S, per_s=8, hosts=5)
    at_s = [ONSET_S + 2 + number for number in range(100)]
    for host in ("registry-3", "registry-4"):
        tell(store, "raft.peer.unreachable", "registry-0", *at_s, service="registry", severity=13, about=host)
        tell(store, "raft.election.started", host, *at_s, *at_s, service="registry", severity=13)
    (first,) = ask(store).causes
    assert (first.fault, first.entity["host.name"]) == ("peer_unreachable", "registry-3,registry-4")


def test_what_another_machine_says_of_itself_is_a_cause_of_its_own(store: WritableStore) -> None:
    store.stream("registry", BEGIN_S, END_S, per_s=8, hosts=5)
    at_s = [ONSET_S + 2 + number for number in range(100)]
    tell(
        store,
        "raft.peer.unreachable",
        "registry-0",
        *at_s,
        service="registry",
        severity=13,
        about="registry-3",
    )
    tell(store, "raft.election.started", "registry-1", *at_s, service="registry", severity=13)
    assert {one.entity["host.name"] for one in ask(store).causes} == {"registry-1", "registry-3"}


def test_a_replica_that_lags_explains_that_all_its_readers_wait(store: WritableStore) -> None:
    _readers(store)
    _slow_since_onset(store, "true")
    at_s = [ONSET_S + 2 + number for number in range(100)]
    tell(store, "replication.lag", "redis-02", *at_s, service="redis", severity=13)
    answer = ask(store)
    assert [(one.fault, one.entity["host.name"]) for one in answer.causes] == [
        ("replication_lag", "redis-02")
    ]
    assert any("reader" in one.text for one in answer.causes[0].evidence)


def test_one_slow_reader_is_not_the_lagging_replicas_doing(store: WritableStore) -> None:
    _readers(store)
    _slow_since_onset(store, "HostName = 'reader-3'")
    at_s = [ONSET_S + 2 + number for number in range(100)]
    tell(store, "replication.lag", "redis-02", *at_s, service="redis", severity=13)
    assert ("slow_host", "reader-3") in [
        (one.fault, one.entity.get("host.name")) for one in ask(store).causes
    ]
