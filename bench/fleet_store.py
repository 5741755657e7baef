"""A store process with the spans of a whole fleet, made inside the engine: what the dashboard is timed on.

Owns the generator (sql/*.sql: INSERT ... SELECT from numbers) and nothing else; the rollups fill as they
do from real spans, by their views.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import StoreProcess

from rootspan_store.client import connect
from rootspan_store.schema import migrate

__all__ = ["LARGE_TRACE", "FleetStore", "fleet_store"]

NS_PER_S = 1_000_000_000
BLOCK = 1_000_000
LARGE_TRACE = "fe" * 16


@dataclass(frozen=True, slots=True)
class FleetStore:
    """A filled store.

    Attributes:
        filled_s: Seconds that filling took.
        from_ns, to_ns: The recording, unix nanoseconds.
    """

    url: str
    process: StoreProcess
    from_ns: int
    to_ns: int
    filled_s: float


@contextmanager
def fleet_store(
    folder: Path, *, spans: int, hosts: int, minutes: int, large_trace: int
) -> Iterator[FleetStore]:
    """Start a store in `folder`, fill it, and stop it at the end."""
    process = StoreProcess(folder)
    with process.running():
        client = connect(process.url, timeout_s=600)
        migrate(client)
        to_ns = time.time_ns() // (60 * NS_PER_S) * 60 * NS_PER_S
        from_ns = to_ns - minutes * 60 * NS_PER_S
        began = time.monotonic()
        common = {"from_ns": from_ns, "length_ns": to_ns - from_ns, "hosts": hosts}
        for first in range(0, spans, BLOCK):
            block = common | {"first": first, "count": min(BLOCK, spans - first)}
            client.command(_statement("fleet_spans"), parameters=block)
        client.command(_statement("fleet_gauges"), parameters=common)
        large = {"trace_id": LARGE_TRACE, "count": large_trace, "from_ns": to_ns - 60 * NS_PER_S}
        client.command(_statement("large_trace"), parameters=large)
        yield FleetStore(process.url, process, from_ns, to_ns, time.monotonic() - began)


def _statement(name: str) -> str:
    return Path(__file__).with_name("sql").joinpath(f"{name}.sql").read_text(encoding="utf-8")
