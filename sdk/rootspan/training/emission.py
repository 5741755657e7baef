"""Makes spans of a step's phases and collectives after they ended.

Owns the shape of those spans. They carry the times of what they tell, not of their making.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from rootspan import semconv
from rootspan.spans.scope import AttributeValue
from rootspan.training.ring import (
    BYTES,
    CHANNEL,
    ENDED_NS,
    ENQUEUED_NS,
    ERROR,
    OP,
    PEER,
    PHASE,
    SEQ,
    STEP,
    TOLD,
    WAITED,
    Record,
    Wait,
)
from rootspan.training.step import COLLECTIVE, Step


def send_phases(
    tracer: Tracer, step: Step, inside: Context, attributes: Mapping[str, AttributeValue]
) -> None:
    """Send the phases that ended without a span of their own."""
    finished, step.finished = step.finished, []
    for name, start_ns, end_ns, microbatch in finished:
        told = {**attributes, semconv.TRAINING_STEP: step.number, semconv.TRAINING_PHASE: name}
        if microbatch is not None:
            told[semconv.TRAINING_MICROBATCH] = microbatch
        tracer.start_span(f"train.{name}", inside, SpanKind.INTERNAL, told, (), start_ns).end(end_ns)


def send_outside(
    tracer: Tracer, name: str, start_ns: int, end_ns: int, attributes: Mapping[str, AttributeValue]
) -> None:
    """Send a phase between steps that was measured elsewhere, as a trace of its own."""
    told = {**attributes, semconv.TRAINING_PHASE: name}
    tracer.start_span(f"train.{name}", Context(), SpanKind.INTERNAL, told, (), start_ns).end(end_ns)


def send_collectives(
    tracer: Tracer, records: Iterable[Record], inside: Context, attributes: Mapping[str, AttributeValue]
) -> None:
    """Send the collectives that ended and were not sent, each below the phase it was enqueued in."""
    for record in records:
        if not record[ENDED_NS] or record[TOLD]:
            continue
        record[TOLD] = True
        phase = record[PHASE]
        while phase is not None and phase.span is None:
            phase = phase.outer
        above = inside if phase is None else otel_trace.set_span_in_context(phase.span, Context())
        span = tracer.start_span(
            semconv.SPAN_TRAIN_COLLECTIVE,
            above,
            SpanKind.INTERNAL,
            {**attributes, **collective_attributes(record)},
            (),
            record[ENQUEUED_NS],
        )
        if record[WAITED] == Wait.AT_ONCE:
            # The thread that enqueued it carried it out.
            span.set_attribute(semconv.TRAINING_COLLECTIVE_START_OFFSET_NS, 0)
        if record[ERROR] is not None:
            span.set_attribute(semconv.ERROR_TYPE, record[ERROR])
            span.set_attribute(semconv.TRAINING_COLLECTIVE_STATE, "failed")
            span.set_status(Status(StatusCode.ERROR, record[ERROR]))
        span.end(record[ENDED_NS])


def collective_attributes(record: Record) -> dict[str, AttributeValue]:
    """What tells one collective from the others."""
    found: dict[str, AttributeValue] = {
        semconv.TRAINING_PHASE: COLLECTIVE,
        semconv.TRAINING_COLLECTIVE_OP: record[OP],
        semconv.TRAINING_COLLECTIVE_GROUP: record[CHANNEL].label,
        semconv.TRAINING_COLLECTIVE_SEQ: record[SEQ],
        semconv.TRAINING_COLLECTIVE_BYTES: record[BYTES],
    }
    if record[PEER] is not None and record[PEER] >= 0:
        found[semconv.TRAINING_COLLECTIVE_PEER] = record[PEER]
    step = record[STEP]
    if step is not None:
        found[semconv.TRAINING_STEP] = step.number
    microbatch = getattr(record[PHASE], "microbatch", None)
    if microbatch is not None:
        found[semconv.TRAINING_MICROBATCH] = microbatch
    return found
