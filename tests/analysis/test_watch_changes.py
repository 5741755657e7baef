"""Changes: told and found, near a time, for a thing, and beneath the causes that they may explain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rootspan_analysis import Cause, Explanation, Impact, Window
from rootspan_analysis.changes import Change, ChangeFinder, changes_near, with_changes, write_changes
from support.written import WritableStore

S = 1_000_000_000
T0 = 1_795_341_600
NEAR = Window((T0 - 1800) * S, (T0 + 600) * S)


@pytest.fixture(scope="module")
def one_store() -> Iterator[WritableStore]:
    opened = WritableStore(database="changes")
    yield opened
    opened.close()


@pytest.fixture
def store(one_store: WritableStore) -> WritableStore:
    one_store.clear()
    return one_store


def told(name: str, at_s: float, kind: str = "deploy", **scope: str) -> Change:
    names = {key.replace("_", "."): value for key, value in scope.items()}
    return Change(name, int(at_s * S), kind, names, "by hand", "", "kim", "cli")


def answer(*causes: tuple[dict[str, str], float]) -> Explanation:
    made = tuple(
        Cause(i, "host", entity, "slow", 0.9, 1e-6, int(onset_s * S), Impact(), ())
        for i, (entity, onset_s) in enumerate(causes, 1)
    )
    return Explanation(NEAR, NEAR, "cause_found", None, made, {}, 1)


def hosts_say(store: WritableStore, at_s: float, hosts: range, **facts: str) -> None:
    said = ", ".join(f"'{name.replace('_', '.')}', '{value}'" for name, value in facts.items())
    store.execute(
        "INSERT INTO otel_traces (Timestamp, ServiceName, HostName, ResourceAttributes) "
        f"SELECT fromUnixTimestamp({at_s:.0f}), 'ranker', concat('gpu-', toString(number)), map({said}) "
        f"FROM numbers({hosts.start}, {len(hosts)})"
    )


def test_changes_come_back_latest_first_for_the_thing_that_they_can_have_touched(
    store: WritableStore,
) -> None:
    everywhere = told("all", T0 - 50, "config")
    write_changes(
        store,
        [
            told("ranker", T0 - 100, service_name="ranker"),
            told("other", T0 - 90, service_name="search"),
            told("host", T0 - 80, "driver", host_name="gpu-7"),
            told("leaf", T0 - 70, "topology", network_switch="leaf-3"),
            everywhere,
            told("old", T0 - 7200, service_name="ranker"),
        ],
    )
    assert [one.id for one in changes_near(store, NEAR)] == ["all", "leaf", "host", "other", "ranker"]
    on_host = {"service.name": "ranker", "host.name": "gpu-6,gpu-7"}
    assert [one.id for one in changes_near(store, NEAR, on_host)] == ["all", "host", "ranker"]
    edge = {"service.name": "gateway", "peer.service": "ranker"}
    assert [one.id for one in changes_near(store, NEAR, edge)] == ["all", "ranker"]
    assert changes_near(store, NEAR)[0] == everywhere


def test_an_event_that_arrives_twice_is_one_change(store: WritableStore) -> None:
    for _ in range(2):
        store.execute(
            "INSERT INTO otel_logs (Timestamp, ServiceName, Body, EventName, LogAttributes) VALUES "
            f"(fromUnixTimestamp({T0}), 'rootspan-change', 'flag on', 'rootspan.change', "
            "map('change.kind', 'feature-flag', 'change.author', 'kim', 'service.name', 'shop'))"
        )
    store.execute(f"INSERT INTO otel_logs (Timestamp, Body) VALUES (fromUnixTimestamp({T0}), 'just a line')")
    (found,) = changes_near(store, NEAR)
    assert (found.kind, found.author, found.source) == ("feature-flag", "kim", "otlp")
    assert found.scope == {"service.name": "shop"}
    assert found.text == "flag on"


def test_a_version_seen_beside_an_older_one_is_a_deploy_and_a_first_version_is_none(
    store: WritableStore,
) -> None:
    for version, at_s in (("1.0", T0 - 5000), ("1.1", T0 - 60)):
        store.execute(
            "INSERT INTO otel_traces (Timestamp, ServiceName, HostName, ServiceVersion) "
            f"VALUES (fromUnixTimestamp({at_s}), 'ranker', 'gpu-1', '{version}')"
        )
    store.execute(
        "INSERT INTO otel_traces (Timestamp, ServiceName, HostName, ServiceVersion) "
        f"VALUES (fromUnixTimestamp({T0 - 30}), 'newcomer', 'n-1', '1.0')"
    )
    (found,) = changes_near(store, NEAR)
    assert found.words() == "deploy of ranker 1.1 (was 1.0)"
    assert found.time_ns == (T0 - 60) * S
    # The same deploy as a pipeline told it: one change, in its words.
    write_changes(store, [told("ci", T0 - 90, service_name="ranker", service_version="1.1")])
    assert [one.id for one in changes_near(store, NEAR)] == ["ci"]


def test_a_host_with_another_driver_or_switch_is_a_change_and_its_first_word_is_none(
    store: WritableStore,
) -> None:
    finder = ChangeFinder(store)
    hosts_say(store, T0 - 12, range(3), host_rack="r1", network_switch="leaf-1")
    assert finder.look(T0 * S) == ()
    hosts_say(store, T0 + 48, range(3), host_rack="r1", network_switch="leaf-1")
    assert finder.look((T0 + 60) * S) == ()
    hosts_say(store, T0 + 108, range(1, 2), network_switch="leaf-9")
    (moved,) = finder.look((T0 + 120) * S)
    assert (moved.kind, moved.previous, moved.scope["network.switch"]) == ("topology", "leaf-1", "leaf-9")
    assert moved.scope["host.name"] == "gpu-1"
    # Another process knows what this one knew.
    hosts_say(store, T0 + 168, range(1, 2), network_switch="leaf-9")
    assert ChangeFinder(store).look((T0 + 180) * S) == ()
    assert [one.id for one in changes_near(store, NEAR)] == [moved.id]


def test_a_change_of_many_hosts_is_one_of_the_fleet_too(store: WritableStore) -> None:
    finder = ChangeFinder(store)
    for at_s, kernel in ((T0, "6.1"), (T0 + 60, "6.8")):
        hosts_say(store, at_s - 12, range(12), os_version=kernel)
        found = finder.look(at_s * S)
    assert len(found) == 13
    (whole,) = [one for one in found if not one.scope]
    assert whole.words() == "kernel of the fleet (was 6.1): os.version of 12 hosts is 6.8"


def test_a_cause_names_what_was_changed_shortly_before_it_with_sql_that_runs(store: WritableStore) -> None:
    write_changes(
        store,
        [
            told("before", T0 - 42, service_name="ranker", service_version="3.9.0"),
            told("long ago", T0 - 3000, service_name="ranker"),
            told("afterwards", T0 + 300, service_name="ranker"),
            told("stranger", T0 - 5, service_name="search"),
        ],
    )
    ranker, search = {"service.name": "ranker", "host.name": "gpu-7"}, {"service.name": "checkout"}
    noted = with_changes(store, answer((ranker, T0), (search, T0)))
    (evidence,) = noted.causes[0].evidence
    assert evidence.signal == "change"
    assert evidence.text == "deploy of ranker 3.9.0: by hand, by kim, 42 s before onset"
    assert noted.causes[1].evidence == ()
    assert "3.9.0" in str(store.query_arrow(evidence.sql).to_pylist())


def test_an_answer_without_changes_near_it_stays_as_it_is(store: WritableStore) -> None:
    before = answer(({"service.name": "ranker"}, T0))
    assert with_changes(store, before) is before
