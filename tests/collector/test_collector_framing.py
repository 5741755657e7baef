"""Framing: every item is counted, nothing malformed at this depth passes, unknown fields do no harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan_collector.errors import MalformedRequest
from rootspan_collector.otlp.framing import framing
from rootspan_store.ingest import Signal
from support import otlp_requests as otlp

TRACES, LOGS, METRICS = (framing(signal) for signal in Signal)


def test_spans_are_counted_over_all_resources_and_scopes() -> None:
    body = otlp.traces(7, resources=3).SerializeToString()
    framed = TRACES.frame(body)
    assert framed.items == 21
    assert framed.payload is body


def test_log_records_are_counted() -> None:
    assert LOGS.frame(otlp.logs(5).SerializeToString()).items == 5


def test_data_points_of_every_kind_are_counted() -> None:
    assert METRICS.frame(otlp.metrics().SerializeToString()).items == 9


@pytest.mark.parametrize("one", [TRACES, LOGS, METRICS])
def test_an_empty_request_has_no_items(one: object) -> None:
    assert one.frame(b"").items == 0  # type: ignore[attr-defined]


@given(st.integers(0, 10_000))
def test_a_request_cut_short_is_malformed_or_complete_as_far_as_it_goes(cut: int) -> None:
    body = otlp.traces(3, resources=2).SerializeToString()
    part = body[: cut % len(body)]
    try:
        whole = ExportTraceServiceRequest.FromString(part)
    except Exception:
        with pytest.raises(MalformedRequest, match="do not parse"):
            TRACES.frame(part)
    else:
        assert TRACES.frame(part).items == sum(
            len(s.spans) for r in whole.resource_spans for s in r.scope_spans
        )


@given(st.binary(min_size=1, max_size=300))
def test_arbitrary_bytes_are_either_refused_or_counted_as_the_official_message_counts(noise: bytes) -> None:
    try:
        whole = ExportTraceServiceRequest.FromString(noise)
    except Exception:
        whole = None
    try:
        framed = TRACES.frame(noise)
    except MalformedRequest:
        assert whole is None
        return
    if whole is not None:
        assert framed.items == sum(len(s.spans) for r in whole.resource_spans for s in r.scope_spans)


UNKNOWN = {
    "length-delimited": b"\x9a\x06\x03abc",
    "varint": b"\x98\x06\x05",
    "group": b"\x9b\x06\x28\x01\x9c\x06",
    "field 1 with another wire type": b"\x08\x05",
}


@pytest.mark.parametrize("unknown", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown_fields_at_the_top_are_stripped_and_everything_below_stays(unknown: bytes) -> None:
    request = otlp.traces(2, resources=2)
    body = request.SerializeToString()
    half = ExportTraceServiceRequest(resource_spans=request.resource_spans[:1]).SerializeToString()
    framed = TRACES.frame(half + unknown + body)
    assert framed.items == 6
    assert framed.payload == half + body


def test_unknown_fields_further_down_are_kept_for_the_store() -> None:
    request = otlp.traces(1)
    body = request.SerializeToString()
    inner = request.resource_spans[0].SerializeToString() + b"\x9a\x06\x03abc"
    framed = TRACES.frame(b"\x0a" + _varint(len(inner)) + inner)
    assert framed.items == 1
    assert b"abc" in framed.payload
    assert len(framed.payload) > len(body)


def _varint(number: int) -> bytes:
    assert number < 1 << 14
    return bytes([number & 127 | 128, number >> 7]) if number > 127 else bytes([number])
