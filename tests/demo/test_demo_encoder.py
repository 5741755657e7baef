"""Encoding by patching: what the protobuf library reads back is what the columns said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from rootspan_demo.config import FleetConfig
from rootspan_demo.encoder import Block, frame_resource, request_blocks
from rootspan_demo.ids import SPANS_PER_TRACE, TraceIds
from rootspan_demo.recording import simulate
from rootspan_demo.shapes import Failure, Shape, SpanRows, split_by_state
from rootspan_demo.wire import (
    Mark,
    Template,
    attribute,
    cut_template,
    encode_doubles,
    encode_fixed64,
    encode_integers,
    frame,
    text_table,
)

END_NS = 1_790_000_000_000_000_000
STAMPS = st.integers(0, 2**63 - 1)
SPAN = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=8, max_size=8),
    STAMPS,
    STAMPS,
    st.floats(allow_nan=False),
    st.integers(128, 16_383),
    st.sampled_from(["gpu-001", "gpu-250", "fs-0099"]),
)
SHAPE = Shape(
    "Ranker/Rank",
    Span.SPAN_KIND_CLIENT,
    {"rpc.system.name": "grpc"},
    doubles=("wait_ms",),
    integers={"tokens": 2},
    texts={"server.address": 7},
)


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(SPAN, min_size=1, max_size=20), failing=st.booleans())
def test_patched_spans_equal_spans_made_by_the_protobuf_library(
    spans: list[tuple[bytes, bytes, bytes, int, int, float, int, str]], failing: bool
) -> None:
    n = len(spans)
    zero = np.zeros(n, dtype=np.int64)
    failure = Failure("KeyError", "no such row", exception=True) if failing else None
    traces, ids, parents, starts, ends, waits, tokens, hosts = zip(*spans, strict=True)
    end = np.array(ends, dtype=np.int64)
    columns = {
        "wait_ms": encode_doubles(np.array(waits)),
        "tokens": encode_integers(np.array(tokens), 2),
        "server.address": text_table(hosts),
        "not in the shape": np.zeros((n, 3), dtype=np.uint8),
    }
    rows = SpanRows(zero, zero, zero, zero, np.array(starts, dtype=np.int64), end, columns)
    (batch,) = split_by_state(rows, zero, [(0, SHAPE, failure), (1, SHAPE, None)])
    filled = {
        **batch.rows.columns,
        "trace_id": np.frombuffer(b"".join(traces), dtype=np.uint8).reshape(n, 16),
        "span_id": np.frombuffer(b"".join(ids), dtype=np.uint8).reshape(n, 8),
        "parent_id": np.frombuffer(b"".join(parents), dtype=np.uint8).reshape(n, 8),
        "start": encode_fixed64(batch.rows.start),
        "end": encode_fixed64(batch.rows.end),
    }
    parsed = ScopeSpans.FromString(batch.template.render(n, filled).tobytes()).spans
    assert len(parsed) == n
    for got, (trace, own, parent, start, stop, wait, count, host) in zip(parsed, spans, strict=True):
        wanted = Span(
            trace_id=trace, span_id=own, parent_span_id=parent, flags=0x101, name="Ranker/Rank",
            kind=Span.SPAN_KIND_CLIENT, start_time_unix_nano=start, end_time_unix_nano=stop,
        )  # fmt: skip
        pairs = {"rpc.system.name": "grpc", "wait_ms": wait, "tokens": count, "server.address": host}
        wanted.attributes.extend(attribute(key, value) for key, value in pairs.items())
        if failing:
            wanted.attributes.append(attribute("error.type", "KeyError"))
            wanted.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="no such row"))
            at = stop - min(20_000, (stop - start) // 2)
            event = wanted.events.add(name="exception", time_unix_nano=at % 2**64)
            event.attributes.append(attribute("exception.type", "KeyError"))
            event.attributes.append(attribute("exception.message", "no such row"))
        assert got == wanted


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_framed_parts_are_read_as_one_field(parts: list[bytes]) -> None:
    framed = frame(1, parts)
    content = b"".join(parts)
    # Any length-delimited field 1 will do for reading it back.
    span = Span.FromString(framed)
    assert span.trace_id == content


@settings(deadline=None)
@given(st.integers(1, 4), st.data())
def test_integers_are_canonical_varints(width: int, data: st.DataObject) -> None:
    low = 0 if width == 1 else 1 << 7 * (width - 1)
    value = data.draw(st.integers(low, (1 << 7 * width) - 1))
    pair = attribute("k", value).value.SerializeToString()
    assert encode_integers(np.array([value]), width).tobytes() == pair[1:]


def test_values_that_do_not_fit_a_hole_are_refused() -> None:
    with pytest.raises(ValueError, match="varint of 2 bytes holds 128-16383, got 5-5"):
        encode_integers(np.array([5]), 2)
    with pytest.raises(ValueError, match="one length"):
        text_table(["gw-1", "gw-10"])
    template = Template(b"abcd", {"x": (1, 2)})
    with pytest.raises(ValueError, match=r"hole x needs \(2, 2\) bytes, got nothing"):
        template.render(2, {})
    with pytest.raises(ValueError, match=r"got \(2, 3\)"):
        template.render(2, {"x": np.zeros((2, 3), dtype=np.uint8)})


def test_a_placeholder_that_is_not_unique_is_refused() -> None:
    message = KeyValueList(values=[attribute("a", "same"), attribute("b", "same")])
    with pytest.raises(ValueError, match="stands 2 times"):
        cut_template(message, {"x": Mark(b"same", 4)})


def test_ids_differ_between_spans_traces_and_recordings() -> None:
    ids, others = TraceIds(np.random.default_rng(1)), TraceIds(np.random.default_rng(2))
    trace = np.repeat(np.arange(3000), SPANS_PER_TRACE)
    slot = np.tile(np.arange(SPANS_PER_TRACE), 3000)
    spans = ids.span_bytes(trace, slot)
    assert len(np.unique(spans, axis=0)) == len(trace)
    assert not (others.span_bytes(trace, slot) == spans).all(axis=1).any()
    assert len(np.unique(ids.trace_bytes(np.arange(3000)), axis=0)) == 3000
    kept = ids.sampled(np.arange(200_000), 0.05)
    assert kept.mean() == pytest.approx(0.05, rel=0.05)
    low = ids.trace_bytes(np.arange(200_000))[:, 8:].copy().view(">u8").ravel()
    np.testing.assert_array_equal(kept, low < int(0.05 * 2**64))


def test_decoded_spans_equal_the_simulated_journeys() -> None:
    recording = simulate(
        FleetConfig(end_unix_ns=END_NS, hosts=8, minutes=1, seed=5, fault="error-burst", sampling_ratio=0.05)
    )
    trips, calls = recording.journeys.trips, recording.journeys.attempts
    got: dict[tuple[str, int], list[tuple[int, int]]] = {}
    waits, tokens, failures = [], [], 0
    for request in recording.requests():
        if request.signal != "traces":
            continue
        message = ExportTraceServiceRequest.FromString(request.payload)
        for span in (s for block in message.resource_spans for s in block.scope_spans[0].spans):
            got.setdefault((span.name, span.kind), []).append(
                (span.start_time_unix_nano, span.end_time_unix_nano)
            )
            values = {one.key: one.value for one in span.attributes}
            if span.name == "Ranker/Rank" and span.kind == Span.SPAN_KIND_SERVER:
                waits.append(values["rootspan.queue.wait_ms"].double_value)
            if span.name == "model.forward":
                tokens.append(values["gen_ai.usage.input_tokens"].int_value)
            failures += sum(event.name == "exception" for event in span.events)
    forward = calls.where(calls.failed != 2)
    expected = {
        ("POST /recommend", Span.SPAN_KIND_SERVER): (trips.gateway_start, trips.gateway_end),
        ("Balancer/Recommend", Span.SPAN_KIND_CLIENT): (trips.client_start, trips.client_end),
        ("Balancer/Recommend", Span.SPAN_KIND_SERVER): (trips.balancer_start, trips.balancer_end),
        ("Ranker/Rank", Span.SPAN_KIND_CLIENT): (calls.client_start, calls.client_end),
        ("Ranker/Rank", Span.SPAN_KIND_SERVER): (calls.server_start, calls.server_end),
        ("embedding.lookup", Span.SPAN_KIND_INTERNAL): (calls.embed_start, calls.embed_end),
        ("FeatureStore/Get", Span.SPAN_KIND_CLIENT): (calls.fetch_start, calls.fetch_end),
        ("FeatureStore/Get", Span.SPAN_KIND_SERVER): (calls.store_start, calls.store_end),
        ("model.forward", Span.SPAN_KIND_INTERNAL): (forward.forward_start, forward.forward_end),
    }
    assert (calls.outcome == 0).all()
    assert got.keys() == expected.keys()
    for shape, (start, end) in expected.items():
        assert sorted(got[shape]) == sorted(zip(start.tolist(), end.tolist(), strict=True))
    np.testing.assert_allclose(sorted(waits), np.sort((calls.work_start - calls.server_start) / 1e6))
    assert sorted(tokens) == sorted(forward.tokens.tolist())
    assert failures == int((calls.failed > 0).sum()) > 0


def test_requests_are_cut_before_they_grow_past_what_servers_accept() -> None:
    resources = [b"\x0a\x00"] * 30
    blocks = {who: Block([bytes(150_000)], items=who + 1) for who in range(30)}
    requests = [one.request for one in request_blocks("traces", 1, blocks, resources)]
    assert len(requests) == 3
    assert all(len(one.payload) <= 2_000_000 for one in requests)
    assert sum(one.items for one in requests) == 465
    whole = b"".join(frame_resource(resources[who], blocks[who].parts) for who in range(30))
    assert b"".join(one.payload for one in requests) == whole
    assert list(request_blocks("logs", 1, {}, resources)) == []
