"""Where a log record was made: trace, span, and in training rank and step.

Owns how that is found out, for records that are shipped and for text in a format of the program's own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from opentelemetry import trace as otel_trace
from opentelemetry.trace import format_span_id, format_trace_id

from rootspan import semconv

FIELDS = ("trace_id", "span_id", "rank", "step")
ABSENT = "-"
"""What a text format prints for what is not known."""


def context_fields() -> dict[str, str | int]:
    """`trace_id`, `span_id`, `rank` and `step` of here and now, as far as they are known.

    Rank and step come from the current span (every span of a training step carries them); outside of a step
    the rank comes from the launcher's RANK.
    """
    found: dict[str, str | int] = {}
    span = otel_trace.get_current_span()
    context = span.get_span_context()
    if context.is_valid:
        found["trace_id"] = format_trace_id(context.trace_id)
        found["span_id"] = format_span_id(context.span_id)
    found.update(training_fields())
    return found


def training_fields() -> dict[str, int]:
    """`rank` and `step` of here and now, as far as they are known."""
    found: dict[str, int] = {}
    attributes = getattr(otel_trace.get_current_span(), "attributes", None)
    if isinstance(attributes, Mapping):
        for name, key in (("rank", semconv.TRAINING_RANK), ("step", semconv.TRAINING_STEP)):
            value = attributes.get(key)
            if isinstance(value, int):
                found[name] = value
    if "rank" not in found:
        launched = os.environ.get("RANK", "")
        if launched.isdigit():
            found["rank"] = int(launched)
    return found


def without_context(extras: Mapping[str, object]) -> dict[str, object]:
    """A record's extras without the fields above, which it carries by itself; a `rank` of the program's own
    stays."""
    found = context_fields()
    return {
        key: value
        for key, value in extras.items()
        if key not in FIELDS or (value != ABSENT and value != found.get(key))
    }


class ContextFilter(logging.Filter):
    """Gives every record of standard logging `trace_id`, `span_id`, `rank` and `step` for its text format.

    To be added to a handler: `handler.addFilter(ContextFilter())`, then for example
    `%(message)s trace=%(trace_id)s rank=%(rank)s step=%(step)s`. Keeps every record.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Note where the record was made, unless it says so itself."""
        found = context_fields()
        for name in FIELDS:
            if not hasattr(record, name):
                setattr(record, name, found.get(name, ABSENT))
        return True
