"""Read models of the cost page: GPU time by service and region, and what it served, by model too."""

from typing import Final

import pyarrow as pa

from rootspan_analysis.views.service_edges import MOST_SPANS
from rootspan_analysis.views.statements import ArrowClient, run_statement
from rootspan_analysis.views.timespan import TimeSpan, pick_slices

__all__ = ["IDLE_BELOW", "fetch_gpu_time", "fetch_model_usage", "fetch_served"]

IDLE_BELOW: Final = 0.05
"""A GPU that is used less than this in a minute is idle in it."""

SLICES: Final = 6
"""Of a large range so many stretches are read: each touches a block or two of every operation."""


def fetch_gpu_time(client: ArrowClient, span: TimeSpan, *, region: str = "") -> pa.Table:
    """`service, region, gpu_hours, idle_hours, busy_hours, gpus`; the most GPU-hours first.

    A GPU counts in a minute in which it told its utilisation, whether it was used or not.
    """
    return run_statement(
        client, "gpu_time", from_s=span.from_s, to_s=span.to_s, region=region, idle_below=IDLE_BELOW
    )


def fetch_served(client: ArrowClient, span: TimeSpan, *, region: str = "") -> pa.Table:
    """`service, region, requests` that services served, scaled up where senders sampled."""
    return run_statement(
        client, "served_by_region", from_s=span.from_s, to_s=span.to_s, region=region, service=""
    )


def fetch_model_usage(client: ArrowClient, span: TimeSpan, *, region: str = "") -> pa.Table:
    """`service, region, model, requests, seconds, input_tokens, output_tokens`.

    Of a large range by a sample.
    """
    (row,) = run_statement(client, "span_count", from_s=span.from_s, to_s=span.to_s).to_pylist()
    slices = pick_slices(span, spans=row["spans"], most=MOST_SPANS, runs=SLICES)
    return run_statement(
        client,
        "model_usage",
        from_ns=span.from_ns,
        to_ns=span.to_ns,
        region=region,
        seconds=list(slices.seconds),
        scale=slices.scale,
    )
