"""What `rootspan why` names for faults of the recsys fleet: real processes, collector and store.

A fault needs time to be told from chance, so this takes a minute and a half; the fleets run side by side.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.installation import UpProcess
from support.processes import wait_until

ROOT = Path(__file__).parents[2]
SECONDS, RATE = 76, 16
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROOTSPAN_"))}

pytestmark = pytest.mark.process


def _numbers(up: UpProcess, sql: str) -> list[int]:
    url = f"http://127.0.0.1:{up.store_port}/?database=otel"
    with urllib.request.urlopen(url, data=sql.encode(), timeout=30) as response:
        return [int(one) for one in response.read().split()]


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


def _diagnose(fault: str, folder: Path) -> dict[str, Any]:
    """Run the fleet with a fault against an installation of its own, and ask about the time it was driven."""
    up = UpProcess(folder)
    with up.running():
        fleet = ("--fault", fault, "--seconds", str(SECONDS), "--rate", str(RATE), "--endpoint", up.collector)
        said = _run("examples.recsys", *fleet, timeout_s=SECONDS + 120)
        delivered = int(re.findall(r"'spans': (\d+)", said)[0])
        wait_until(
            lambda: _numbers(up, "SELECT count() FROM otel_traces")[0] >= delivered,
            timeout_s=90,
            what=f"{delivered} spans are stored",
        )
        driven = "SELECT toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp)) FROM"
        begin, end = _numbers(up, f"{driven} otel_traces WHERE ServiceName = 'gateway'")
        asked = ("--from", str(begin - 20 * 10**9), "--to", str(end), "--store", up.store)
        answer: dict[str, Any] = json.loads(_run("rootspan_cli", "why", "--json", *asked, timeout_s=60))
        up.stop()
    return answer


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("why")
    with ThreadPoolExecutor(2) as pool:
        return {fault: pool.submit(_diagnose, fault, folder / fault) for fault in ("slow-gpu", "bad-version")}


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("slow-gpu", {"service.name": "ranker", "host.name": "gpu-001"}),
        ("bad-version", {"service.name": "ranker", "service.version": "3.9.0"}),
    ],
)
def test_why_names_what_was_injected(
    answers: dict[str, Future[dict[str, Any]]], fault: str, named: dict[str, str]
) -> None:
    first = answers[fault].result()["causes"][0]
    assert named.items() <= first["what"].items()
