"""Read models of the metrics explorer: which metrics there are, one over time by group, and its exemplars."""

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.statements import ArrowClient, Parameter, run_statement
from rootspan_analysis.views.timespan import TimeSpan

__all__ = [
    "MetricFilter",
    "MetricKind",
    "MetricName",
    "fetch_exemplars",
    "fetch_metric_names",
    "fetch_metric_series",
]

MetricKind = Literal["gauge", "sum", "histogram"]
NAMES_FROM_NS: Final = 900 * NS_PER_S
"""Names are taken from this much of the range's end."""
MAX_EXEMPLARS: Final = 200


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric that the range holds."""

    metric: str
    kind: MetricKind
    unit: str
    description: str


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Which points to look at, and how to group them; an empty text means all, or no group.

    Attributes:
        dimension: `service`, `host`, `region`, or the key of an attribute of the point or its resource.
    """

    service: str = ""
    host: str = ""
    region: str = ""
    dimension: str = ""


def _scope(span: TimeSpan, metric: str, only: MetricFilter) -> dict[str, Parameter]:
    return {
        "from_ns": span.from_ns,
        "to_ns": span.to_ns,
        "metric": metric,
        "service": only.service,
        "host": only.host,
        "region": only.region,
        "dimension": only.dimension,
    }


def fetch_metric_names(client: ArrowClient, span: TimeSpan) -> tuple[MetricName, ...]:
    """Metrics of the range's last quarter of an hour, by name."""
    begin = max(span.from_ns, span.to_ns - NAMES_FROM_NS)
    table = run_statement(client, "metric_names", from_ns=begin, to_ns=span.to_ns)
    return tuple(MetricName(**row) for row in table.to_pylist())


def fetch_metric_series(
    client: ArrowClient, span: TimeSpan, metric: MetricName, only: MetricFilter, *, step_s: int
) -> pa.Table:
    """`name, at_s, value` by group: a gauge's mean, a counter's rate per second, a histogram's mean."""
    return run_statement(client, f"metric_{metric.kind}", step_s=step_s, **_scope(span, metric.metric, only))


def fetch_exemplars(client: ArrowClient, span: TimeSpan, metric: MetricName, only: MetricFilter) -> pa.Table:
    """`at_ns, value, trace_id, span_id, name` of exemplars that name a trace, the largest values."""
    scope = _scope(span, metric.metric, only)
    return run_statement(client, "exemplars", kind=metric.kind, limit=MAX_EXEMPLARS, **scope)
