"""Where each landing view has what rules look at: columns by what they hold. Pure data."""

from dataclasses import dataclass, field

from rootspan_store.ingest import Signal

__all__ = ["LAYOUTS", "Layout"]

# Columns that repeat an attribute of the resource; the tables' DEFAULTs say the same.
_OF_RESOURCE = {"ServiceName": "service.name", "HostName": "host.name", "Region": "cloud.region"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of one table that a landing view fills.

    Attributes:
        name: Column of the name that rules select by.
        own: Map of the item's own attributes.
        scope: Maps that go by the scope.
        events: Arrays of maps that hang on the item.
        texts: Free text.
        derived: Columns that repeat an attribute of the resource, by column.
        trace_ids: What tells traces apart, best first. Empty: items of this table are not sampled.
    """

    signal: Signal
    name: str
    own: str
    scope: tuple[str, ...] = ("ScopeAttributes",)
    events: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=lambda: dict(_OF_RESOURCE))
    trace_ids: tuple[str, ...] = ()


def _points(*, has_exemplars: bool) -> Layout:
    return Layout(
        Signal.METRICS,
        name="MetricName",
        own="Attributes",
        scope=("ScopeAttributes", "MetricMetadata"),
        events=("Exemplars.FilteredAttributes",) if has_exemplars else (),
    )


LAYOUTS = {
    "otel_traces": Layout(
        Signal.TRACES,
        name="SpanName",
        own="SpanAttributes",
        events=("Events.Attributes", "Links.Attributes"),
        texts=("SpanName", "StatusMessage"),
        derived={
            **_OF_RESOURCE,
            "Zone": "cloud.availability_zone",
            "ServiceVersion": "service.version",
            "Gpu": "gpu.index",
            "JobId": "training.job.id",
        },
        trace_ids=("TraceId", "SpanId"),
    ),
    "otel_logs": Layout(Signal.LOGS, name="EventName", own="LogAttributes", texts=("Body",)),
    "otel_metrics_gauge": _points(has_exemplars=True),
    "otel_metrics_sum": _points(has_exemplars=True),
    "otel_metrics_histogram": _points(has_exemplars=True),
    "otel_metrics_exponential_histogram": _points(has_exemplars=True),
    "otel_metrics_summary": _points(has_exemplars=False),
}
"""By target table; a view that fills another table is no business of rules."""
