"""Our spans beside OpenTelemetry SDK's: the same calls leave the same span."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
)

from rootspan.tracing.ids import CountingIdGenerator
from rootspan.tracing.recording import RecordedSpan
from rootspan.tracing.tracer import Nowhere, RootspanTracerProvider
from support.spans import Kept

LIMITS = SpanLimits(
    max_span_attributes=4, max_events=2, max_links=2, max_event_attributes=2, max_link_attributes=2
)
SHORT = SpanLimits(max_attributes=4, max_attribute_length=3)
KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f", ""])


class Odd:
    """No attribute value; OpenTelemetry prints such."""

    def __str__(self) -> str:
        return "odd"


VALUES = st.one_of(
    st.text("xyz", max_size=6),
    st.integers(-5, 5),
    st.booleans(),
    st.floats(allow_nan=False),
    st.binary(max_size=3),
    st.none(),
    st.lists(st.integers(0, 3) | st.text("xyz", max_size=6), max_size=3),
    st.dictionaries(st.sampled_from(["k", "l"]), st.integers(0, 3), max_size=2),
    st.builds(Odd),
)
ATTRIBUTES = st.none() | st.dictionaries(KEYS, VALUES, max_size=7)
CONTEXTS = st.sampled_from(
    [
        SpanContext(0, 0, is_remote=False),
        SpanContext(0, 0, is_remote=False, trace_state=TraceState([("vendor", "a")])),
        SpanContext(
            5, 6, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "a")])
        ),
        SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(0)),
        SpanContext(9, 10, is_remote=False, trace_flags=TraceFlags(3)),
    ]
)
Call = Callable[[Span], object]


def status(code: StatusCode, text: str | None) -> Call:
    return lambda span: span.set_status(code, text)


CALLS: st.SearchStrategy[Call] = st.one_of(
    st.builds(lambda key, value: lambda span: span.set_attribute(key, value), KEYS, VALUES),
    st.builds(lambda a: lambda span: span.set_attributes(a or {}), ATTRIBUTES),
    st.builds(
        lambda name, a: lambda span: span.add_event(name, a, 17), st.text("xyz", max_size=3), ATTRIBUTES
    ),
    st.builds(lambda c, a: lambda span: span.add_link(c, a), CONTEXTS, ATTRIBUTES),
    st.builds(status, st.sampled_from(StatusCode), st.none() | st.just("why")),
    st.builds(lambda text: lambda span: span.set_status(Status(StatusCode.ERROR, text)), st.just("because")),
    st.builds(lambda name: lambda span: span.update_name(name), st.text("xyz", max_size=3)),
    st.builds(lambda at: lambda span: span.end(at), st.integers(20, 30)),
)


def tracers(
    limits: SpanLimits, sampler: Sampler
) -> tuple[list[tuple[Tracer, InMemorySpanExporter]], Resource]:
    """Theirs, then ours, alike in everything."""
    resource, made = Resource({"service.name": "s"}), []
    theirs = TracerProvider(
        sampler, resource, shutdown_on_exit=False, id_generator=CountingIdGenerator(), span_limits=limits
    )
    ours = RootspanTracerProvider(
        Nowhere(), sampler=sampler, resource=resource, id_generator=CountingIdGenerator(), span_limits=limits
    )
    for provider in (theirs, ours):
        exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        made.append((provider.get_tracer("scope", "1", "https://schema", {"x": 1}), exporter))
    return made, resource


def seen(span: ReadableSpan) -> dict[str, Any]:
    context = span.context
    assert context is not None
    return {
        "name": span.name,
        "context": (*context, context.trace_state.to_header()),
        "parent": span.parent,
        "kind": span.kind,
        "times": (span.start_time, span.end_time),
        "attributes": list((span.attributes or {}).items()),
        "events": [
            (event.name, event.timestamp, list((event.attributes or {}).items()), event.dropped_attributes)
            for event in span.events
        ],
        "links": [
            (link.context, list((link.attributes or {}).items()), link.dropped_attributes)
            for link in span.links
        ],
        "status": (span.status.status_code, span.status.description),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "resource": span.resource,
        "scope": span.instrumentation_scope,
    }


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limits=st.sampled_from([LIMITS, SHORT, SpanLimits()]),
    attributes=ATTRIBUTES,
    links=st.lists(st.tuples(CONTEXTS, ATTRIBUTES), max_size=3),
    kind=st.sampled_from(SpanKind),
    calls=st.lists(CALLS, max_size=8),
)
def test_the_same_calls_leave_the_same_span(  # noqa: PLR0917
    caplog: pytest.LogCaptureFixture,
    limits: SpanLimits,
    attributes: dict[str, Any] | None,
    links: list[tuple[SpanContext, dict[str, Any] | None]],
    kind: SpanKind,
    calls: list[Call],
) -> None:
    caplog.set_level(logging.CRITICAL)
    found = []
    for tracer, exporter in tracers(limits, ALWAYS_ON)[0]:
        given_links = [Link(context, more) for context, more in links]
        span = tracer.start_span("n", Context(), kind, attributes, given_links, start_time=10)
        for call in calls:
            call(span)
        if span.is_recording():
            span.end(40)
        found.append(seen(exporter.get_finished_spans()[0]))
    assert found[0] == found[1]


class Odds(Sampler):
    """A sampler of the program: keeps names that begin with k, records those with r, marks them all."""

    def should_sample(  # noqa: PLR0917
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        by = {"k": Decision.RECORD_AND_SAMPLE, "r": Decision.RECORD_ONLY}
        marks = {**(attributes or {}), "sampler": trace_id}
        return SamplingResult(by.get(name[:1], Decision.DROP), marks, TraceState([("by", "odds")]))

    def get_description(self) -> str:
        return "Odds"


SAMPLERS = [
    ALWAYS_ON,
    ALWAYS_OFF,
    TraceIdRatioBased(0.5),
    TraceIdRatioBased(1.0),
    ParentBased(ALWAYS_ON),
    ParentBased(ALWAYS_OFF),
    ParentBased(TraceIdRatioBased(0.5)),
    ParentBased(TraceIdRatioBased(0.5), remote_parent_not_sampled=ALWAYS_ON),
    Odds(),
]
Tree = list[tuple[str, int | None]]
TREES: st.SearchStrategy[Tree] = st.lists(
    st.tuples(st.sampled_from(["k", "r", "d"]), st.none() | st.integers(-5, 3)), min_size=1, max_size=5
)
FOREIGN = [
    SpanContext(1 << 63, 6, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", "a")])),
    SpanContext((1 << 64) - 1, 8, is_remote=True, trace_flags=TraceFlags(0)),
    SpanContext(3, 10, is_remote=False, trace_flags=TraceFlags(3)),
    SpanContext(0, 0, is_remote=False),
]


@settings(deadline=None, max_examples=150)
@given(sampler=st.sampled_from(SAMPLERS), tree=TREES)
def test_parents_and_samplers_lead_to_the_same_spans(sampler: Sampler, tree: Tree) -> None:
    """Each span's parent is none, a span from elsewhere (below 0), or an earlier one of the tree."""
    found = []
    for tracer, exporter in tracers(SpanLimits(), sampler)[0]:
        spans: list[Span] = []
        for name, above in tree:
            context = Context()
            if above is not None:
                foreign = [NonRecordingSpan(one) for one in FOREIGN]
                candidates = [*spans, *foreign]
                context = otel_trace.set_span_in_context(candidates[above % len(candidates)], context)
            spans.append(tracer.start_span(name, context, attributes={"a": 1}, start_time=1))
            # The ids of a span that is not sampled are drawn when somebody asks: do so in both alike.
            spans[-1].get_span_context()
        recording = [span.is_recording() for span in spans]
        contexts = [(*span.get_span_context(),) for span in spans]
        for span in spans:
            span.end(2)
        found.append((recording, contexts, [seen(span) for span in exporter.get_finished_spans()]))
    assert found[0] == found[1]


def test_only_sampled_spans_go_to_the_queue() -> None:
    kept = Kept()
    tracer = RootspanTracerProvider(kept, sampler=Odds(), resource=Resource({})).get_tracer("t")
    for name in ("keep", "record", "drop"):
        tracer.start_span(name).end()
    assert [span.name for span in kept.spans] == ["keep"]


class Listening(SpanProcessor):
    """Does what processors in the wild do: checks types, reads properties, sets attributes."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        assert isinstance(span, SdkSpan)
        assert isinstance(span, ReadableSpan)
        self.started.append(span.name)
        span.set_attribute("tenant", str(otel_context.get_value("tenant", parent_context)))

    def on_end(self, span: ReadableSpan) -> None:
        assert span.end_time is not None
        self.ended.append(span)


def test_a_processor_of_the_program_hears_every_span_of_tracers_made_before_it() -> None:
    kept, listening = Kept(), Listening()
    provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({"service.name": "s"}))
    tracer = provider.get_tracer("early")
    tracer.start_span("unheard").end()
    provider.add_span_processor(listening)
    token = otel_context.attach(otel_context.set_value("tenant", "acme"))
    with tracer.start_as_current_span("heard") as span:
        assert otel_trace.get_current_span() is span
    otel_context.detach(token)
    assert listening.started == ["heard"]
    (ended,) = listening.ended
    assert ended.attributes == {"tenant": "acme"}
    assert '"name": "heard"' in ended.to_json()
    assert [one.name for one in kept.spans] == ["unheard", "heard"]
    assert '"tenant": "acme"' in kept.spans[1].to_json()


def test_a_processor_of_starts_alone_needs_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    class Marking(SpanProcessor):
        def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
            span.set_attribute("marked", True)

    kept = Kept()
    provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({}))
    provider.add_span_processor(Marking())
    monkeypatch.delattr(RecordedSpan, "_readable_span")
    provider.get_tracer("t").start_span("s").end()
    assert kept.spans[0].attributes == {"marked": True}


def test_a_list_that_changes_later_was_recorded_as_it_was() -> None:
    kept = Kept()
    tracer = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({})).get_tracer("t")
    shapes, given_attributes = [1, 2], {"a": 1}
    span = tracer.start_span("s", attributes={**given_attributes, "shapes": shapes})
    span.set_attribute("later", shapes)
    span.add_event("e", {"shapes": shapes})
    shapes.append(3)
    given_attributes["a"] = 2
    span.end()
    assert kept.spans[0].attributes == {"a": 1, "shapes": (1, 2), "later": (1, 2)}
    assert kept.spans[0].events[0].attributes == {"shapes": (1, 2)}


def test_a_value_that_cannot_be_printed_costs_itself_alone() -> None:
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError("no")

    kept = Kept()
    tracer = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=Resource({})).get_tracer("t")
    rude: Any = Rude()
    span = tracer.start_span("s", attributes={"rude": rude, "kind": "yes"})
    span.set_attribute("again", rude)
    span.end()
    attributes = dict(kept.spans[0].attributes or {})
    assert attributes["kind"] == "yes"
    assert "Rude that cannot be printed: RuntimeError" in str(attributes["rude"])
    assert attributes["again"] == attributes["rude"]


def test_a_span_that_is_not_sampled_has_ids_once_and_for_all() -> None:
    tracer = RootspanTracerProvider(
        Nowhere(), sampler=ParentBased(ALWAYS_OFF), resource=Resource({})
    ).get_tracer("t")
    root = tracer.start_span("root")
    child = tracer.start_span("child", otel_trace.set_span_in_context(root))
    context = root.get_span_context()
    assert context.is_valid
    assert context == root.get_span_context()
    assert not context.trace_flags.sampled
    below = tracer.start_span("below", otel_trace.set_span_in_context(root)).get_span_context()
    assert below.trace_id == context.trace_id
    assert below.span_id != context.span_id
    assert child.get_span_context().is_valid
