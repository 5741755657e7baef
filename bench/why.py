"""`python -m bench.why`: how long `why` takes over ten minutes of a large fleet, and in how much memory.

The fleet is made inside a store process (see `bench.fleet_store`); the question is asked by a process of its
own over HTTP, as `rootspan why` does. The planted cause is one slow host, in the last third of the recording.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from typing import Any, Final

from bench.fleet_store import NS_PER_S, add_arguments, fleet_store
from rootspan_analysis import Question, explain
from rootspan_store.client import connect

WINDOW_S: Final = 600
BEFORE_ONSET_S: Final = 120
"""The window begins so long before the fault does."""
SLOW_HOST: Final = "ranker-0007"


def ask(url: str, from_ns: int, runs: int) -> dict[str, Any]:
    """Ask some times over; the first run is not counted (connections, imports)."""
    client = connect(url, timeout_s=300)
    question = Question(from_ns, from_ns + WINDOW_S * NS_PER_S)
    took = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        answer = explain(client, question)
        took.append(time.perf_counter() - began)
    first = answer.causes[0].entity if answer.causes else {}
    return {
        "why_s": sorted(took[1:])[runs // 2],
        "worst_s": max(took[1:]),
        "first_s": took[0],
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "right": first.get("host.name") == SLOW_HOST,
        "verdict": answer.verdict,
        "first_cause": dict(first),
    }


def main() -> int:
    """Run it; the exit status is 1 if the planted host is not named."""
    parser = argparse.ArgumentParser(prog="python -m bench.why", description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.set_defaults(minutes=66)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ask", nargs=2, metavar=("URL", "FROM_NS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        print(json.dumps(ask(given.ask[0], int(given.ask[1]), given.runs)))
        return 0
    with fleet_store(given) as store:
        onset_ns = store.from_ns + (store.to_ns - store.from_ns) * 2 // 3
        begin = str(onset_ns - BEFORE_ONSET_S * NS_PER_S)
        command = [sys.executable, "-m", "bench.why", "--runs", str(given.runs), "--ask", store.url, begin]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout) | {"spans_stored": store.spans, "hosts": store.hosts}
    found["spans_inside"] = round(store.spans * WINDOW_S / (store.minutes * 60))
    found["machine"] = (
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    if given.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['spans_inside']:,} of {store.spans:,} spans inside, {store.hosts:,} hosts: "
            f"{found['why_s']:.2f} s median, {found['worst_s']:.2f} s worst, {found['first_s']:.2f} s first; "
            f"{found['rss_mb']:.0f} MB; {'right' if found['right'] else 'WRONG'}: {found['first_cause']}"
        )
        print(found["machine"])
    return 0 if found["right"] else 1


if __name__ == "__main__":
    sys.exit(main())
