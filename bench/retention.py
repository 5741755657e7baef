"""What keeping costs: bytes of a span raw, kept and rolled up, and CPU of deciding and copying.

    python -m bench.retention                    # two million spans, one trace in 25 kept
    python -m bench.retention --spans 500000 --one-in 100 --json

Spans come as OTLP into a real store, as a collector sends them; the keeper is the real one. CPU is that of
the store, which does the work. No trace of this load shows a root, so each kept one is looked up in what came
before: the dear case. Bytes are those after merging.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from tests.support.processes import StoreProcess

from bench.ingest_run import SPANS, Meter
from bench.otlp_load import TraceLoad
from rootspan_store.client import connect
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.keeping import Keeper
from rootspan_store.schema import migrate
from rootspan_store.settings import RetentionSettings

__all__ = ["Cost", "main", "measure"]

_RAW = ("otel_traces", "otel_traces_trace_id_ts")
_KEPT = ("otel_traces_kept", "otel_traces_trace_id_ts_kept", "rootspan_kept")
_ROLLUPS = ("otel_spans_1m", "otel_instances", "rootspan_operations_1d")
_SEGMENT_SPANS = 128 * 1024
_INSTANCES = 50
_QUIET_S = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """Figures of one run. CPU of the store, in seconds for a million spans that arrived, kept or not."""

    spans: int
    kept_ratio: float
    raw_bytes_per_span: float
    kept_bytes_per_kept_span: float
    rollup_bytes_per_span: float
    ingest_cpu_s_per_million: float
    keep_cpu_s_per_million: float
    keep_to_ingest_ratio: float
    keep_wall_s: float
    windows: int


def measure(folder: Path, *, spans: int, one_in: int) -> Cost:
    """Fill a store, keep, and take the figures."""
    settings = RetentionSettings(quiet_s=_QUIET_S, ordinary_one_in=one_in, rare_traces=0)
    store = StoreProcess(folder)
    with store.running():
        client = connect(store.url, timeout_s=600)
        migrate(client, retention=settings)
        ingest = Meter(store)
        _fill(client, spans)
        _merge(client, (*_RAW, *_ROLLUPS))
        (ingest_cpu_s,) = ingest.used_s()
        time.sleep(_QUIET_S + 1)
        keep, began_s = Meter(store), time.monotonic()
        keeper = Keeper(client, settings)
        windows = list(iter(keeper.keep_next, None))
        wall_s = time.monotonic() - began_s
        (keep_cpu_s,) = keep.used_s()
        _merge(client, _KEPT)
        arrived, kept = sum(one.spans for one in windows), sum(one.kept_spans for one in windows)
        cost = Cost(
            spans=arrived,
            kept_ratio=kept / arrived,
            raw_bytes_per_span=_bytes(client, _RAW) / arrived,
            kept_bytes_per_kept_span=_bytes(client, _KEPT) / kept,
            rollup_bytes_per_span=_bytes(client, _ROLLUPS) / arrived,
            ingest_cpu_s_per_million=ingest_cpu_s / arrived * 1e6,
            keep_cpu_s_per_million=keep_cpu_s / arrived * 1e6,
            keep_to_ingest_ratio=keep_cpu_s / ingest_cpu_s,
            keep_wall_s=wall_s,
            windows=len(windows),
        )
        client.close()
        store.stop()
        return cost


def _fill(client: Client, spans: int) -> None:
    loads = [TraceLoad(instance, SPANS) for instance in range(_INSTANCES)]
    sent, segment = 0, 0
    while sent < spans:
        frames = bytearray()
        for number in range(_SEGMENT_SPANS // SPANS):
            payload = loads[number % len(loads)].next()
            frames += frame_prefix(len(payload)) + payload
        client.raw_insert(
            landing_table(Signal.TRACES),
            insert_block=bytes(frames),
            fmt="Protobuf",
            settings=insert_settings(Signal.TRACES, f"segment-{segment}"),
        )
        sent, segment = sent + _SEGMENT_SPANS, segment + 1


def _merge(client: Client, tables: tuple[str, ...]) -> None:
    for table in tables:
        client.command(f"OPTIMIZE TABLE {table} FINAL")


def _bytes(client: Client, tables: tuple[str, ...]) -> int:
    query = (
        "SELECT sum(bytes_on_disk) FROM system.parts "
        "WHERE active AND database = currentDatabase() AND has({tables:Array(String)}, table)"
    )
    return int(client.query(query, parameters={"tables": list(tables)}).result_rows[0][0])


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.retention", description=__doc__.partition("\n")[0])
    parser.add_argument("--spans", type=int, default=2_000_000, help="spans to take in")
    parser.add_argument("--one-in", type=int, default=25, help="one trace in so many is kept")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        cost = measure(Path(folder), spans=given.spans, one_in=given.one_in)
    if given.json:
        print(json.dumps(asdict(cost)))
        return 0
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, value in asdict(cost).items():
        print(f"{name:28} {value:,.4g}" if isinstance(value, float) else f"{name:28} {value:,}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
