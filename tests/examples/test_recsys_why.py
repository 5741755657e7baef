"""What `rootspan why` names for faults of the recsys fleet: real processes, collector, store and engine.

A verdict needs minutes of history, which a test does not have. So each fleet runs for seconds, healthy and
then broken, and what it sent is sent again as the history and as the incident of a longer time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan.testing import Receiver, attributes_of
from support.installation import UpProcess
from support.processes import wait_until
from support.retelling import Recorded, cut, fill, send

ROOT = Path(__file__).parents[2]
S = 10**9
SECONDS, RATE = 30, 16
HISTORY_S, INCIDENT_S = 420, 90
SYMPTOMS = {"slow-gpu": "gpu-001", "bad-version": "3.9.0"}
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROOTSPAN_"))}

pytestmark = pytest.mark.process


def _run(*arguments: str, timeout_s: float) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _record(fault: str) -> tuple[Recorded, Recorded]:
    """Run a fleet, healthy and then broken. Returns the traces of either time."""
    with Receiver() as receiver:
        fleet = ("--fault", fault, "--seconds", str(SECONDS), "--rate", str(RATE))
        _run("examples.recsys", *fleet, "--endpoint", receiver.endpoint, timeout_s=240)
        spans = receiver.spans()
    asked = [span.start_time_unix_nano for _, span in spans if span.name == "POST /recommend"]
    begin, end, onset = min(asked), max(asked), min(asked) + SECONDS * S // 2
    broken = onset + 2 * S
    if fault == "bad-version":  # a rollout takes as long as it takes
        newcomers: dict[object, int] = {}
        for who, span in spans:
            if attributes_of(who)["service.version"] == SYMPTOMS[fault]:
                newcomers.setdefault(attributes_of(who)["host.name"], span.start_time_unix_nano)
        assert len(newcomers) == 2
        broken = max(newcomers.values())
    assert end - broken > 4 * S, "the fleet was broken for too short a time: is the machine overloaded?"
    return cut(spans, begin + 3 * S, onset - S), cut(spans, broken, end)


def _length_ns(spans: Recorded) -> int:
    starts = [span.start_time_unix_nano for _, span in spans if span.kind == Span.SPAN_KIND_SERVER]
    return max(starts) - min(starts) + S // RATE


@pytest.fixture(scope="module")
def recorded() -> dict[str, Future[tuple[Recorded, Recorded]]]:
    with ThreadPoolExecutor(2) as pool:
        return {fault: pool.submit(_record, fault) for fault in SYMPTOMS}


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("slow-gpu", {"service.name": "ranker", "host.name": "gpu-001"}),
        ("bad-version", {"service.name": "ranker", "service.version": "3.9.0"}),
    ],
)
def test_why_names_what_was_injected(
    recorded: dict[str, Future[tuple[Recorded, Recorded]]], tmp_path: Path, fault: str, named: dict[str, str]
) -> None:
    healthy, broken = recorded[fault].result()
    up = UpProcess(tmp_path)
    with up.running():
        end = time.time_ns() - 5 * S
        onset = end - INCIDENT_S * S
        sent = 0
        tellings = [
            *fill(healthy, _length_ns(healthy), onset - HISTORY_S * S, onset, salt=0),
            *fill(broken, _length_ns(broken), onset, end, salt=1_000),
        ]
        for telling in tellings:
            send(up.collector, telling)
            sent += len(telling)

        def stored() -> int:
            url = f"http://127.0.0.1:{up.store_port}/?database=otel"
            with urllib.request.urlopen(url, data=b"SELECT count() FROM otel_traces", timeout=30) as told:
                return int(told.read())

        wait_until(lambda: stored() >= sent, timeout_s=60, what=f"{sent} spans are stored")
        asked = ("--from", str(onset - 60 * S), "--to", str(end), "--store", up.store)
        answer: dict[str, Any] = json.loads(_run("rootspan_cli", "why", "--json", *asked, timeout_s=60))
        up.stop()
    assert answer["verdict"] == "cause_found", answer["symptom"]
    assert named.items() <= answer["causes"][0]["entity"].items(), json.dumps(answer["causes"])[:2000]
