"""Our encoder against OpenTelemetry's: other bytes, the same meaning."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from rootspan.export import encode
from rootspan.export.encode import SpanEncoder
from rootspan.export.protowire import any_value, varint
from rootspan.tracing.ids import KernelIdGenerator
from rootspan.tracing.recording import RecordedSpan
from rootspan.tracing.tracer import RootspanTracerProvider
from support.spans import Kept

# Surrogates alone are no text; OpenTelemetry's encoder refuses them, and the whole batch with them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
SCALARS = st.one_of(TEXT, st.booleans(), INT64, st.floats(allow_nan=False), st.binary(max_size=20), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)
TIMES = st.integers(0, (1 << 63) - 1)
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, (1 << 128) - 1),
    st.integers(1, (1 << 64) - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    st.sampled_from([TraceState(), TraceState([("vendor", "a"), ("other", "b/c")])]),
)
STATUSES = st.one_of(
    st.just(Status(StatusCode.UNSET)),
    st.just(Status(StatusCode.OK)),
    st.builds(lambda text: Status(StatusCode.ERROR, text), TEXT),
)
RESOURCES = st.builds(Resource, ATTRIBUTES, st.sampled_from(["", "https://example.org/schema"]))
SCOPES = st.none() | st.builds(
    InstrumentationScope,
    TEXT,
    TEXT,
    st.sampled_from(["", "https://example.org/scope"]),
    st.dictionaries(KEYS, SCALARS, max_size=2),
)


@st.composite
def readable_spans(draw: st.DrawFn) -> ReadableSpan:
    events: BoundedList[Event] = BoundedList(3)
    events.extend(draw(st.lists(st.builds(Event, TEXT, ATTRIBUTES, TIMES), max_size=4)))
    links: BoundedList[Link] = BoundedList(3)
    links.extend(draw(st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=4)))
    return ReadableSpan(
        name=draw(TEXT),
        context=draw(CONTEXTS),
        parent=draw(st.none() | CONTEXTS),
        resource=draw(RESOURCES),
        attributes=draw(ATTRIBUTES),
        events=events,
        links=links,
        kind=draw(st.sampled_from(SpanKind)),
        status=draw(STATUSES),
        start_time=draw(TIMES),
        end_time=draw(TIMES),
        instrumentation_scope=draw(SCOPES),
    )


def parsed(body: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(body)


@settings(deadline=None, max_examples=60)
@given(st.lists(readable_spans(), max_size=4))
def test_any_readable_span_means_what_the_official_encoder_says(spans: list[ReadableSpan]) -> None:
    encoder = SpanEncoder()
    official = encode_spans(spans)
    assert parsed(encoder.encode(spans)) == official
    assert parsed(encoder.encode(spans)) == official  # what is remembered is the same


@st.composite
def recorded_spans(draw: st.DrawFn) -> list[RecordedSpan]:
    kept = Kept()
    provider = RootspanTracerProvider(
        kept, sampler=ALWAYS_ON, resource=draw(RESOURCES), id_generator=KernelIdGenerator()
    )
    for _ in range(draw(st.integers(1, 3))):
        tracer = provider.get_tracer(draw(TEXT), draw(TEXT), None, {"scope": True})
        span = tracer.start_span(
            draw(TEXT),
            kind=draw(st.sampled_from(SpanKind)),
            attributes=draw(ATTRIBUTES),
            links=draw(st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=2)),
            start_time=draw(TIMES),
        )
        for name, attributes in draw(st.lists(st.tuples(TEXT, ATTRIBUTES), max_size=2)):
            span.add_event(name, attributes, timestamp=draw(TIMES))
        span.set_status(draw(STATUSES))
        span.end(draw(TIMES))
    return kept.spans


@settings(deadline=None, max_examples=40)
@given(recorded_spans())
def test_a_span_of_the_fast_path_means_what_its_readable_copy_means(spans: list[RecordedSpan]) -> None:
    assert parsed(SpanEncoder().encode(spans)) == encode_spans([span._readable_span() for span in spans])


@given(VALUES)
def test_any_value_survives(value: Any) -> None:
    def back(message: AnyValue) -> Any:
        kind = message.WhichOneof("value")
        if kind == "array_value":
            return [back(item) for item in message.array_value.values]
        if kind == "kvlist_value":
            return {pair.key: back(pair.value) for pair in message.kvlist_value.values}
        return None if kind is None else getattr(message, kind)

    assert back(AnyValue.FromString(any_value(value))) == value


def test_equal_values_of_different_types_keep_their_types() -> None:
    encoder = SpanEncoder()
    for value, field in (
        ("1", "string_value"),
        (1, "int_value"),
        (1.0, "double_value"),
        (True, "bool_value"),
    ):
        kept = Kept()
        provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({}))
        provider.get_tracer("t").start_span("s", attributes={"k": value}).end()
        for _ in range(2):
            (span,) = parsed(encoder.encode(kept.spans)).resource_spans[0].scope_spans[0].spans
            assert span.attributes[0].value.WhichOneof("value") == field


@pytest.mark.parametrize("text", ["half a pair \ud83d", "\udc80"])
def test_text_that_is_no_text_costs_its_character_not_its_span(text: str) -> None:
    kept = Kept()
    provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({}))
    provider.get_tracer("t").start_span(text, attributes={"k": text, text: 1}).end()
    (span,) = parsed(SpanEncoder().encode(kept.spans)).resource_spans[0].scope_spans[0].spans
    expected = text.encode(errors="replace").decode()
    assert (span.name, span.attributes[0].value.string_value) == (expected, expected)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, 10**30])
def test_a_number_beyond_64_bits_is_sent_in_decimal(value: int) -> None:
    assert AnyValue.FromString(any_value(value)).string_value == str(value)


@given(st.integers(0, (1 << 64) - 1))
def test_varints_are_the_shortest(n: int) -> None:
    body = varint(n)
    assert sum((byte & 127) << (7 * i) for i, byte in enumerate(body)) == n
    assert len(body) == max(1, (n.bit_length() + 6) // 7)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "_MAX_REMEMBERED", 10)
    encoder, kept = SpanEncoder(), Kept()
    provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({}))
    for i in range(100):
        provider.get_tracer("t").start_span(f"name {i}", attributes={f"key {i}": f"value {i}"}).end()
    assert parsed(encoder.encode(kept.spans)) == encode_spans([span._readable_span() for span in kept.spans])
    assert max(map(len, (encoder._pairs, encoder._names, encoder._heads, encoder._n_values))) <= 10


def test_a_key_whose_values_never_repeat_leaves_room_for_others() -> None:
    encoder, kept = SpanEncoder(), Kept()
    tracer = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({})).get_tracer("t")
    for i in range(2000):
        tracer.start_span("work", attributes={"app.request.id": f"id {i}", "app.model": "dlrm"}).end()
    assert parsed(encoder.encode(kept.spans)) == encode_spans([span._readable_span() for span in kept.spans])
    assert ("app.model", "dlrm") in encoder._pairs
    assert len(encoder._pairs) == encode._MAX_VALUES + 1


def test_a_full_batch_yields_the_interpreter_every_few_milliseconds() -> None:
    kept = Kept()
    provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({}))
    for i in range(2048):
        attributes = {f"app.attribute.{n}": i * n if n % 2 else f"value {i} {n}" for n in range(8)}
        provider.get_tracer("t").start_span("work", attributes=attributes).end()
    # CPU time of this thread between two pauses: what others wait for, whatever else the machine does.
    held: list[float] = []
    since = time.thread_time()

    def pause() -> None:
        nonlocal since
        held.append(time.thread_time() - since)
        since = time.thread_time()

    gc.collect()
    gc.disable()  # a full collection of this process's heap takes longer, whoever triggers it
    try:
        since = time.thread_time()
        SpanEncoder(pause).encode(kept.spans)
        pause()
    finally:
        gc.enable()
    assert len(held) == 2048 // encode.SLICE
    assert max(held) < 0.005, held
