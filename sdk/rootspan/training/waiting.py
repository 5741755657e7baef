"""Log events of a rank that waited in vain: what it waited in, and how far each of its groups has come.

Owns the events: for each collective that did not complete one `collective.pending`, for each group one
`collective.status`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context

from rootspan import semconv
from rootspan.spans.scope import AttributeValue
from rootspan.training.emission import collective_attributes
from rootspan.training.ring import CHANNEL, ENQUEUED_NS, ERROR, OP, SEQ, STEP, Channel, Record

if TYPE_CHECKING:
    from rootspan.training.step import Step

_MAX_EVENTS = 64


def tell(
    records: Sequence[Record],
    channels: Mapping[str, Channel],
    step: Step | None,
    now_ns: int,
    *,
    attributes: Mapping[str, AttributeValue],
) -> None:
    """Tell of collectives that did not complete, the first 64, and of all groups as they stand.

    Args:
        channels: All groups, by label.
        step: The one that the rank is in.
        now_ns: Nanoseconds since the epoch.
        attributes: Of the rank; each event carries them.
    """
    for record in records[:_MAX_EVENTS]:
        age_s = (now_ns - record[ENQUEUED_NS]) / 1e9
        told = collective_attributes(record)
        told[semconv.TRAINING_COLLECTIVE_AGE_S] = age_s
        told[semconv.TRAINING_COLLECTIVE_STATE] = "failed" if record[ERROR] else "pending"
        if record[ERROR]:
            told[semconv.ERROR_TYPE] = record[ERROR]
        what = f"{record[OP]} {record[SEQ]} of group {record[CHANNEL].label}"
        words = f"{what} is not complete after {age_s:.1f} s"
        _emit(semconv.EVENT_COLLECTIVE_PENDING, words, {**attributes, **told}, record[STEP], severe=True)
    for label, channel in list(channels.items())[:_MAX_EVENTS]:
        status: dict[str, AttributeValue] = {
            semconv.TRAINING_COLLECTIVE_GROUP: label,
            semconv.TRAINING_COLLECTIVE_LAST_ENQUEUED: channel.last_enqueued,
            semconv.TRAINING_COLLECTIVE_LAST_COMPLETED: channel.last_completed,
            semconv.TRAINING_GROUP_RANKS: channel.ranks,
        }
        words = f"group {label}: enqueued {channel.last_enqueued}, completed {channel.last_completed}"
        _emit(semconv.EVENT_COLLECTIVE_STATUS, words, {**attributes, **status}, step, severe=False)


def _emit(
    event: str,
    words: str,
    attributes: Mapping[str, AttributeValue],
    step: Step | None,
    *,
    severe: bool,
) -> None:
    # Not at import: a program that is not traced never loads OpenTelemetry's logs.
    from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

    context = Context() if step is None else otel_trace.set_span_in_context(step.span, Context())
    told = dict(attributes)
    if step is not None:
        told[semconv.TRAINING_STEP] = step.number
    get_logger("rootspan.training").emit(
        LogRecord(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.WARN if severe else SeverityNumber.INFO,
            severity_text="WARN" if severe else "INFO",
            body=f"{event}: {words}",
            attributes=told,
            event_name=event,
        )
    )
