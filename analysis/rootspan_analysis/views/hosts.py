"""Read models of one host: what runs there, which ranks it has, its gauges."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.statements import ArrowClient, run_statement
from rootspan_analysis.views.timespan import TimeSpan

__all__ = ["HostInstance", "fetch_host_gauges", "fetch_host_instances", "fetch_host_ranks"]

RANKS_FROM_NS: Final = 300 * NS_PER_S


@dataclass(frozen=True, slots=True)
class HostInstance:
    """A service of one version on one GPU (or none) of the host; empty texts where nothing was told."""

    service: str
    version: str
    region: str
    zone: str
    rack: str
    switch: str
    gpu: str
    first_ns: int
    last_ns: int


def fetch_host_instances(client: ArrowClient, span: TimeSpan, host: str) -> tuple[HostInstance, ...]:
    """What ran on the host; empty if nothing did."""
    table = run_statement(client, "host_instances", host=host, from_ns=span.from_ns, to_ns=span.to_ns)
    return tuple(HostInstance(**row) for row in table.to_pylist())


def fetch_host_ranks(client: ArrowClient, span: TimeSpan, host: str) -> pa.Table:
    """`job, rank, spans` of the range's last five minutes; usually empty."""
    begin = max(span.from_ns, span.to_ns - RANKS_FROM_NS)
    return run_statement(client, "host_ranks", host=host, from_ns=begin, to_ns=span.to_ns)


def fetch_host_gauges(client: ArrowClient, span: TimeSpan, host: str, *, step_s: int) -> pa.Table:
    """`metric, gpu, at_s, value`, oldest first within a device."""
    return run_statement(
        client, "host_gauge_series", host=host, from_s=span.from_s, to_s=span.to_s, step_s=step_s
    )
