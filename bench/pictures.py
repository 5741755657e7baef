"""Pictures of every page, made anew from what the programs really do: `python -m bench.pictures --out DIR`.

Starts store, collector, watcher and dashboard on a fresh folder, plays the demo's fleet up to now with one
slow GPU, and before it a training job with a straggler, waits until the watcher has opened its incident, and
takes the pictures (`rootspan_dashboard.screenshots`). Needs the extra `dev` and a Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import CollectorProcess, Process, StoreProcess

from bench.dashboard import Dashboard
from rootspan_analysis.watch import Watcher, WatchSettings
from rootspan_dashboard.screenshots import SCHEMES, WIDTH
from rootspan_dashboard.screenshots import main as take_pictures
from rootspan_demo import FleetConfig, SendSettings, send, simulate
from rootspan_demo.training import TrainingConfig, simulate_training
from rootspan_store.client import connect

NS_PER_S = 1_000_000_000
JOB_BEFORE_NS = 40 * 60 * NS_PER_S
"""The job ends before the half hour that most pages show, and within the hour of the page Training."""
MINUTES = 62.0
"""So that half an hour has another before it."""
WATCHED_S = 290


def play(collector: CollectorProcess, *, fault: str, hosts: int, spans: int) -> int | None:
    """Send a fleet that ends now and a training job that ended before it.

    Returns:
        When the fault began, unix nanoseconds, once all is stored; None without one.
    """
    end_ns = time.time_ns()
    fleet = FleetConfig(
        end_unix_ns=end_ns,
        hosts=hosts,
        minutes=MINUTES,
        seed=7,
        fault=fault,  # type: ignore[arg-type]  # checked by FleetConfig
        spans=spans,
    )
    job = TrainingConfig(
        end_unix_ns=end_ns - JOB_BEFORE_NS, fault="straggler-rank", data=8, steps=120, seed=11
    )
    recorded = simulate(fleet)
    for recording in (simulate_training(job), recorded):
        report = send(recording.requests(), SendSettings(collector.address))
        if report.failures:
            raise RuntimeError(f"the collector refused: {report.failures}")
    collector.wait_drained()
    return recorded.truth.onset_unix_ns


def watch(store: StoreProcess, onset_ns: int) -> None:
    """Have the watcher look as if it had been there when the fault began, until it knows the cause."""
    # Sweeps are spaced out where answers are slow; in virtual time an answer takes none of it.
    watcher = Watcher(connect(store.url), WatchSettings(sweep_s=10))
    for after_s in range(10, WATCHED_S, 10):
        look = watcher.look(onset_ns + after_s * NS_PER_S)
        if any(one.causes for one in (*look.opened, *look.updated)):
            watcher.leave(onset_ns + after_s * NS_PER_S)
            return
    raise RuntimeError(f"the watcher named no cause within {WATCHED_S} s of the recording")


@contextmanager
def staged(folder: Path, given: argparse.Namespace) -> Iterator[Dashboard]:
    """Everything running, the recordings stored, an incident open."""
    store = StoreProcess(folder)
    with store.running():
        collector, dashboard = CollectorProcess(folder, store.url), Dashboard(folder, store.url)
        with collector.running(), dashboard.running():
            onset_ns = play(collector, fault=given.fault, hosts=given.hosts, spans=given.spans)
            if onset_ns is not None:
                watch(store, onset_ns)
            # From here on it watches in real time, and the pages say so.
            arguments = ["-m", "rootspan_cli", "watch", "--store", store.url]
            watcher = Process("watcher", arguments, folder / "watcher.log")
            watcher.launch()
            try:
                yield dashboard
            finally:
                watcher.kill()


def main() -> int:
    """Run it; returns the exit status of the screenshots."""
    parser = argparse.ArgumentParser(prog="python -m bench.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--scheme", action="append", choices=SCHEMES, help="only this one (default: both)")
    parser.add_argument(
        "--width", type=int, default=WIDTH, help="pixels of the window (default: %(default)s)"
    )
    parser.add_argument("--fault", default="slow-gpu", help="what the demo plants, or none")
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--spans", type=int, default=1_200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, staged(Path(name), given) as dashboard:
        flags = [flag for scheme in given.scheme or SCHEMES for flag in ("--scheme", scheme)]
        return take_pictures(
            ["--url", dashboard.url, "--out", str(given.out), "--width", str(given.width), *flags]
        )


if __name__ == "__main__":
    sys.exit(main())
