"""Read model of the service map: who calls whom, how often, how well, and what is lost between them."""

from dataclasses import dataclass
from typing import Final

from rootspan_analysis.views.statements import ArrowClient, Parameter, run_statement
from rootspan_analysis.views.timespan import TimeSpan, pick_slices
from rootspan_analysis.window import SAMPLED, sampling

__all__ = ["MOST_SPANS", "ServiceEdge", "fetch_service_edges"]

MOST_SPANS: Final = 400_000
"""Of a range with more spans a part is read: the join of both ends is what costs."""
MOST_EDGES: Final = 500


@dataclass(frozen=True, slots=True)
class ServiceEdge:
    """Calls from one service to another. Counts are scaled up for sampling; NaN where nothing is known.

    Attributes:
        gap_p50_ms, gap_p95_ms: The client's duration without the server's own: network and queues between.
        seen: Calls that were read.
    """

    caller: str
    callee: str
    calls: float
    errors: float
    p50_ms: float
    p95_ms: float
    gap_p50_ms: float
    gap_p95_ms: float
    seen: int


def fetch_service_edges(client: ArrowClient, span: TimeSpan, *, region: str = "") -> tuple[ServiceEdge, ...]:
    """Edges by their number of calls, most first; those of a service to itself are left out.

    Of a large range the sample of traces is read, which has no spans of training jobs; where there was none
    yet, some slices of time.
    """
    (row,) = run_statement(client, "span_count", from_s=span.from_s, to_s=span.to_s).to_pylist()
    common: dict[str, Parameter] = {
        "from_ns": span.from_ns,
        "to_ns": span.to_ns,
        "region": region,
        "limit": MOST_EDGES,
    }
    every, is_sampled = sampling(client, row["spans"], row["first_s"])
    if is_sampled:
        level = (every // SAMPLED).bit_length() - 1
        table = run_statement(client, "service_edges_sampled", level=level, scale=float(every), **common)
    else:
        slices = pick_slices(span, spans=row["spans"], most=MOST_SPANS)
        table = run_statement(
            client, "service_edges", seconds=list(slices.seconds), scale=slices.scale, **common
        )
    return tuple(ServiceEdge(**row) for row in table.to_pylist())
