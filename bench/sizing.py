"""How large an installation has to be: bytes, CPU, nodes, network and cost, from measured cost per item.

    python -m bench.sizing                     # the tables of docs/scale.md
    python -m bench.sizing --machines 25000 --spans-per-s 300 --sampled 0.1

Arithmetic only; every number that it starts from is an argument. Costs per item are those that `bench.ingest`
and replays measured (docs/scale.md says when and on what); prices are assumptions to be replaced by yours.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

__all__ = ["Costs", "Fleet", "Size", "main", "size", "tables"]

_DAY_S = 86_400
_MONTH_S = 30 * _DAY_S


@dataclass(frozen=True, slots=True)
class Fleet:
    """What one installation has to take."""

    machines: int = 1000
    """Machines of eight GPUs that send."""
    spans_per_s: float = 400.0
    """Spans that a machine makes: 8 GPUs × 5 requests/s × 10 spans, or 8 ranks × 1 step/s × 50 spans."""
    sampled: float = 1.0
    """Share of the spans that is sent, 0-1."""
    logs_per_s: float = 20.0
    """Log records of a machine."""
    points_per_s: float = 16.0
    """Metric points of a machine: 8 GPUs × 20 series + 80 of the host, every 15 s."""
    raw_days: float = 7.0
    """How long raw rows are kept."""
    replicas: int = 2
    """Copies of each row."""
    shards_filled: float = 0.5
    """How much of a node's CPU and disk is planned for. The rest: questions, peaks, a lost node."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What an item costs, and what a machine offers."""

    collector_span_us: float = 1.46
    store_span_us: float = 6.29
    collector_log_us: float = 3.2
    store_log_us: float = 16.6
    collector_point_us: float = 1.2
    store_point_us: float = 6.1
    span_wire_bytes: float = 376.0
    log_wire_bytes: float = 620.0
    point_wire_bytes: float = 70.0
    span_disk_bytes: float = 34.3
    log_disk_bytes: float = 34.0
    point_disk_bytes: float = 13.5
    replica_share: float = 0.15
    """CPU of a further replica, which fetches and merges parts, over that of inserting. An assumption."""
    second_hop_us: float = 1.0
    """CPU of handing a row to its shard as a native block. An assumption: not measured here."""
    collector_cores: int = 8
    node_cores: int = 16
    node_disk_bytes: float = 8e12
    core_hour_usd: float = 0.04
    disk_gb_month_usd: float = 0.08
    network_gb_usd: float = 0.01
    """Between zones, each way; what stays within one costs nothing."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the fleet needs. Rates are means; CPU is in cores that are busy all the time."""

    machines: int
    items_per_s: float
    wire_bytes_per_s: float
    collector_cores: float
    collectors: int
    store_cores: float
    raw_bytes: float
    shards: int
    nodes: int
    network_gb_month: float
    usd_month: float
    usd_per_machine_month: float


def size(fleet: Fleet, costs: Costs) -> Size:
    """Return what a fleet needs.

    Formulas: cores = Σ items/s × µs ÷ 10⁶; disk = Σ items/s × bytes × seconds kept × replicas; shards are
    what CPU or disk asks for, whichever is more, at the planned filling.
    """
    n = fleet.machines
    spans, logs, points = n * fleet.spans_per_s * fleet.sampled, n * fleet.logs_per_s, n * fleet.points_per_s
    items = spans + logs + points
    wire = spans * costs.span_wire_bytes + logs * costs.log_wire_bytes + points * costs.point_wire_bytes
    collecting = (
        spans * costs.collector_span_us + logs * costs.collector_log_us + points * costs.collector_point_us
    ) / 1e6
    inserting = (
        spans * costs.store_span_us + logs * costs.store_log_us + points * costs.store_point_us
    ) / 1e6
    disk_per_s = spans * costs.span_disk_bytes + logs * costs.log_disk_bytes + points * costs.point_disk_bytes
    raw = disk_per_s * fleet.raw_days * _DAY_S
    # One shard needs no second hop.
    per_replica = inserting * (1 + costs.replica_share * (fleet.replicas - 1))
    usable = fleet.shards_filled
    shards = max(
        1,
        _ceil(per_replica / fleet.replicas / (costs.node_cores * usable)),
        _ceil(raw / (costs.node_disk_bytes * usable)),
    )
    store_cores = per_replica + (items * costs.second_hop_us / 1e6 if shards > 1 else 0.0)
    shards = max(shards, _ceil(store_cores / fleet.replicas / (costs.node_cores * usable)))
    nodes = shards * fleet.replicas
    collectors = max(2, _ceil(collecting / (costs.collector_cores * usable)))
    # Senders to collectors and on to a node, then to the shard's other replicas, compressed.
    moved = 2 * wire + disk_per_s * fleet.replicas
    network = moved * _MONTH_S / 1e9
    cores = collectors * costs.collector_cores + nodes * costs.node_cores
    usd = (
        cores * costs.core_hour_usd * _MONTH_S / 3600
        + raw * fleet.replicas / usable / 1e9 * costs.disk_gb_month_usd
        + network * costs.network_gb_usd
    )
    return Size(
        n, items, wire, collecting, collectors, store_cores, raw, shards, nodes, network, usd, usd / n
    )


def _ceil(value: float) -> int:
    # A hair above a whole number is rounding, not a node.
    return math.ceil(value - 1e-9)


def tables(fleets: Iterable[Fleet], costs: Costs) -> str:
    """Return a Markdown table, a column a fleet."""
    sizes = [size(fleet, costs) for fleet in fleets]
    rows: list[tuple[str, list[str]]] = [
        ("machines (8 GPUs each)", [f"{s.machines:,}" for s in sizes]),
        ("items a second", [f"{s.items_per_s:,.0f}" for s in sizes]),
        ("into the collectors", [f"{s.wire_bytes_per_s / 1e6:,.0f} MB/s" for s in sizes]),
        ("collectors: busy cores", [f"{s.collector_cores:,.1f}" for s in sizes]),
        ("collectors of 8 cores", [f"{s.collectors:,}" for s in sizes]),
        ("ClickHouse: busy cores", [f"{s.store_cores:,.1f}" for s in sizes]),
        ("raw rows, one copy", [f"{s.raw_bytes / 1e12:,.1f} TB" for s in sizes]),
        ("shards × replicas", [f"{s.shards} × {s.nodes // s.shards}" for s in sizes]),
        ("ClickHouse nodes of 16 cores, 8 TB", [f"{s.nodes:,}" for s in sizes]),
        ("network a month", [f"{s.network_gb_month / 1e3:,.0f} TB" for s in sizes]),
        ("cost a month", [f"{s.usd_month:,.0f} USD" for s in sizes]),
        ("cost a machine and month", [f"{s.usd_per_machine_month:,.2f} USD" for s in sizes]),
    ]
    head, *body = rows
    lines = [f"| {head[0]} | {' | '.join(head[1])} |", f"|---|{'---:|' * len(sizes)}"]
    lines += [f"| {name} | {' | '.join(values)} |" for name, values in body]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__.partition("\n")[0])
    for group in (Fleet, Costs):
        for one in fields(group):
            parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, metavar="N")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    integers = {"machines", "replicas", "collector_cores", "node_cores"}
    given = {name: int(value) if name in integers else value for name, value in given.items()}
    of_fleet = {one.name: given[one.name] for one in fields(Fleet) if one.name in given}
    costs = Costs(**{one.name: given[one.name] for one in fields(Costs) if one.name in given})
    counts = [of_fleet.pop("machines")] if "machines" in of_fleet else [1000, 10_000, 100_000]
    print("Everything is sent:\n")
    print(tables([Fleet(machines=n, **of_fleet) for n in counts], costs))
    if "sampled" not in of_fleet:
        print("\nA tenth of the spans is sent, logs and metrics are:\n")
        print(tables([Fleet(machines=n, sampled=0.1, **of_fleet) for n in counts], costs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
