"""What is left when attributes are missing, and what is not a fault: more load."""

from collections.abc import Callable, Iterator

import numpy as np
from bench.embedded import EmbeddedStore
from fleets import END_NS, Plant
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan_analysis import Explanation, Question, explain
from rootspan_demo.config import FaultName, FleetConfig
from rootspan_demo.recording import simulate
from rootspan_store.ingest import Signal, frame_prefix

OpenStore = Callable[[str], EmbeddedStore]


def bare_spans(fault: FaultName) -> Iterator[bytes]:
    """Traces of a fleet that says of its resources nothing but the service, and nothing on its spans."""
    config = FleetConfig(
        end_unix_ns=END_NS,
        hosts=8,
        minutes=12,
        seed=4,
        fault=fault,
        spans=70_000,
        onset_before_end_s=240.0,
    )
    for sent in simulate(config).requests():
        if sent.signal != "traces":
            continue
        request = ExportTraceServiceRequest.FromString(sent.payload)
        for block in request.resource_spans:
            kept = [one for one in block.resource.attributes if one.key == "service.name"]
            del block.resource.attributes[:]
            block.resource.attributes.extend(kept)
            for scope in block.scope_spans:
                for span in scope.spans:
                    del span.attributes[:]
        yield request.SerializeToString()


def insert(store: EmbeddedStore, payloads: Iterator[bytes]) -> None:
    frames = b"".join(frame_prefix(len(one)) + one for one in payloads)
    store.insert(Signal.TRACES, frames, "once")


def ask(store: EmbeddedStore, last_min: float) -> Explanation:
    return explain(store, Question(END_NS - int(last_min * 60e9), END_NS))


def test_a_slow_edge_is_found_without_places_and_server_timing(open_store: OpenStore) -> None:
    store = open_store("bare_network_delay")
    insert(store, bare_spans("network-delay"))
    truth = simulate(
        FleetConfig(end_unix_ns=END_NS, hosts=8, minutes=0.5, seed=4, fault="network-delay", spans=100)
    ).truth
    first = ask(store, 6).causes[0]
    assert first.kind == "edge"
    for name in ("service.name", "peer.service"):
        assert first.entity[name] == truth.entity[name]
    assert "cloud.region" not in first.entity


def test_errors_are_found_in_their_service_without_hosts(open_store: OpenStore) -> None:
    store = open_store("bare_error_burst")
    insert(store, bare_spans("error-burst"))
    first = ask(store, 6).causes[0]
    assert first.fault == "error"
    assert first.entity["service.name"] in ("ranker", "feature-store")
    assert "host.name" not in first.entity


def test_a_healthy_bare_fleet_has_no_cause(open_store: OpenStore) -> None:
    store = open_store("bare_none")
    insert(store, bare_spans("none"))
    assert ask(store, 6).causes == ()


def test_more_requests_than_usual_are_load_and_nobody_s_fault(open_store: OpenStore) -> None:
    store = open_store("load")
    insert(store, iter([doubling_traffic()]))
    answer = ask(store, 6)
    assert answer.verdict == "load"
    assert answer.causes == ()
    assert answer.symptom is not None
    assert "times the usual number of requests" in answer.symptom.text


def doubling_traffic() -> bytes:
    """One service, steady durations, twice the requests in the last three minutes of fifteen."""
    rng = np.random.default_rng(8)
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    block.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="api")))
    scope = block.scope_spans.add()
    for second in range(900):
        for _ in range(rng.poisson(16 if second >= 720 else 8)):
            start = END_NS - int((900 - second - rng.random()) * 1e9)
            scope.spans.append(
                Span(
                    trace_id=rng.bytes(16),
                    span_id=rng.bytes(8),
                    name="GET /",
                    kind=Span.SPAN_KIND_SERVER,
                    start_time_unix_nano=start,
                    end_time_unix_nano=start + int(rng.lognormal(16, 0.3)),
                )
            )
    return request.SerializeToString()


def test_a_question_about_one_service_is_answered_from_its_requests(plant: Plant) -> None:
    fleet = plant("error-burst")
    service = fleet.truth.entity["service.name"]
    question = Question(END_NS - int(7 * 60e9), END_NS, service=service)
    assert fleet.truth.matches(explain(fleet.store, question).causes[0].to_json())
    nobody = explain(fleet.store, Question(END_NS - int(7 * 60e9), END_NS, service="no-such-service"))
    assert nobody.causes == ()
