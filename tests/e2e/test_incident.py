"""A fault in a live stream becomes an incident with the right first cause; before it there is none."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rootspan_analysis.watch import Incident, incidents
from rootspan_demo import FleetConfig, OtlpRequest, Recording, SendSettings, send, simulate
from rootspan_demo.otlp import REQUEST_TYPES
from rootspan_demo.shift import last_time_unix_ns
from rootspan_store.client import connect
from support.installation import UpProcess
from support.processes import wait_until

pytestmark = pytest.mark.process

S = 1_000_000_000
LEAD_S = 22
"""From the simulation's begin to the onset: time to send the past and to watch a healthy stream."""
AFTER_S = 75
TARGET_S = 60


def sent_ns(request: OtlpRequest) -> int:
    parsed = REQUEST_TYPES[request.signal]()
    parsed.ParseFromString(request.payload)
    return last_time_unix_ns(parsed)


def in_real_time(recording: Recording, stop: threading.Event, sent: list[int]) -> Iterator[OtlpRequest]:
    """What lies in the past at once, the rest when its time has come."""
    for request in recording.requests():
        due_ns = sent_ns(request)
        if stop.wait(max(0.0, (due_ns - time.time_ns()) / S)):
            return
        sent.append(due_ns)
        yield request


def events(log: Path) -> list[dict[str, Any]]:
    """The lines of JSON among the watcher's words; a last one that is not whole yet is left out."""
    return [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{" and line[-1:] == "}"]


def test_a_fault_in_a_live_stream_is_an_incident_with_the_right_cause_within_a_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    up = UpProcess(tmp_path)
    with up.running():
        onset_ns = time.time_ns() + LEAD_S * S
        recording = simulate(
            FleetConfig(
                end_unix_ns=onset_ns + AFTER_S * S,
                hosts=12,
                minutes=12.0,
                seed=5,
                fault="slow-gpu",
                spans=150_000,
                onset_before_end_s=float(AFTER_S),
            )
        )
        stop, sent = threading.Event(), list[int]()
        stream = threading.Thread(
            target=lambda: send(
                in_real_time(recording, stop, sent), SendSettings(endpoint=up.collector, in_flight=2)
            )
        )
        stream.start()
        client = connect(up.store)
        seen: list[tuple[Incident, ...]] = []

        def is_found() -> bool:
            seen.append(incidents(client))
            return any(one.causes and recording.truth.matches(one.causes[0]) for one in seen[-1])

        try:
            left_s = (onset_ns + AFTER_S * S - time.time_ns()) / S
            wait_until(is_found, timeout_s=left_s, what=f"an incident of {recording.truth.entity}")
            took_s = (time.time_ns() - onset_ns) / S
            found = seen[-1]
        finally:
            stop.set()
            stream.join(20)
            client.close()
        with capsys.disabled():
            print(f"\n[{took_s:.1f} s from the fault's onset to an incident with its cause]", end="")
        assert sent[0] < onset_ns - 600 * S, "ten minutes of healthy past were sent"
        assert len(found) == 1
        assert found[0].opened_ns > onset_ns, "nothing was opened while all was well"
        assert abs(found[0].onset_ns - onset_ns) <= 15 * S
        assert 0 < took_s <= TARGET_S
        log = up.data / "logs" / "watch.log"
        wait_until(lambda: bool(events(log)), timeout_s=10, what="the watcher told of it")
        assert events(log)[0]["event"] == "opened"
        assert {one["incident"]["id"] for one in events(log)} == {found[0].id}
        assert up.stop() == 0
    assert "watch was" not in up.output
    assert "Traceback" not in log.read_text()
