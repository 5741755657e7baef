"""The whole road in one command: simulated fleet, OTLP, log, ClickHouse, engine, answer."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.installation import descendants, is_alive
from support.processes import wait_until

pytestmark = pytest.mark.process

SMALL = ("--hosts", "20", "--minutes", "12", "--no-ui")


def rootspan(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rootspan_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def test_demo_finds_what_it_planted() -> None:
    done = rootspan("demo", "--fault", "slow-gpu", *SMALL, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Found what is wrong" in done.stdout
    assert "✓ the first cause is what was planted" in done.stdout
    assert done.stderr == ""


def test_demo_names_nothing_in_a_healthy_fleet_and_stores_all_that_it_sent() -> None:
    done = rootspan(
        "demo", "--fault", "none", "--hosts", "10", "--minutes", "8", "--no-ui", "--check", "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["causes"] == []
    assert answer["demo"]["hit"] is True
    assert sum(answer["demo"]["accepted"].values()) == answer["telemetry"]["stored"] > 50_000
    assert answer["telemetry"]["pending"] == answer["telemetry"]["quarantined"] == 0


def test_a_demo_that_is_interrupted_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "rootspan_cli", "demo", *SMALL]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as demo,
    ):
        try:
            wait_until(lambda: len(descendants(demo.pid)) >= 2, timeout_s=30, what="store and collector run")
            below = descendants(demo.pid)
            demo.send_signal(signal.SIGINT)
            assert demo.wait(60) == 130
        finally:
            demo.kill()
    wait_until(lambda: not any(map(is_alive, below)), timeout_s=30, what="the parts are gone")
    assert list(tmp_path.glob("rootspan-demo-*")) == []
    assert tempfile.gettempdir() != str(tmp_path)
