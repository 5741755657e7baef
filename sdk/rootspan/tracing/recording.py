"""The span of the fast path: what a caller writes down, and nothing that can wait.

Owns the span's data and OpenTelemetry's rules for it: limits, first end wins, status OK is final. A span is
an `opentelemetry.sdk.trace.Span`, so whatever works with those works with it; the objects that OpenTelemetry
builds for each span (its context, bounded attributes, a lock, a read-only copy) are made when somebody asks
for them, which for most spans is never. Encoding is `encode`'s, starting is `tracer`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, EventBase, ReadableSpan
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceState
from opentelemetry.trace.span import TraceFlags
from opentelemetry.util import types

from rootspan.tracing.limits import PLAIN

if TYPE_CHECKING:
    from rootspan.tracing.tracer import RootspanTracer

_logger = logging.getLogger("rootspan")

FLAGS = tuple(TraceFlags(bits) for bits in range(4))
UNSET = Status(StatusCode.UNSET)
_ENDED = "%s was called on span %r, which has ended; nothing was changed"

EventRecord = tuple[str, int, Mapping[str, types.AnyValue], int]
"""Name, time, attributes, and how many of them the limits took."""


class RecordedSpan(SdkSpan):
    """A span that is recorded. Made by `RootspanTracer`, never by hand.

    Not locked: every change is one operation of a dict or a list, which Python makes atomic.
    """

    # All set by the tracer: reading a default from the class is slower than setting it for each span.
    _tracer: RootspanTracer
    _trace_id: int
    _span_id: int
    _trace_flags: int
    _trace_state: TraceState | None
    _attributes: dict[str, types.AnyValue]
    _context: SpanContext | None
    _end_time: int | None
    _event_records: list[EventRecord] | None
    _link_list: BoundedList[Link] | None
    _status: Status
    _n_dropped_attributes: int
    _n_dropped_events: int

    def get_span_context(self) -> SpanContext:
        """Ids and flags of this span, for propagation and links."""
        context = self._context
        if context is None:
            flags = FLAGS[self._trace_flags]
            self._context = context = SpanContext(
                self._trace_id, self._span_id, False, flags, self._trace_state
            )
        return context

    def is_recording(self) -> bool:
        """Whether changes still count."""
        return self._end_time is None

    def set_attribute(self, key: str, value: types.AnyValue) -> None:
        """Set one attribute."""
        limits = self._tracer.limits
        attributes = self._attributes
        if type(key) is not str or not key:
            self._n_dropped_attributes += self._end_time is None
            return
        if (
            type(value) not in PLAIN
            or limits.max_span_length is not None
            or self._end_time is not None
            or len(attributes) >= limits.max_attributes
        ):
            self._set_carefully({key: value})
            return
        # OpenTelemetry moves a key that is set again to the end: the oldest is the first to go at the limit.
        attributes.pop(key, None)
        attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, types.AnyValue]) -> None:
        """Set several attributes."""
        held = self._attributes
        if (
            self._end_time is None
            and self._tracer.limits.max_span_length is None
            and len(held) + len(attributes) <= self._tracer.limits.max_attributes
            and PLAIN.issuperset(map(type, attributes.values()))
            and all(type(key) is str and key for key in attributes)
        ):
            for key, value in attributes.items():
                held.pop(key, None)
                held[key] = value
            return
        self._set_carefully(attributes)

    def _set_carefully(self, attributes: Mapping[str, types.AnyValue]) -> None:
        if self._end_time is not None:
            _logger.warning(_ENDED, "set_attribute", self._name)
            return
        _, n_dropped = self._tracer.limits.set(self._attributes, attributes)
        self._n_dropped_attributes += n_dropped

    def add_event(self, name: str, attributes: types.Attributes = None, timestamp: int | None = None) -> None:
        """Note that something happened, now or at `timestamp`."""
        at = time_ns() if timestamp is None else timestamp
        if not attributes:
            self._keep((name, at, {}, 0))
            return
        self._keep((name, at, *self._tracer.limits.of_event(attributes)))

    def _add_event(self, event: EventBase) -> None:
        self.add_event(event.name, event.attributes, event.timestamp)

    def _keep(self, event: EventRecord) -> None:
        if self._end_time is not None:
            _logger.warning(_ENDED, "add_event", self._name)
            return
        events = self._event_records
        if events is None:
            self._event_records = events = []
        events.append(event)
        if len(events) > self._tracer.limits.max_events:
            del events[0]
            self._n_dropped_events += 1

    def add_link(self, context: SpanContext, attributes: types.Attributes = None) -> None:
        """Link another span; a context without ids needs attributes or a trace state to count."""
        self._add_link(Link(context, attributes))

    def _add_link(self, link: Link) -> None:
        if self._end_time is not None:
            _logger.warning(_ENDED, "add_link", self._name)
            return
        links = self._tracer.limits.links((link,))
        if self._link_list is None or not links:
            self._link_list = self._link_list or links
            return
        self._link_list.append(links[0])

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; UNSET is ignored and OK is final."""
        if self._end_time is not None:
            _logger.warning(_ENDED, "set_status", self._name)
            return
        if isinstance(status, StatusCode):
            status = Status(status, description)
        elif description is not None:
            _logger.warning("set_status: description %r ignored beside a Status", description)
        if self._status.status_code is not StatusCode.OK and status.status_code is not StatusCode.UNSET:
            self._status = status

    def update_name(self, name: str) -> None:
        """Call the span something else."""
        if self._end_time is not None:
            _logger.warning(_ENDED, "update_name", self._name)
            return
        self._name = name

    def start(self, start_time: int | None = None, parent_context: object = None) -> None:
        """Nothing: a tracer's spans have started."""
        _logger.warning("start() was called on span %r, which has started", self._name)

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it over. The first call counts."""
        if self._end_time is not None:
            _logger.warning(_ENDED, "end", self._name)
            return
        self._end_time = time_ns() if end_time is None else end_time
        tracer = self._tracer
        if self._trace_flags & 1:
            tracer.hand_over(self)
        if tracer.hears_ends:
            tracer.span_processor._on_ending(self)
            tracer.span_processor.on_end(self._readable_span())

    def _readable_span(self) -> ReadableSpan:
        attributes = BoundedAttributes(attributes=self._attributes)
        attributes.dropped += self._n_dropped_attributes
        events: BoundedList[Event] = BoundedList(None)
        events.extend(self.events)
        events.dropped = self._n_dropped_events
        return ReadableSpan(
            name=self._name,
            context=self.get_span_context(),
            parent=self._parent,
            resource=self._tracer.resource,
            attributes=attributes,
            events=events,
            links=BoundedList(None) if self._link_list is None else self._link_list,
            kind=self._kind,
            instrumentation_info=self._tracer.instrumentation_info,
            status=self._status,
            start_time=self._start_time,
            end_time=self._end_time,
            instrumentation_scope=self._tracer.scope,
        )

    @property
    def context(self) -> SpanContext:
        """Ids and flags of this span."""
        return self.get_span_context()

    @property
    def attributes(self) -> types.Attributes:
        """The attributes as they are now; read-only."""
        return MappingProxyType(self._attributes)

    @property
    def events(self) -> Sequence[Event]:
        """The events so far."""
        return tuple(_as_event(record) for record in self._event_records or ())

    @property
    def links(self) -> Sequence[Link]:
        """The links so far."""
        return tuple(self._link_list or ())

    @property
    def dropped_attributes(self) -> int:
        """Attributes that the limits took."""
        return self._n_dropped_attributes

    @property
    def dropped_events(self) -> int:
        """Events that the limits took."""
        return self._n_dropped_events

    @property
    def dropped_links(self) -> int:
        """Links that the limits took."""
        return 0 if self._link_list is None else self._link_list.dropped

    @property
    def resource(self) -> Resource:
        """Who made the span."""
        return self._tracer.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Which library made the span."""
        return self._tracer.scope

    @property
    def instrumentation_info(self) -> InstrumentationInfo:
        """Which library made the span, in the form that OpenTelemetry deprecated."""
        return self._tracer.instrumentation_info

    def to_json(self, indent: int | None = 4) -> str:
        """The span as OpenTelemetry prints it."""
        return str(self._readable_span().to_json(indent))


class UnsampledSpan(NonRecordingSpan):
    """A span that is not recorded. Its ids are drawn when somebody asks for them.

    The first such span of a trace in this process is its root: the others take trace id, flags and state from
    it. Made by the tracer, field by field.
    """

    _tracer: RootspanTracer
    _root: UnsampledSpan | None
    # A root has one of these: the whole id, or the half that decided.
    _trace_id: int = 0
    _low_half: int = 0
    _trace_flags: int = 0
    _trace_state: TraceState | None = None

    def __init__(self) -> None:
        """Nothing: OpenTelemetry's constructor wants a context."""

    def get_span_context(self) -> SpanContext:
        """Ids and flags, so that what is called from here is not sampled either."""
        # setdefault is atomic: two threads that ask get the same answer.
        made: SpanContext | None = self.__dict__.get("_context")
        if made is None:
            root = self._root or self
            span_id = self._tracer.id_generator.generate_span_id()
            flags = FLAGS[root._trace_flags]
            context = SpanContext(root.trace_id(), span_id, False, flags, root._trace_state)
            made = self.__dict__.setdefault("_context", context)
        return made

    def trace_id(self) -> int:
        """The id of a root's trace."""
        if self._trace_id:
            return self._trace_id
        ids = self._tracer.id_generator
        drawn = ids.generate_trace_id()
        if self._low_half:
            drawn = drawn >> 64 << 64 | self._low_half
        trace_id: int = self.__dict__.setdefault("_drawn_id", drawn)
        return trace_id

    def __repr__(self) -> str:
        return f"UnsampledSpan({self.get_span_context()!r})"


def _as_event(record: EventRecord) -> Event:
    name, timestamp, attributes, n_dropped = record
    bounded: Any = BoundedAttributes(attributes=attributes)
    bounded.dropped += n_dropped
    return Event(name, bounded, timestamp)
