"""`rootspan up` as a person starts and ends it: cleanly, by a crash of a part, or by SIGKILL."""

import os
import signal
import urllib.request
from pathlib import Path

import pytest

from support.installation import UpProcess, descendants, is_alive
from support.processes import wait_until

pytestmark = pytest.mark.process


def test_up_serves_all_three_and_stops_them_in_order(tmp_path: Path) -> None:
    up = UpProcess(tmp_path, dashboard=True)
    with up.running():
        for port in (up.store_port, up.dashboard_port):
            assert f"http://127.0.0.1:{port}" in up.output
        assert up.collector in up.output
        with urllib.request.urlopen(
            f"http://127.0.0.1:{up.dashboard_port}/_stcore/health", timeout=10
        ) as answer:
            assert answer.status == 200
        below = descendants(up.pid)
        assert {name for name in ("store", "collector", "dashboard") if up.part(name)}
        assert up.stop() == 0
    assert not any(map(is_alive, below))
    assert up.output.rstrip().endswith("stopped")
    assert "was killed" not in up.output
    # What the collector could not have written had the store gone first.
    assert "left in the log" not in (up.data / "logs" / "collector.log").read_text()


def test_up_killed_with_sigkill_leaves_no_orphan(tmp_path: Path) -> None:
    up = UpProcess(tmp_path, dashboard=True)
    with up.running():
        below = descendants(up.pid)
        assert len(below) >= 4, "store, collector, dashboard and its streamlit"
        up.kill()
    wait_until(lambda: not any(map(is_alive, below)), timeout_s=40, what="all parts are gone")


def test_up_starts_a_killed_part_again(tmp_path: Path) -> None:
    up = UpProcess(tmp_path)
    with up.running():
        first = up.part("store")
        os.kill(first, signal.SIGKILL)

        def is_back() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{up.store_port}/ping", timeout=2) as answer:
                    return bool(answer.status == 200) and up.part("store") != first
            except (OSError, LookupError):
                return False

        wait_until(is_back, timeout_s=30, what="the store answers again")
        assert "store was ended by SIGKILL; starting it again" in up.output
        assert up.stop() == 0
