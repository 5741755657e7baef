"""`python -m bench.crash`: SIGKILL at random moments under load; acknowledged = stored once + quarantined.

Real processes: the store, the collector (with `--workers` several), five senders of all signals that
repeat what was not acknowledged. In each round the collector, the store or both are killed at a random
moment and started again; then the store is away for two minutes. Counted at the end, by the database: raw
tables, rollups, the ledger, and the quarantine. Exit status 1 if one is off.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import CollectorProcess, Process, StoreProcess, wait_moving

from bench.crash_load import Acknowledged, CrashFleet

__all__ = ["Account", "run"]

# Without any progress for this long it is a stall, on however slow a machine.
_STALL_S = 180.0
# So often inserts get through before the kill. Otherwise it comes at the first one after a start, or before.
_CAUGHT_UP_RATIO = 0.5
_WORKER_RATIO = 0.5
_SQL = {
    "traces": {
        "raw": "SELECT count() FROM otel_traces",
        "unique": "SELECT uniqExact(SpanId) FROM otel_traces",
        "rollup": "SELECT sum(Spans) FROM otel_spans_1m",
        "ledger": "SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'traces'",
    },
    "logs": {
        "raw": "SELECT count() FROM otel_logs",
        "unique": "SELECT uniqExact(Body) FROM otel_logs",
        "rollup": "SELECT sum(Logs) FROM otel_logs_1m",
        "ledger": "SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'logs'",
    },
    "metrics": {
        "raw": "SELECT count() FROM otel_metrics_gauge",
        "unique": "SELECT uniqExact(Attributes['id']) FROM otel_metrics_gauge",
        "rollup": "SELECT sum(Points) FROM otel_gauges_1m",
        "ledger": "SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'metrics'",
    },
}
_TRACE_TIMES = """
SELECT (SELECT uniqExact(TraceId) FROM otel_traces) = (SELECT uniqExact(TraceId) FROM otel_traces_trace_id_ts)
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What the senders were told, and what is there.

    Attributes:
        found: By signal: items by where they were counted; each has to equal the acknowledged ones.
        faults: One sentence for each that does not.
    """

    rounds: int
    kills: Mapping[str, int]
    acknowledged: Mapping[str, int]
    poison: int
    repeated_requests: int
    found: Mapping[str, Mapping[str, int]]
    faults: tuple[str, ...]


def run(
    folder: Path,
    *,
    rounds: int,
    seed: int,
    workers: int = 1,
    longest_s: float = 1.0,
    away_s: float = 0.0,
    say: Callable[[str], None] = lambda _line: None,
) -> Account:
    """Kill and count.

    Args:
        folder: For the data; made if missing.
        rounds: How often something is killed.
        seed: Of the moments and the victims.
        workers: Of the collector; if there are several, one alone is killed in about half of the rounds.
        longest_s: Each kill comes up to this long after every sender was acknowledged again.
        away_s: After the rounds the store is killed once more and stays away for so long, under load.
        say: Told about each round, in one line.

    Raises:
        TimeoutError: Something made no progress for three minutes.
    """
    rng = random.Random(seed)
    store = StoreProcess(folder)
    # Small segments: many inserts, so that a kill meets one in every stage.
    flags = ["--wal-segment-age-s", "0.05", "--workers", str(workers)]
    collector = CollectorProcess(folder, store.url, flags)
    kills: Counter[str] = Counter()
    with store.running(), collector.running():
        fleet = CrashFleet(collector.address, seed=seed)
        for number in range(1, rounds + 1):
            _wait_for_more(fleet)
            if rng.random() < _CAUGHT_UP_RATIO:
                _wait_for_inserts(collector)
            time.sleep(rng.uniform(0, longest_s))
            pending = sum(collector.pending().values())
            if workers > 1 and rng.random() < _WORKER_RATIO:
                killed = "worker"
                collector.kill_worker(rng.choice(collector.workers()))
            else:
                victims = rng.choice(([collector], [store], [collector, store]))
                killed = "+".join(one.name for one in victims)
                _kill(victims, rng)
            kills[killed] += 1
            said = f"{sum(fleet.requests()):,} requests acknowledged, {pending:,} items in the log"
            say(f"round {number}/{rounds}: {said}; {killed} killed")
        if away_s:
            _stay_away(store, fleet, away_s, say)
        _wait_for_more(fleet)
        told = fleet.stop(_STALL_S)
        say(f"senders stopped after {told.requests:,} requests; the log drains")
        collector.wait_drained(_STALL_S)
        return _account(store, collector, told, rounds, kills)


def _stay_away(store: StoreProcess, fleet: CrashFleet, away_s: float, say: Callable[[str], None]) -> None:
    store.kill()
    say(f"the store is away for {away_s:g} s")
    back_s = time.monotonic() + away_s
    while (left_s := back_s - time.monotonic()) > 0:
        _wait_for_more(fleet)
        time.sleep(min(1.0, left_s))
    store.start()
    say(f"the store is back; {sum(fleet.requests()):,} requests acknowledged")


def _wait_for_more(fleet: CrashFleet) -> None:
    before = fleet.requests()
    wait_moving(
        lambda: all(now > then for now, then in zip(fleet.requests(), before, strict=True)),
        fleet.requests,
        stall_s=_STALL_S,
        what="every sender is acknowledged again",
    )


def _wait_for_inserts(collector: CollectorProcess) -> None:
    def stored() -> list[int]:
        return [collector.counts(signal)["stored"] for signal in _SQL]

    before = stored()
    wait_moving(
        lambda: all(now > then for now, then in zip(stored(), before, strict=True)),
        stored,
        stall_s=_STALL_S,
        what="the store takes something of every signal",
    )


def _kill(victims: list[Process], rng: random.Random) -> None:
    for victim in victims:
        victim.kill()
    # The order and the time between are part of the luck: the collector may find no store, or a new one.
    rng.shuffle(victims)
    for victim in victims:
        time.sleep(rng.uniform(0, 0.3))
        victim.start()


def _account(
    store: StoreProcess,
    collector: CollectorProcess,
    told: Acknowledged,
    rounds: int,
    kills: Mapping[str, int],
) -> Account:
    faults: list[str] = []
    found: dict[str, dict[str, int]] = {}
    for signal, queries in _SQL.items():
        wanted, poison = told.good[signal], told.poison[signal]
        found[signal] = {place: store.number(sql) for place, sql in queries.items()}
        found[signal]["collector_stored"] = collector.counts(signal)["stored"]
        faults += [
            f"{signal}: {count} items by {place}, {wanted} acknowledged"
            for place, count in found[signal].items()
            if count != wanted
        ]
        counts = collector.counts(signal)
        if counts["quarantined"] != poison or counts["accepted"] != wanted + poison or counts["pending"]:
            faults.append(f"{signal}: {counts} for {wanted} good and {poison} poisoned items")
    if store.number(_TRACE_TIMES) != 1:
        faults.append("traces: the table of trace times lacks some, or has too many")
    good = dict(told.good)
    return Account(rounds, dict(kills), good, told.poison["traces"], told.repeated, found, tuple(faults))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run, print, and judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--workers", type=int, default=1, help="of the collector, which are killed by themselves, too"
    )
    parser.add_argument(
        "--away-s", type=float, default=120.0, help="then the store is away for so long, under load; 0: not"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rootspan-crash-") as folder:
        account = run(
            Path(folder),
            rounds=arguments.rounds,
            seed=arguments.seed,
            workers=arguments.workers,
            away_s=arguments.away_s,
            say=_say,
        )
    fields = {name: getattr(account, name) for name in Account.__dataclass_fields__}
    fields["took_s"] = round(time.monotonic() - began_s, 1)
    if arguments.json:
        print(json.dumps(fields))
    else:
        for name, value in fields.items():
            print(f"{name:<20} {value}")
    return 1 if account.faults else 0


if __name__ == "__main__":
    sys.exit(main())
