"""However `run_all` or torchrun ends, it alone, nothing that it started goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
WITHIN_S = 120.0
RUN_ALL = """
import contextlib, types
from examples import run_all
from examples.harness.rows import Live
run_all.ROWS = (Live("held", "support.held_example", {}),)
run_all.installation = lambda: contextlib.nullcontext(types.SimpleNamespace(collector="127.0.0.1:1"))
raise SystemExit(run_all.run())
"""


def _is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_run_all_alone_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = {**os.environ, "HELD_IDS": str(ids), "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", RUN_ALL], env=env, cwd=tmp_path, text=True) as running:
        deadline = time.monotonic() + WITHIN_S
        while not ids.exists():
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        started = [int(one) for one in ids.read_text().split()]
        assert all(map(_is_there, started))
        running.send_signal(number)
        running.wait(WITHIN_S)
    while any(map(_is_there, started)):
        assert time.monotonic() < deadline, [one for one in started if _is_there(one)]
        time.sleep(0.05)


RANKS = """
from examples.harness.torchrun import run_ranks
run_ranks("support.held_rank", [], ranks=2, job="held")
"""


@pytest.mark.parametrize("whom", ["torchrun", "its starter"])
def test_ranks_end_with_torchrun_however_it_ends(whom: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = {**os.environ, "HELD_IDS": str(tmp_path), "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", RANKS], env=env, cwd=tmp_path) as starter:
        deadline = time.monotonic() + WITHIN_S
        while len(ranks := [int(one.name) for one in tmp_path.glob("[0-9]*")]) < 2:
            assert starter.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert all(map(_is_there, ranks))
        torchrun = int((tmp_path / str(ranks[0])).read_text())
        os.kill(torchrun if whom == "torchrun" else starter.pid, signal.SIGKILL)
        starter.wait(WITHIN_S)
    while any(map(_is_there, [*ranks, torchrun])):
        assert time.monotonic() < deadline, [one for one in (*ranks, torchrun) if _is_there(one)]
        time.sleep(0.05)
