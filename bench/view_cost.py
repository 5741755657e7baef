"""`python -m bench.view_cost`: what one materialized view over spans adds to an insert, in CPU per span.

Inserts the bench's load into a database of this process, in turn with the view and without it, each block
fresh, merges stopped. CPU-seconds of the whole process are compared pair by pair, so a busy machine makes the
figures larger but hardly their difference.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.embedded import EmbeddedStore
from bench.otlp_load import TraceLoad
from rootspan_store.ingest import Signal, frame_prefix

VIEW: Final = "otel_spans_sampled_mv"
REQUEST_SPANS: Final = 512


def blocks(spans: int) -> Iterator[bytes]:
    """Segments of so many spans, as a collector hands them on, without end."""
    loads = [TraceLoad(instance, REQUEST_SPANS) for instance in range(16)]
    while True:
        held = bytearray()
        for number in range(spans // REQUEST_SPANS):
            payload = loads[number % len(loads)].next()
            held += frame_prefix(len(payload)) + payload
        yield bytes(held)


def measure(view: str, *, spans: int, pairs: int) -> dict[str, object]:
    """CPU microseconds a span with and without the view: medians, and of their differences the quartiles."""
    with tempfile.TemporaryDirectory(prefix="rootspan-bench-") as folder:
        store = EmbeddedStore(Path(folder) / "store")
        store.execute("SYSTEM STOP MERGES")
        named = f"SELECT create_table_query AS query FROM system.tables WHERE name = '{view}'"
        rows = store.query_arrow(named).to_pylist()
        if not rows:
            raise SystemExit(f"there is no view {view}")
        text = rows[0]["query"]
        create = text.decode() if isinstance(text, bytes) else str(text)
        source = blocks(spans)
        with_view, without = list[float](), list[float]()
        for number in range(-1, pairs):
            # Who goes first alternates: what is left to do in the background falls on both alike.
            for has_view in (True, False) if number % 2 else (False, True):
                store.execute(f"DROP VIEW IF EXISTS {view}")
                if has_view:
                    store.execute(create)
                block = next(source)
                began_s = time.process_time()
                store.insert(Signal.TRACES, block, f"{number}-{has_view}")
                taken_us = (time.process_time() - began_s) / spans * 1e6
                if number >= 0:
                    (with_view if has_view else without).append(taken_us)
        store.close()
    more = [one - other for one, other in zip(with_view, without, strict=True)]
    low, middle, high = statistics.quantiles(more, n=4)
    return {
        "view": view,
        "spans_per_block": spans,
        "pairs": pairs,
        "with_us": round(statistics.median(with_view), 3),
        "without_us": round(statistics.median(without), 3),
        "adds_us": round(middle, 3),
        "adds_us_quartiles": [round(low, 3), round(high, 3)],
        "ratio": round(statistics.median(without) / (statistics.median(without) + middle), 4),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.view_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--view", default=VIEW)
    parser.add_argument("--spans", type=int, default=81_920, help="spans of an insert")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.view, spans=given.spans, pairs=given.pairs)
    if given.json:
        print(json.dumps(found))
    else:
        print(
            "{view}: {adds_us} us a span (quartiles {adds_us_quartiles}) on {without_us} us; inserts run at "
            "{ratio:.1%} of their speed without it (load {load})".format(**found)
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
