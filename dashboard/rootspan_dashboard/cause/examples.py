"""Which traces to show for a cause: some that it hurt, and some normal ones of the same kind."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from rootspan_analysis.explanation import Cause
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import TraceFilter, TraceOrder
from rootspan_analysis.views.trace_search import fetch_trace_list
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.words.formats import format_ms

__all__ = ["Example", "fetch_examples"]

SHOWN: Final = 3
DRAWN_FROM: Final = 30
"""Random traces from which the most ordinary ones are taken."""


@dataclass(frozen=True, slots=True)
class Example:
    """One trace, by the span that shows the matter."""

    trace_id: str
    span_id: str
    start_ns: int
    service: str
    operation: str
    host: str
    duration_ns: int
    failed: bool

    @property
    def took(self) -> str:
        """How long, in words; a span without an end, as a hang leaves it, has no length."""
        return format_ms(self.duration_ns / 1e6) if self.duration_ns else "not ended"


def fetch_examples(
    cause: Cause, during: TimeSpan, before: TimeSpan | None
) -> tuple[tuple[Example, ...], tuple[Example, ...], str]:
    """Traces that the cause hurt, normal ones, and in words what the normal ones are.

    Normal is the same service on another host at the same time, for a host; else the same thing before.
    """
    entity = cause.entity
    host = entity.get("host.name", "").split(",")[0].strip()
    service = entity.get("service.name", "")
    suspect = TraceFilter(
        service=service, host=host, region=entity.get("cloud.region", "") if not host else ""
    )
    order: TraceOrder = "failed" if "error" in cause.fault else "slowest"
    bad = _examples(ask(fetch_trace_list, during, suspect, order=order, limit=SHOWN))
    if not bad and host:
        # Lost hosts send no spans any more: show those that missed them.
        bad = _examples(
            ask(fetch_trace_list, during, TraceFilter(service=service), order="failed", limit=SHOWN)
        )
    operation = bad[0].operation if bad else ""
    if host:
        same = TraceFilter(service=service, operation=operation, without=(service, host))
        words = "Normal: the same operation on another host, at the same time"
        found = _examples(ask(fetch_trace_list, during, same, order="random", limit=DRAWN_FROM))
    else:
        same = TraceFilter(service=service, operation=operation, region=suspect.region)
        words = "Normal: the same operation before it began"
        found = (
            _examples(ask(fetch_trace_list, before, same, order="random", limit=DRAWN_FROM)) if before else ()
        )
    return bad, _ordinary(found), words


def _ordinary(found: tuple[Example, ...]) -> tuple[Example, ...]:
    """Those without a failure whose durations are nearest to the median."""
    good = sorted((one for one in found if not one.failed), key=lambda one: one.duration_ns)
    if not good:
        return ()
    middle = good[len(good) // 2].duration_ns
    return tuple(sorted(good, key=lambda one: abs(one.duration_ns - middle))[:SHOWN])


def _examples(table: pa.Table) -> tuple[Example, ...]:
    return tuple(
        Example(
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            start_ns=row["start_ns"],
            service=row["service"],
            operation=row["operation"],
            host=row["host"],
            duration_ns=row["duration_ns"],
            failed=row["status"] == "Error",
        )
        for row in table.to_pylist()
    )
