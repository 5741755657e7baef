"""Trace ids of steps: every rank computes the same one from (job, attempt, step), so none has to be told.

Owns the derivation and how a rank's `train.step` becomes a root span of that trace.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
)

from rootspan.spans.scope import AttributeValue

BEFORE_STEPS = -1
"""In place of a step's number: what all ranks do together before the first one."""
_logger = logging.getLogger("rootspan")


def step_trace_id(job: str, attempt: int, step: int) -> int:
    """128 bits that are the same on every rank and differ between jobs, attempts and steps; never 0.

    A hash, so its low bits are as good as random ones: samplers by ratio keep or drop a step on all ranks.
    """
    digest = hashlib.blake2b(f"{job}\0{attempt}\0{step}".encode(), digest_size=16, person=b"rootspan.step")
    return int.from_bytes(digest.digest(), "big") or 1


def start_root(
    tracer: Tracer,
    name: str,
    trace_id: int,
    start_ns: int,
    *,
    attributes: Mapping[str, AttributeValue],
    links: Sequence[Link],
) -> Span:
    """Start a root span in a given trace.

    Under a tracer provider of the program's own, whose ids are not ours to choose, the span gets a parent
    that nobody sends instead: one trace all the same, without a root.
    """
    # Not at import: the ids' base class is OpenTelemetry's SDK, which a program that is not traced never
    # loads.
    from rootspan.tracing.ids import trace_id_of_root

    try:
        with trace_id_of_root(trace_id):
            span = tracer.start_span(name, Context(), SpanKind.INTERNAL, attributes, links, start_ns)
    except Exception as err:  # a sampler or processor of the program's
        _logger.warning("rootspan could not start a step: %s: %s", type(err).__name__, err)
        return INVALID_SPAN
    context = span.get_span_context()
    if context.trace_id == trace_id or not context.is_valid:
        return span
    parent = SpanContext(trace_id, (trace_id >> 64) or 1, is_remote=True, trace_flags=TraceFlags(1))
    above = otel_trace.set_span_in_context(NonRecordingSpan(parent), Context())
    return tracer.start_span(name, above, SpanKind.INTERNAL, attributes, links, start_ns)
