"""Who explains whom: load and the links that it makes slower."""

from dataclasses import replace

import pytest

from rootspan_analysis.call_graph import call_graph
from rootspan_analysis.contrast import Interval
from rootspan_analysis.explanation import CauseKind
from rootspan_analysis.finding import Finding, SignalName
from rootspan_analysis.ranking import rank

GRAPH = call_graph([("gateway", "balancer"), ("balancer", "ranker")])


def _finding(
    signal: SignalName, kind: CauseKind, fault: str, service: str, *, excess_s: float, peer: str = ""
) -> Finding:
    return Finding(
        signal=signal,
        kind=kind,
        entity={"service.name": service} | ({"peer.service": peer} if peer else {}),
        fault=fault,
        service=service,
        peer=peer,
        operation="",
        hosts=frozenset(),
        shift=1.0,
        z=20.0,
        p_value=1e-6,
        interval=Interval(10, 20),
        excess_s=excess_s,
    )


def _event(hosts: frozenset[str] = frozenset()) -> Finding:
    told = _finding("event", "host" if hosts else "service", "cache_flush", "ranker", excess_s=0.0)
    return replace(told, hosts=hosts, detail={"hard": 0.0})


@pytest.mark.parametrize("kind", ["version", "host"])
def test_what_a_whole_service_told_does_not_explain_one_build_or_one_machine(kind: CauseKind) -> None:
    bad = replace(
        _finding("slow", kind, "slow", "ranker", excess_s=80.0), hosts=frozenset({"gpu-001", "gpu-002"})
    )
    assert "slow" in _left(_event(), bad)
    assert _left(_event(hosts=frozenset({"gpu-001", "gpu-002"})), bad) == {"cache_flush"}


def test_what_a_service_told_explains_what_it_and_its_callers_suffer_as_a_whole() -> None:
    slow = _finding("slow", "operation", "slow", "ranker", excess_s=80.0)
    link = _finding("unanswered", "edge", "connection_error", "balancer", excess_s=5.0, peer="ranker")
    assert _left(_event(), slow, link) == {"cache_flush"}


def _left(*findings: Finding) -> set[str]:
    ranked, _ = rank(findings, GRAPH, root_excess_s=100.0, root_errors=0.0, visible=True, top=5)
    return {one.fault for one, _ in ranked}


@pytest.mark.parametrize(("gap_s", "left"), [(5.0, {"load"}), (150.0, {"load", "network_delay"})])
def test_more_requests_explain_slower_links_unless_those_cost_more(gap_s: float, left: set[str]) -> None:
    queue = _finding("wait", "queue", "load", "ranker", excess_s=100.0)
    gap = _finding("gap", "edge", "network_delay", "gateway", excess_s=gap_s, peer="balancer")
    assert _left(queue, gap) == left


@pytest.mark.parametrize(
    ("fault", "queue_s", "left"),
    [
        ("saturated_queue", 5.0, {"load"}),
        ("hot_instance", 5.0, {"load"}),
        ("saturated_queue", 150.0, {"load", "saturated_queue"}),
    ],
)
def test_more_requests_explain_that_some_queues_are_longer_than_others(
    fault: str, queue_s: float, left: set[str]
) -> None:
    load = _finding("wait", "queue", "load", "ranker", excess_s=100.0)
    queue = _finding("wait", "queue", fault, "ranker", excess_s=queue_s)
    queue = replace(queue, hosts=frozenset({"gpu-040"}), entity={"host.name": "gpu-040"})
    assert _left(load, queue) == left
    before = replace(queue, interval=Interval(2, 8))
    assert fault in _left(load, before), "what stood before more arrived is not the load's"


def test_a_queue_that_no_load_made_explains_no_link() -> None:
    queue = _finding("wait", "queue", "saturated_queue", "ranker", excess_s=100.0)
    gap = _finding("gap", "edge", "network_delay", "gateway", excess_s=5.0, peer="balancer")
    assert _left(queue, gap) == {"saturated_queue", "network_delay"}


def test_a_circle_of_consequences_begins_at_the_crowded_queue_and_does_not_vanish() -> None:
    """Its queue is full and refuses, callers see no answer, ask again, and fill the queue."""
    queue = _finding("wait", "host", "hot_instance", "ranker", excess_s=50.0)
    refused = _finding("errors", "host", "error", "ranker", excess_s=0.0)
    link = _finding("unanswered", "edge", "connection_error", "balancer", excess_s=0.0, peer="ranker")
    slow = _finding("slow", "operation", "slow", "balancer", excess_s=5.0)
    for findings in ((queue, refused, link, slow), (slow, link, refused, queue)):
        assert _left(*findings) == {"hot_instance"}


@pytest.mark.parametrize(("slow_s", "first"), [(1.0, "hot_instance"), (80.0, "slow")])
def test_a_little_slowness_elsewhere_does_not_crowd_others_but_much_of_it_does(
    slow_s: float, first: str
) -> None:
    """A host that is dear drives its calls to others; one that gets what they refuse is merely disturbed."""
    crowd = _finding("wait", "host", "hot_instance", "ranker", excess_s=50.0)
    slow = _finding("slow", "host", "slow", "ranker", excess_s=slow_s)
    refused = _finding("errors", "service", "error", "ranker", excess_s=0.0)
    link = _finding("unanswered", "edge", "connection_error", "balancer", excess_s=0.0, peer="ranker")
    crowd = replace(crowd, hosts=frozenset({"gpu-001"}))
    slow = replace(slow, hosts=frozenset({"gpu-005"}), entity={"host.name": "gpu-005"})
    assert _left(slow, refused, link, crowd) == {first}


@pytest.mark.parametrize(("slow_s", "left"), [(30.0, {"hot_instance"}), (80.0, {"slow"})])
def test_what_most_calls_meet_at_crowded_instances_is_no_slowness_of_the_service(
    slow_s: float, left: set[str]
) -> None:
    """The service is slow since nearly all calls are the crowd's; nothing about that skews arrivals."""
    crowd = _finding("wait", "host", "hot_instance", "ranker", excess_s=50.0)
    slow = _finding("slow", "operation", "slow", "ranker", excess_s=slow_s)
    crowd = replace(crowd, hosts=frozenset({"gpu-001", "gpu-004"}))
    assert _left(slow, crowd) == left


@pytest.mark.parametrize(
    ("rate", "left"), [(0.98, {"connection_error"}), (0.05, {"connection_error", "cpu_contention"})]
)
def test_who_is_hardly_ever_answered_is_busy_asking_again(rate: float, left: set[str]) -> None:
    link = _finding("unanswered", "edge", "connection_error", "balancer", excess_s=5.0, peer="ranker")
    busy = _finding("gauge", "host", "cpu_contention", "balancer", excess_s=0.0)
    waits = _finding("slow", "operation", "slow", "balancer", excess_s=90.0)
    link = replace(link, detail={"rate": rate})
    busy = replace(busy, hosts=frozenset({"lb-01"}), entity={"host.name": "lb-01"})
    assert _left(busy, link, waits) == left


def test_one_caller_alone_that_is_not_answered_may_lack_a_processor() -> None:
    link = _finding("unanswered", "edge", "connection_error", "balancer", excess_s=5.0, peer="ranker")
    busy = _finding("gauge", "host", "cpu_contention", "balancer", excess_s=0.0)
    mine = frozenset({"lb-01"})
    link = replace(link, detail={"rate": 0.98}, hosts=mine)
    busy = replace(busy, hosts=mine, entity={"host.name": "lb-01"})
    assert "cpu_contention" in _left(busy, link)
