"""Recordings: equal seeds give equal bytes, requests are conserved, spans form trees in time."""

from collections import defaultdict

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan_demo.config import FAULT_NAMES, FaultName, FleetConfig
from rootspan_demo.errors import ConfigError
from rootspan_demo.otlp import REQUEST_TYPES, count_items
from rootspan_demo.recording import Recording, simulate

END_NS = 1_790_000_000_000_000_000
TracedSpan = tuple[dict[str, str], Span]


def record(
    fault: FaultName = "none", *, seed: int = 1, minutes: float = 1.0, ratio: float = 0.05
) -> Recording:
    return simulate(
        FleetConfig(
            end_unix_ns=END_NS, hosts=12, minutes=minutes, seed=seed, fault=fault, sampling_ratio=ratio
        )
    )


def traces_of(recording: Recording) -> dict[bytes, list[TracedSpan]]:
    found: dict[bytes, list[TracedSpan]] = defaultdict(list)
    for request in recording.requests():
        if request.signal != "traces":
            continue
        for block in ExportTraceServiceRequest.FromString(request.payload).resource_spans:
            resource = {one.key: one.value.string_value for one in block.resource.attributes}
            for scope in block.scope_spans:
                for span in scope.spans:
                    found[span.trace_id].append((resource, span))
    return found


@pytest.mark.parametrize("fault", ["none", "region-outage", "bad-version"])
def test_equal_configurations_give_equal_bytes(fault: FaultName) -> None:
    first = [(one.signal, one.payload) for one in record(fault).requests()]
    assert first == [(one.signal, one.payload) for one in record(fault).requests()]
    assert first != [(one.signal, one.payload) for one in record(fault, seed=2).requests()]


def test_the_traffic_is_the_same_whatever_is_planted() -> None:
    healthy = record("none", minutes=0.5)
    for fault in FAULT_NAMES:
        other = record(fault, minutes=0.5)
        assert other.counts["requests"] == healthy.counts["requests"]
        common = min(len(other.journeys.trips.trace), len(healthy.journeys.trips.trace)) // 2
        np.testing.assert_array_equal(
            other.journeys.trips.gateway_start[:common], healthy.journeys.trips.gateway_start[:common]
        )


@pytest.mark.parametrize("fault", FAULT_NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_request_ends_exactly_once(fault: FaultName, seed: int) -> None:
    recording = record(fault, seed=seed, ratio=1.0)
    counts, journeys = recording.counts, recording.journeys
    assert counts["requests"] == counts["answered"] + counts["failed"] == counts["sampled"]
    assert counts["attempts"] == counts["answered"] + counts["refused"] + counts["lost"]
    assert len(journeys.trips.trace) + counts["in_flight"] == counts["requests"]
    assert len(np.unique(journeys.trips.trace)) == len(journeys.trips.trace)
    np.testing.assert_array_equal(
        np.bincount(journeys.attempts.trip, minlength=len(journeys.trips.trace)), journeys.trips.attempts
    )
    answers = np.bincount(journeys.attempts.trip, weights=journeys.attempts.outcome == 0)
    assert set(answers.tolist()) <= {0.0, 1.0}
    assert ((answers == 1) == (journeys.trips.status != 503)).all()


@pytest.mark.parametrize("fault", ["none", "region-outage", "error-burst"])
def test_spans_form_connected_trees_and_children_lie_within_their_parents(fault: FaultName) -> None:
    recording = record(fault)
    traces = traces_of(recording)
    assert sum(map(len, traces.values())) == recording.counts["spans"]
    assert len(traces) == len(recording.journeys.trips.trace)
    for members in traces.values():
        by_id = {span.span_id: span for _, span in members}
        assert len(by_id) == len(members)
        roots = [span for span in by_id.values() if not span.parent_span_id]
        assert [root.name for root in roots] == ["POST /recommend"]
        for span in by_id.values():
            assert span.start_time_unix_nano <= span.end_time_unix_nano
            if span.parent_span_id:
                parent = by_id[span.parent_span_id]
                assert parent.start_time_unix_nano <= span.start_time_unix_nano
                assert span.end_time_unix_nano <= parent.end_time_unix_nano


def test_a_request_with_one_attempt_has_the_nine_spans_of_the_path() -> None:
    members = next(spans for spans in traces_of(record()).values() if len(spans) == 9)
    path = [
        (resource["service.name"], Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"), span.name)
        for resource, span in sorted(members, key=lambda pair: pair[1].start_time_unix_nano)
    ]
    assert path == [
        ("gateway", "SERVER", "POST /recommend"),
        ("gateway", "CLIENT", "Balancer/Recommend"),
        ("balancer", "SERVER", "Balancer/Recommend"),
        ("balancer", "CLIENT", "Ranker/Rank"),
        ("ranker", "SERVER", "Ranker/Rank"),
        ("ranker", "INTERNAL", "embedding.lookup"),
        ("ranker", "CLIENT", "FeatureStore/Get"),
        ("feature-store", "SERVER", "FeatureStore/Get"),
        ("ranker", "INTERNAL", "model.forward"),
    ]


def test_client_spans_carry_what_their_server_needed_unless_nobody_answered() -> None:
    silent = 0
    for members in traces_of(record("region-outage")).values():
        servers = {span.parent_span_id: span for _, span in members if span.kind == Span.SPAN_KIND_SERVER}
        for _, span in members:
            if span.kind != Span.SPAN_KIND_CLIENT:
                continue
            peer = [
                one.value.double_value for one in span.attributes if one.key == "rootspan.peer.duration_ms"
            ]
            server = servers.get(span.span_id)
            if server is None:
                silent += 1
                assert peer == []
            else:
                took = server.end_time_unix_nano - server.start_time_unix_nano
                assert peer == [pytest.approx(took / 1e6, abs=1e-6)]
    assert silent > 0


@pytest.mark.parametrize("fault", FAULT_NAMES)
def test_nothing_in_the_telemetry_names_the_fault(fault: FaultName) -> None:
    recording = record(fault, minutes=0.5)
    words = [fault.encode(), fault.replace("-", "_").encode(), b"fault", b"planted", b"simulat", b"outage"]
    for request in recording.requests():
        assert [word for word in words if fault != "none" and word in request.payload.lower()] == []


def test_counts_stamps_and_order_agree_with_the_payloads() -> None:
    recording = record("queue-saturation", minutes=2)
    counted: dict[str, int] = defaultdict(int)
    stamps = []
    for request in recording.requests():
        message = REQUEST_TYPES[request.signal].FromString(request.payload)
        assert count_items(message) == request.items
        counted[request.signal] += request.items
        if isinstance(message, ExportTraceServiceRequest):
            ends = [s.end_time_unix_nano for b in message.resource_spans for s in b.scope_spans[0].spans]
            stamps.append(max(ends))
            assert max(ends) < END_NS
            assert min(ends) > END_NS - 121 * 10**9
    assert stamps == sorted(stamps)
    assert counted == {
        "traces": recording.counts["spans"],
        "logs": recording.counts["log_records"],
        "metrics": recording.counts["metric_points"],
    }


def test_head_sampling_keeps_about_the_share_asked_for() -> None:
    recording = record(ratio=0.1)
    assert recording.counts["sampled"] == pytest.approx(0.1 * recording.counts["requests"], rel=0.08)
    aimed = simulate(FleetConfig(end_unix_ns=END_NS, hosts=12, minutes=1, spans=20_000))
    assert aimed.counts["spans"] == pytest.approx(20_000, rel=0.1)


@pytest.mark.parametrize(
    "setting",
    [{"hosts": 3}, {"minutes": 0.1}, {"load": 1.2}, {"fault": "meteor"}, {"onset_before_end_s": 9999.0}],
)
def test_settings_out_of_range_are_refused_with_the_limit(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"outside|choose one of"):
        FleetConfig(end_unix_ns=END_NS, **setting)  # type: ignore[arg-type]
