from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from rootspan.testing import Receiver, attributes_of

ROOT = Path(__file__).parents[2]
SERVER, CLIENT, INTERNAL = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL

# One request that needs one attempt: (service, span, kind) and the index of its parent.
SHAPE = [
    (("gateway", "POST /recommend", SERVER), None),
    (("gateway", "Balancer/Recommend", CLIENT), 0),
    (("balancer", "Balancer/Recommend", SERVER), 1),
    (("balancer", "Ranker/Rank", CLIENT), 2),
    (("ranker", "Ranker/Rank", SERVER), 3),
    (("ranker", "embedding.lookup", INTERNAL), 4),
    (("ranker", "FeatureStore/Get", CLIENT), 4),
    (("feature-store", "FeatureStore/Get", SERVER), 6),
    (("ranker", "model.forward", INTERNAL), 4),
]


def _run(receiver: Receiver, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "examples.recsys",
            "--endpoint",
            receiver.endpoint,
            "--rankers",
            "2",
            *arguments,
        ],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _traces(receiver: Receiver) -> dict[bytes, list[tuple[dict[str, object], Span]]]:
    found: dict[bytes, list[tuple[dict[str, object], Span]]] = {}
    for resource, span in receiver.spans():
        found.setdefault(span.trace_id, []).append((attributes_of(resource), span))
    return found


def _shape(trace: list[tuple[dict[str, object], Span]]) -> Counter[tuple[object, object]]:
    label = {span.span_id: (who["service.name"], span.name, span.kind) for who, span in trace}
    return Counter((label[span.span_id], label.get(span.parent_span_id)) for _, span in trace)


def test_a_request_is_one_connected_trace_across_real_processes() -> None:
    with Receiver() as receiver:
        out = _run(receiver, "--seconds", "3", "--rate", "20")
    assert ", 0 failed;" in out
    assert "dropped 0" in out
    traces = _traces(receiver)
    assert len(traces) >= 55
    expected = Counter((what, SHAPE[above][0] if above is not None else None) for what, above in SHAPE)
    assert {frozenset(_shape(trace).items()) for trace in traces.values()} == {frozenset(expected.items())}
    hosts: dict[object, set[object]] = {}
    for trace in traces.values():
        assert len({who["process.pid"] for who, _ in trace}) == 4
        assert len({who["cloud.region"] for who, _ in trace}) == 1
        for who, span in trace:
            hosts.setdefault(who["service.name"], set()).add(who["host.name"])
            assert {"cloud.availability_zone", "service.version", "service.instance.id"} <= who.keys()
            assert ("gpu.index" in who) == (who["service.name"] == "ranker")
            if span.name == "Ranker/Rank" and span.kind == SERVER:
                waited_ms = attributes_of(span)["rootspan.queue.wait_ms"]
                took_ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
                assert isinstance(waited_ms, float)
                assert 0 <= waited_ms <= took_ms
            if span.kind == CLIENT:
                peer_ms = attributes_of(span)["rootspan.peer.duration_ms"]
                assert isinstance(peer_ms, float)
                assert 0 < peer_ms <= (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    assert {service: len(names) for service, names in hosts.items()} == {
        "gateway": 2,
        "balancer": 2,
        "ranker": 4,
        "feature-store": 2,
    }


def test_an_error_burst_shows_on_its_host_and_on_no_other() -> None:
    with Receiver() as receiver:
        out = _run(receiver, "--seconds", "4", "--rate", "20", "--fault", "error-burst")
    assert "error-burst on fs-01" in out
    origins = [(who, span) for who, span in receiver.spans() if span.events and span.kind == SERVER]
    assert origins
    assert {attributes_of(who)["host.name"] for who, _ in origins} == {"fs-01"}
    assert {span.events[0].name for _, span in origins} == {"exception"}
    traces = _traces(receiver)
    for who, record in receiver.logs():
        if attributes_of(who)["host.name"] == "fs-01":
            assert record.trace_id in traces
    failed = [span for _, span in receiver.spans() if span.status.code == Status.STATUS_CODE_ERROR]
    assert {span.name for span in failed} >= {"FeatureStore/Get", "Ranker/Rank"}
