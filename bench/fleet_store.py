"""A store process with the telemetry of a fleet, made inside the engine: what the dashboard is timed on.

Owns the generator (sql/*.sql: INSERT ... SELECT from numbers) and nothing else; the rollups fill as they
do from real spans, by their views. A folder that was filled once is used as it is, so that a long fill is
paid once.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import StoreProcess

from rootspan_store.client import connect
from rootspan_store.schema import migrate

__all__ = ["LARGE_TRACE", "FleetStore", "add_arguments", "fleet_store"]

NS_PER_S = 1_000_000_000
BLOCK = 1_000_000
SPANS_PER_LOG = 20
LARGE_TRACE = "fe" * 16
RECORDING = "recording.json"


@dataclass(frozen=True, slots=True)
class FleetStore:
    """A filled store.

    Attributes:
        filled_s: Seconds that filling took.
        from_ns, to_ns: The recording, unix nanoseconds.
        spans, hosts, minutes: Its size, beside a training job and the large trace.
    """

    url: str
    process: StoreProcess
    from_ns: int
    to_ns: int
    filled_s: float
    spans: int
    hosts: int
    minutes: int
    large_trace: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What a person may say of the fleet."""
    parser.add_argument("--spans", type=int, default=20_000_000)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--trace", type=int, default=100_000, help="spans of the large trace")
    parser.add_argument(
        "--folder",
        type=Path,
        help="keep the store there, and use it as it is if it was filled before (default: a folder that is "
        "removed at the end)",
    )


@contextmanager
def fleet_store(given: argparse.Namespace) -> Iterator[FleetStore]:
    """Start the store that the arguments ask for, fill it if it is new, and stop it at the end."""
    with tempfile.TemporaryDirectory() as spare:
        folder: Path = given.folder or Path(spare)
        process = StoreProcess(folder)
        with process.running():
            made = folder / RECORDING
            # A folder that was filled by an earlier version lacks what came since.
            migrate(connect(process.url, timeout_s=600))
            if not made.exists():
                made.write_text(json.dumps(_fill(process.url, given)))
            yield FleetStore(process.url, process, **json.loads(made.read_text()))
            process.stop()


def _fill(url: str, given: argparse.Namespace) -> dict[str, float]:
    client = connect(url, timeout_s=600)
    to_ns = time.time_ns() // (60 * NS_PER_S) * 60 * NS_PER_S
    from_ns = to_ns - given.minutes * 60 * NS_PER_S
    began = time.monotonic()
    common = {"from_ns": from_ns, "length_ns": to_ns - from_ns, "hosts": given.hosts}
    for first in range(0, given.spans, BLOCK):
        block = common | {"first": first, "count": min(BLOCK, given.spans - first)}
        client.command(_statement("fleet_spans"), parameters=block)
    client.command(_statement("fleet_gauges"), parameters=common)
    client.command(_statement("fleet_logs"), parameters=common | {"count": given.spans // SPANS_PER_LOG})
    client.command(_statement("fleet_job"), parameters={"from_ns": from_ns, "length_ns": to_ns - from_ns})
    large = {"trace_id": LARGE_TRACE, "count": given.trace, "from_ns": to_ns - 60 * NS_PER_S}
    client.command(_statement("large_trace"), parameters=large)
    return {
        "from_ns": from_ns, "to_ns": to_ns, "filled_s": time.monotonic() - began, "spans": given.spans,
        "hosts": given.hosts, "minutes": given.minutes, "large_trace": given.trace,
    }  # fmt: skip


def _statement(name: str) -> str:
    return Path(__file__).with_name("sql").joinpath(f"{name}.sql").read_text(encoding="utf-8")
