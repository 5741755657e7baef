"""What each kind of rule costs the store, in CPU a span.

    python -m bench.rules
    python -m bench.rules --segments 6 --json

Segments of spans with 11 attributes go into a real store as a collector sends them, under one rule after the
other. Each turn measures all of them once, so that what else the machine does meets all alike; the least of
the turns counts. A statement's own cost (its analysis) is in it: 131,072 spans share one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from tests.support.processes import StoreProcess

from bench.ingest_run import SPANS, Meter
from bench.otlp_load import TraceLoad
from rootspan_store.client import connect
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.rules import RuleSet
from rootspan_store.schema import migrate

__all__ = ["RULES", "main", "measure"]

RULES: Mapping[str, Mapping[str, Any] | None] = {
    "no rules": None,
    "redact by key": {"action": "redact", "keys": ["user.tier"]},
    "redact by key pattern": {"action": "redact", "keys_match": "(?i)password|secret|tier"},
    "redact by value pattern": {"action": "redact", "pattern": r"[\w.+-]+@[\w-]+\.[\w.]+"},
    "hash by key": {"action": "hash", "keys": ["user.tier"]},
    "remove by key": {"action": "remove", "keys": ["user.tier"]},
    "rename": {"action": "rename", "keys": {"user.tier": "enduser.tier"}},
    "drop by attribute": {"action": "drop", "when": {"attributes": {"server.address": "10.0.0.7"}}},
    "drop nothing, by name pattern": {"action": "drop", "when": {"name_matches": "^GET /health"}},
    "sample a half": {"action": "sample", "ratio": 0.5},
}
_SEGMENT_SPANS = 128 * 1024
_TURNS = 2


def measure(folder: Path, *, segments: int) -> dict[str, float]:
    """Microseconds of the store's CPU for a span that is sent, by rule."""
    store = StoreProcess(folder)
    load = TraceLoad(1, SPANS)
    found: dict[str, float] = {}
    with store.running():
        client = connect(store.url, timeout_s=600)
        for turn in range(_TURNS):
            for name, rule in RULES.items():
                given = [] if rule is None else [{"name": "it", "signals": ["traces"], **rule}]
                rules = RuleSet.model_validate({"rules": given, "rules_key": "a key that nobody knows"})
                migrate(client, rules=rules)
                bodies = [_segment(load) for _ in range(segments)]
                meter = Meter(store)
                for number, body in enumerate(bodies):
                    _insert(client, body, f"{turn}-{name}-{number}")
                (cpu_s,) = meter.used_s()
                cost_us = cpu_s / (segments * _SEGMENT_SPANS) * 1e6
                found[name] = min(cost_us, found.get(name, cost_us))
                client.command("TRUNCATE TABLE otel_traces")
        client.close()
        store.stop()
    return found


def _segment(load: TraceLoad) -> bytes:
    frames = bytearray()
    for _ in range(_SEGMENT_SPANS // SPANS):
        payload = load.next()
        frames += frame_prefix(len(payload)) + payload
    return bytes(frames)


def _insert(client: Client, body: bytes, token: str) -> None:
    client.raw_insert(
        landing_table(Signal.TRACES),
        insert_block=body,
        fmt="Protobuf",
        settings=insert_settings(Signal.TRACES, token),
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table of docs/rules.md; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.rules", description=__doc__.partition("\n")[0])
    parser.add_argument("--segments", type=int, default=3, help="of 131,072 spans, for each rule and turn")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), segments=given.segments)
    if given.json:
        print(json.dumps({"us_per_span": found}))
        return 0
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| rule | µs a span | of none |\n|---|---:|---:|")
    for name, cost_us in found.items():
        print(f"| {name} | {cost_us:.2f} | {cost_us / found['no rules']:.2f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
