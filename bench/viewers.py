"""Whether people who look slow ingest: `python -m bench.viewers`.

Real store, collector, dashboard and sender. In turns, in one run and on one store, spans are sent with nobody
looking and with ten viewers, each on a page of its own that it has run again every 15 s (the shortest
auto-refresh), over a range that holds the whole recording. What is compared is the rate until everything sent
is stored, each turn with viewers against its neighbours without (so that a store that grows, and a machine
that others use, fall out), once as fast as the collector answers and once at half of that rate, where the
time of an acknowledgement counts too. Target: at most 10 % less. Viewers are sessions without a browser
(viewer.py). Everything shares this machine's CPUs, which is the hardest case; the CPU-seconds say who used
them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import CollectorProcess

from bench.dashboard import Dashboard
from bench.fleet_store import FleetStore, add_arguments, fleet_store
from bench.ingest_run import DRAIN_TIMEOUT_S, Meter, Sent, sender, wait_merged
from bench.viewer import Viewers
from rootspan_dashboard.frame.time_range import PRESETS

PATHS = (
    "incidents",
    "fleet",
    "services",
    "traces",
    "logs",
    "metrics",
    "training",
    "cost",
    "fleet?metric=errors",
    "traces?service=ranker",
)
EVERY_S = 15.0
MOST_SLOWER = 0.1
TURNS_MIN = 15
"""Minutes that all turns may take: the range that is looked at holds the recording to the end."""
PARTS = ("collector", "store", "dashboard")
MERGED_TIMEOUT_S = 400.0
"""Merges meet the large parts of the fleet too."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn.

    Attributes:
        rate: Spans a second, from the first sent until all are stored.
        ack_p99_ms: Of the acknowledgements.
        cpu_s: Of collector, store and dashboard.
        page_s: Seconds of each run of a page; empty without viewers.
    """

    rate: float
    ack_p99_ms: float
    cpu_s: tuple[float, ...]
    page_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """The running parts."""

    store: FleetStore
    collector: CollectorProcess
    dashboard: Dashboard
    paths: list[str]

    def turn(self, seconds: float, *, rate: float, watched: bool) -> Turn:
        """Send for some seconds, with viewers or without, until all is stored."""
        viewers = Viewers(self.dashboard.url, self.paths if watched else [], EVERY_S)
        viewers.start()
        if watched:
            time.sleep(EVERY_S)  # the last of them has come
        meter = Meter(self.collector, self.store.process, self.dashboard)
        began = time.monotonic()
        sent = self._send(seconds, rate)
        self.collector.wait_drained(DRAIN_TIMEOUT_S)
        took = time.monotonic() - began
        cpu_s = tuple(meter.used_s())
        page_s = tuple(viewers.stop())
        wait_merged(self.store.process, timeout_s=MERGED_TIMEOUT_S)
        return Turn(sent.spans / took, sent.ack_p99_ms, cpu_s, page_s)

    def _send(self, seconds: float, rate: float) -> Sent:
        with sender(self.collector.address, seconds, rate=rate) as process:
            output, _ = process.communicate(timeout=seconds + 120)
        return Sent(**json.loads(output))

    def compare(self, seconds: float, pairs: int, *, rate: float) -> tuple[float, list[Turn], list[Turn]]:
        """Median ratio of the rate with viewers over that of both neighbours without, and the turns."""
        alone = [self.turn(seconds, rate=rate, watched=False)]
        watched: list[Turn] = []
        for _ in range(pairs):
            watched.append(self.turn(seconds, rate=rate, watched=True))
            alone.append(self.turn(seconds, rate=rate, watched=False))
        ratios = [
            one.rate / ((before.rate + after.rate) / 2)
            for one, before, after in zip(watched, alone, alone[1:], strict=False)
        ]
        return statistics.median(ratios), watched, alone


@contextmanager
def running(given: argparse.Namespace) -> Iterator[Bench]:
    """Start everything on a copy of the folder, which stays as it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.folder and given.folder.exists():
            shutil.copytree(given.folder, folder / "fleet", symlinks=True)
        given.folder = folder / "fleet"
        with fleet_store(given) as store:
            minutes = (time.time_ns() - store.from_ns) / 60e9
            last = next((name for name, s in PRESETS.items() if s / 60 > minutes + TURNS_MIN), "7d")
            paths = [f"{one}{'&' if '?' in one else '?'}last={last}" for one in PATHS]
            collector, dashboard = CollectorProcess(folder, store.url), Dashboard(folder, store.url)
            with collector.running(), dashboard.running():
                yield Bench(store, collector, dashboard, paths)


def show(name: str, ratio: float, watched: list[Turn], alone: list[Turn]) -> None:
    """The lines of one comparison."""

    def rate(turns: list[Turn]) -> float:
        return statistics.median(one.rate for one in turns)

    def ack(turns: list[Turn]) -> float:
        return statistics.median(one.ack_p99_ms for one in turns)

    def used(turns: list[Turn]) -> str:
        means = [statistics.mean(part) for part in zip(*(one.cpu_s for one in turns), strict=True)]
        return " ".join(f"{name} {s:.1f}" for name, s in zip(PARTS, means, strict=True))

    pages = sorted(s for one in watched for s in one.page_s)
    print(f"{name}: {ratio:.3f} of the rate without viewers (target at least {1 - MOST_SLOWER:g})")
    print(f"  alone   {rate(alone):8,.0f} spans/s, ack p99 {ack(alone):5.0f} ms, CPU-s: {used(alone)}")
    print(f"  watched {rate(watched):8,.0f} spans/s, ack p99 {ack(watched):5.0f} ms, CPU-s: {used(watched)}")
    print(
        f"  {len(pages)} runs of pages, median {statistics.median(pages):.2f} s, worst {pages[-1]:.2f} s",
        flush=True,
    )


def main() -> int:
    """Run it; the exit status is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench.viewers", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--seconds", type=float, default=15, help="of sending in each turn")
    parser.add_argument("--pairs", type=int, default=3, help="turns with viewers")
    given = parser.parse_args()
    with running(given) as bench:
        bench.turn(5, rate=0, watched=False)
        print(
            f"{bench.store.spans:,} spans of {bench.store.hosts:,} hosts before; {len(PATHS)} viewers; "
            f"{platform.machine()}, {os.cpu_count()} CPUs for all; load {os.getloadavg()[0]:.1f}"
        )
        ratio, watched, alone = bench.compare(given.seconds, given.pairs, rate=0)
        show("as fast as it is answered", ratio, watched, alone)
        at = statistics.median(one.rate for one in alone) / 2
        show(f"at {at:,.0f} spans/s", *bench.compare(given.seconds, given.pairs, rate=at))
    return 0


if __name__ == "__main__":
    sys.exit(main())
