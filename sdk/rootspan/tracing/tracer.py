"""Tracers and their provider: how a span of the fast path begins.

Owns parentage, ids, the sampling decision and who hears of a span. Both are OpenTelemetry SDK's classes with
the slow parts replaced, so that `add_span_processor`, `isinstance` checks, forks and tracer configurators
work as ever. Our own queue is no `SpanProcessor`: it takes the span itself, without a read-only copy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from time import monotonic, time_ns
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, Tracer, TracerProvider, _TracerConfig
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    TraceState,
)
from opentelemetry.trace.propagation import _SPAN_KEY as SPAN_KEY
from opentelemetry.util import types

from rootspan.tracing.ids import CHOSEN, KernelIdGenerator
from rootspan.tracing.limits import Limits
from rootspan.tracing.recording import UNSET, RecordedSpan, UnsampledSpan
from rootspan.tracing.sampling import ID_MASK, shortcut

_NONE: Mapping[str, types.AnyValue] = {}
_SAMPLED, _RANDOM = 1, 2
_new = object.__new__


class SpanSink(Protocol):
    """Takes sampled spans as they end."""

    def offer(self, span: RecordedSpan, /) -> None:
        """Take one. Never blocks, never raises."""

    def flush(self, timeout_s: float, /) -> bool:
        """Wait until what was offered is gone; False when it is not, or not in time."""


class Nowhere:
    """A sink for providers whose spans go to listeners alone."""

    def offer(self, _span: RecordedSpan, /) -> None:
        """Forget it."""

    def flush(self, _timeout_s: float, /) -> bool:
        """Nothing waits."""
        return True


class RootspanTracer(Tracer):
    """Starts spans of one instrumentation scope.

    Attributes:
        limits: Bounds of its spans.
        hand_over: Takes each sampled span as it ends.
        hears_starts: Whether a span processor of the program wants to know of starts.
        hears_ends: The same of ends; for it, read-only copies are made.
        scope: The instrumentation scope.
    """

    limits: Limits
    hand_over: Callable[[RecordedSpan], None]
    hears_starts: bool
    hears_ends: bool
    scope: InstrumentationScope

    def attach_to(self, provider: RootspanTracerProvider) -> None:
        """Read what the provider decides for all its tracers."""
        self.limits, self.hand_over = provider.limits, provider.hand_over
        self.hears_starts, self.hears_ends = provider.hears_starts, provider.hears_ends
        self.scope = self._instrumentation_scope
        short = shortcut(self.sampler)
        # Plain numbers, because every span reads them.
        self._is_known, self._bound, self._follows = short is not None, 0, False
        if short is not None:
            self._bound, self._follows = short.bound, short.follows_parent
        ids = self.id_generator
        self._new_trace_id, self._new_span_id = ids.generate_trace_id, ids.generate_span_id
        self._root_flags = _RANDOM if ids.is_trace_id_random() else 0
        self._draws_halves = type(ids) is KernelIdGenerator
        self._draw = ids.draw if isinstance(ids, KernelIdGenerator) else ids.generate_span_id
        self._set_tracer_config(self._tracer_config)

    def _set_tracer_config(self, tracer_config: _TracerConfig) -> None:
        super()._set_tracer_config(tracer_config)
        self._is_on = tracer_config.is_enabled
        self._is_short = self._follows and self._is_on
        self._decides_by_half = self._is_known and self._is_on and self._draws_halves

    def start_span(  # noqa: PLR0917 - OpenTelemetry's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """A span that is not current, as OpenTelemetry's API has it."""
        where = otel_context.get_current() if context is None else context
        span = self.begin(name, where, kind, attributes or _NONE, links or (), start_time)
        if not (record_exception and set_status_on_exception) and isinstance(span, RecordedSpan):
            span._record_exception = record_exception
            span._set_status_on_exception = set_status_on_exception
        return span

    def begin(  # noqa: PLR0912, PLR0915, PLR0917 - one function: each call more is paid by every span
        self,
        name: str,
        context: Context,
        kind: SpanKind,
        attributes: Mapping[str, types.AnyValue],
        links: Sequence[Link] = (),
        start_time: int | None = None,
    ) -> Span:
        """Start a span below what is current in `context`.

        Raises:
            Whatever a sampler, an id generator or a span processor of the program raises.
        """
        parent: SpanContext | None = None
        trace_state: TraceState | None = None
        above = context.get(SPAN_KEY)
        if above is None:
            flags, trace_id = self._root_flags, 0
            if self._decides_by_half and not CHOSEN:
                # The low half of an id decides; a trace that is not sampled seldom needs the other one.
                try:
                    half = self._draw()
                except IndexError:
                    half = self._new_span_id()
                if half >= self._bound:
                    unsampled: UnsampledSpan = _new(UnsampledSpan)
                    unsampled._tracer, unsampled._root = self, None
                    unsampled._low_half, unsampled._trace_flags = half, flags
                    return unsampled
                trace_id = self._new_span_id() << 64 | half
        elif type(above) is UnsampledSpan:
            root = above._root or above
            if self._is_short:
                unsampled = _new(UnsampledSpan)
                unsampled._tracer, unsampled._root = self, root
                return unsampled
            parent = above.get_span_context()
            trace_id, flags, trace_state = parent.trace_id, root._trace_flags, root._trace_state
        elif type(above) is RecordedSpan:
            parent = above._context or above.get_span_context()
            trace_id, flags, trace_state = above._trace_id, above._trace_flags, above._trace_state
        else:
            parent = above.get_span_context() if isinstance(above, Span) else None
            if parent is None or not parent.is_valid:
                parent, trace_id, flags = None, 0, self._root_flags
            else:
                trace_id, flags, trace_state = parent.trace_id, parent.trace_flags & 3, parent.trace_state
        if not self._is_on:
            return NonRecordingSpan(parent or INVALID_SPAN_CONTEXT)
        if not self._is_known:
            trace_id = trace_id or self._new_trace_id()
            result = self.sampler.should_sample(context, trace_id, name, kind, attributes, links)
            attributes, trace_state = result.attributes or _NONE, result.trace_state
            flags = flags & _RANDOM | (result.decision is Decision.RECORD_AND_SAMPLE)
            is_recorded = result.decision is not Decision.DROP
        else:
            if parent is None:
                trace_id = trace_id or self._new_trace_id()
                flags |= trace_id & ID_MASK < self._bound
            elif not self._follows:
                flags = flags & _RANDOM | (trace_id & ID_MASK < self._bound)
            is_recorded = flags & _SAMPLED > 0
        if not is_recorded:
            unsampled = _new(UnsampledSpan)
            unsampled._tracer, unsampled._root, unsampled._trace_id = self, None, trace_id
            unsampled._trace_flags, unsampled._trace_state = flags, trace_state
            return unsampled

        # Past OpenTelemetry's constructor, which builds a lock, bounded attributes and lists for each span.
        span: RecordedSpan = _new(RecordedSpan)
        span._tracer, span._name, span._kind = self, name, kind
        span._trace_id, span._span_id, span._trace_flags = trace_id, self._new_span_id(), flags
        span._parent, span._trace_state = parent, trace_state or None
        span._context = span._end_time = span._event_records = None
        span._status, span._n_dropped_events = UNSET, 0
        span._link_list = self.limits.links(links) if links else None
        if attributes:
            span._attributes, span._n_dropped_attributes = self.limits.begin(attributes)
        else:
            span._attributes, span._n_dropped_attributes = {}, 0
        span._start_time = time_ns() if start_time is None else start_time
        if self.hears_starts:
            self.span_processor.on_start(span, parent_context=context)
        return span


def _info(scope: InstrumentationScope) -> InstrumentationInfo:
    """The scope as older exporters read it; making one warns, and that is not the program's business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return InstrumentationInfo(scope.name, scope.version, scope.schema_url)


class RootspanTracerProvider(TracerProvider):
    """OpenTelemetry's provider with our tracers.

    Attributes:
        hand_over: Takes each sampled span as it ends.
        limits: Bounds of every span.
        hears_starts: Whether a span processor was added that wants to know of starts.
        hears_ends: The same of ends.
    """

    def __init__(
        self,
        sink: SpanSink,
        *,
        sampler: Sampler | None = None,
        resource: Resource | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
    ) -> None:
        super().__init__(
            sampler=sampler,
            resource=resource,
            shutdown_on_exit=False,
            id_generator=id_generator,
            span_limits=span_limits,
        )
        self._sink, self.hand_over = sink, sink.offer
        self.hears_starts = self.hears_ends = False
        self.limits = Limits.of(self._span_limits)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: types.Attributes = None,
    ) -> Tracer | NoOpTracer:
        """The tracer of a library; the same one for the same arguments."""
        if self._disabled:
            return NoOpTracer()
        version = instrumenting_library_version or ""
        scope = InstrumentationScope(instrumenting_module_name or "", version, schema_url, attributes)
        with self._tracers_lock:
            known = self._tracers.get(scope)
            if known is None:
                known = RootspanTracer(
                    self.sampler,
                    self._resource,
                    self._active_span_processor,
                    self.id_generator,
                    _info(scope),
                    self._span_limits,
                    scope,
                    meter_provider=self._meter_provider,
                    _tracer_config=self._apply_tracer_configurator(scope),
                )
                known.attach_to(self)
                self._tracers[scope] = known
            return known

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the spans so far are gone, from our queue and from every processor."""
        deadline = monotonic() + timeout_millis / 1e3
        is_sent = self._sink.flush(timeout_millis / 1e3)
        return super().force_flush(max(0, int((deadline - monotonic()) * 1e3))) and is_sent

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Have a processor hear of every span, of tracers that exist already, too."""
        super().add_span_processor(span_processor)
        # One that inherits the empty methods costs nothing.
        own = type(span_processor)
        ending = getattr(SpanProcessor, "_on_ending", None)
        with self._tracers_lock:
            self.hears_starts |= own.on_start is not SpanProcessor.on_start
            self.hears_ends |= own.on_end is not SpanProcessor.on_end
            self.hears_ends |= getattr(own, "_on_ending", None) is not ending
            for tracer in self._tracers.values():
                if isinstance(tracer, RootspanTracer):
                    tracer.hears_starts, tracer.hears_ends = self.hears_starts, self.hears_ends
