"""Collects spans and log records in memory, with ids that count from 1 and a clock that stands still.

Owns the one tracer provider that stays installed for all captures of a test process: OpenTelemetry lets the
global provider be set once, and tracers made before a test must reach the collector of that test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from rootspan import lifecycle
from rootspan.logs import LogBridge
from rootspan.testing.clock import FixedClock
from rootspan.tracing.ids import CountingIdGenerator
from rootspan.tracing.tracer import Nowhere, RootspanTracerProvider


@dataclass(frozen=True, slots=True)
class CapturedSpan:
    """A finished span. Times come from the capture's clock; `parent_id` is None for a root."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    kind: SpanKind
    attributes: Mapping[str, object]
    events: tuple[tuple[str, Mapping[str, object]], ...]
    status: StatusCode
    status_message: str | None
    start_ns: int
    end_ns: int
    links: tuple[SpanContext, ...] = ()


@dataclass(frozen=True, slots=True)
class CapturedLog:
    """A log record with the ids of the span it was made in, 0 outside of any."""

    body: str
    severity: str
    trace_id: int
    span_id: int
    attributes: Mapping[str, object]


@dataclass(slots=True)
class Captured:
    """What was made so far: spans in the order of their end, log records in the order of their making."""

    clock: FixedClock
    spans: list[CapturedSpan] = field(default_factory=list)
    logs: list[CapturedLog] = field(default_factory=list)

    def names(self) -> list[str]:
        """Names of the spans."""
        return [span.name for span in self.spans]

    def one(self, name: str) -> CapturedSpan:
        """The only span of that name.

        Raises:
            LookupError: There is none, or more than one.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are called {name!r}; there are {self.names()}")
        return found[0]

    def children(self, of: CapturedSpan) -> list[CapturedSpan]:
        """Spans whose parent is `of`."""
        return [span for span in self.spans if (span.trace_id, span.parent_id) == (of.trace_id, of.span_id)]


@contextmanager
def capture(clock: FixedClock | None = None) -> Iterator[Captured]:
    """Collect all telemetry of this process while it lasts. `init()` does nothing meanwhile.

    Raises:
        RuntimeError: `init()` ran before, another program set up OpenTelemetry, or a capture runs already.
    """
    if lifecycle.set_captured(True):
        lifecycle.set_captured(False)
        raise RuntimeError(
            "rootspan.init() ran before capture(): call rootspan.shutdown() first, or init() later"
        )
    switch = _install()
    if switch.captured is not None:
        raise RuntimeError("capture() is running already: captures do not nest")
    captured = Captured(clock or FixedClock())
    bridge = LogBridge(_log_provider(captured))
    token = otel_context.attach(Context())
    switch.begin(captured)
    bridge.install()
    try:
        yield captured
    finally:
        bridge.remove()
        switch.captured = None
        otel_context.detach(token)
        lifecycle.set_captured(False)


class _Switch(SpanProcessor):
    """Hands spans to the capture of the moment, or to nobody."""

    def __init__(self, ids: CountingIdGenerator) -> None:
        self.captured: Captured | None = None
        self._ids = ids
        self._starts: dict[int, int] = {}

    def begin(self, captured: Captured) -> None:
        self._ids.restart()
        self._starts.clear()
        self.captured = captured

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self.captured is not None and span.context is not None:
            self._starts[span.context.span_id] = self.captured.clock()

    def on_end(self, span: ReadableSpan) -> None:
        captured, context = self.captured, span.context
        if captured is None or context is None:
            return
        start_ns = self._starts.pop(context.span_id, None)
        if start_ns is None:  # began before this capture
            return
        captured.spans.append(
            CapturedSpan(
                name=span.name,
                trace_id=context.trace_id,
                span_id=context.span_id,
                parent_id=span.parent.span_id if span.parent else None,
                kind=span.kind,
                attributes=dict(span.attributes or {}),
                events=tuple((event.name, dict(event.attributes or {})) for event in span.events),
                status=span.status.status_code,
                status_message=span.status.description,
                start_ns=start_ns,
                end_ns=captured.clock(),
                links=tuple(link.context for link in span.links),
            )
        )


class _LogCollector(LogRecordProcessor):
    def __init__(self, captured: Captured) -> None:
        self._captured = captured

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        record = log_record.log_record
        self._captured.logs.append(
            CapturedLog(
                body=str(record.body),
                severity=record.severity_text or "",
                trace_id=record.trace_id or 0,
                span_id=record.span_id or 0,
                attributes=dict(record.attributes or {}),
            )
        )

    def shutdown(self) -> None:
        """Nothing to close."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


_installed: _Switch | None = None


def _install() -> _Switch:
    global _installed
    if _installed is None:
        if isinstance(trace.get_tracer_provider(), TracerProvider):
            raise RuntimeError("OpenTelemetry is set up already in this process: capture() must come first")
        ids = CountingIdGenerator()
        switch = _Switch(ids)
        provider = RootspanTracerProvider(
            Nowhere(), sampler=ALWAYS_ON, resource=Resource({}), id_generator=ids
        )
        provider.add_span_processor(switch)
        trace.set_tracer_provider(provider)
        _installed = switch
    return _installed


def _log_provider(captured: Captured) -> LoggerProvider:
    provider = LoggerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_log_record_processor(_LogCollector(captured))
    return provider
