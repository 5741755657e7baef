"""Incidents in the store: what is written comes back, the newest state counts, filters hold."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from rootspan_analysis import StoreError
from rootspan_analysis.watch import BlastRadius, Breach, Incident, IncidentImpact, incident, incidents
from rootspan_analysis.watch.records import write_incident
from support.written import WritableStore

T0 = 1_795_341_600_123_456_789
S = 1_000_000_000


@pytest.fixture(scope="module")
def store() -> Iterator[WritableStore]:
    opened = WritableStore(database="records")
    yield opened
    opened.close()


def breach(service: str, text: str = "slow") -> Breach:
    return Breach("latency_p95", service, "Rank", "", 31.5, 12.25, "ms", T0, False, text)


def an_incident(name: str, service: str = "ranker") -> Incident:
    lead = breach(service, 'takes "31.5" ms, äöü \\ \n at the 95th percentile')
    return Incident(
        id=name,
        state="open",
        severity="major",
        title="ranker on gpu-017 is slow",
        onset_ns=T0,
        opened_ns=T0 + 30 * S,
        updated_ns=T0 + 31 * S,
        closed_ns=None,
        lead=lead,
        breaches=(lead, breach("gateway")),
        verdict="cause_found",
        causes=({"rank": 1, "entity": {"host.name": "gpu-017"}},),
        impact=IncidentImpact(1000, 40, 3, 1.25, 0.5),
        blast=BlastRadius((service, "gateway"), 12, ("eu", "us")),
        explanation={"verdict": "cause_found", "took_ms": 12},
        engine_version="0.1.0",
    )


def test_an_incident_comes_back_as_it_was_written(store: WritableStore) -> None:
    wrote = an_incident("same")
    write_incident(store, wrote)
    assert incident(store, "same") == wrote
    listed = {one.id: one for one in incidents(store)}["same"]
    assert listed == replace(wrote, explanation=None)
    assert incident(store, "no such id") is None
    assert incident(store, "") is None


def test_the_newest_state_counts_whatever_the_order_of_writes(store: WritableStore) -> None:
    first = an_incident("states")
    closed = replace(first, state="closed", closed_ns=T0 + 300 * S, updated_ns=T0 + 400 * S, severity="minor")
    write_incident(store, closed)
    write_incident(store, first)
    assert incident(store, "states") == closed


def test_filters_hold(store: WritableStore) -> None:
    far = replace(an_incident("far", "checkout"), onset_ns=T0 + 5000 * S)
    over = replace(an_incident("over", "search"), state="closed", closed_ns=T0 + 60 * S)
    for one in (far, over):
        write_incident(store, one)
    assert {one.id for one in incidents(store, service="checkout")} == {"far"}
    assert "over" not in {one.id for one in incidents(store, state="open")}
    assert "over" not in {one.id for one in incidents(store, from_ns=T0 + 61 * S)}
    assert "over" in {one.id for one in incidents(store, from_ns=T0 + 59 * S)}
    assert "far" not in {one.id for one in incidents(store, to_ns=T0 + 5000 * S)}
    assert incidents(store)[0].id == "far"
    assert len(incidents(store, limit=1)) == 1


def test_a_store_without_the_table_says_what_to_do() -> None:
    with pytest.raises(StoreError, match="rootspan migrate"):
        incidents(WithoutTables())


class WithoutTables:
    def query_arrow(self, query: str, parameters: object = None) -> None:
        raise RuntimeError("Code: 60. DB::Exception: Table otel.rootspan_incidents does not exist")
