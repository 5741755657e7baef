"""Parts as real processes: started, restarted, stopped in order, and never orphaned."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootspan_cli.processes.child import Child
from rootspan_cli.processes.part import Part
from rootspan_cli.processes.supervisor import PartFailed, RestartPolicy, Supervisor
from support.processes import wait_until

pytestmark = pytest.mark.process

QUICK = RestartPolicy(first_backoff_s=0.05, max_backoff_s=0.1, deaths=3, window_s=30)
RUNS = "import time; open({ready!r}, 'w').close(); print('running', flush=True); time.sleep(60)"


@dataclass(frozen=True)
class FileThere:
    """Ready once a file is there."""

    path: Path

    def is_ready(self) -> bool:
        return self.path.exists()


def part_of(
    folder: Path, name: str, code: str, *, ready_timeout_s: float = 20, stop_timeout_s: float = 10
) -> Part:
    ready = folder / f"{name}.ready"
    return Part(
        name=name,
        command=(sys.executable, "-c", code.replace("{ready!r}", repr(str(ready)))),
        url="",
        probe=FileThere(ready),
        log=folder / "logs" / f"{name}.log",
        ready_timeout_s=ready_timeout_s,
        stop_timeout_s=stop_timeout_s,
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def watching(supervisor: Supervisor) -> tuple[threading.Thread, threading.Event, list[PartFailed]]:
    stop, failed = threading.Event(), []

    def run() -> None:
        try:
            supervisor.watch(stop)
        except PartFailed as err:
            failed.append(err)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, stop, failed


def test_start_returns_once_the_part_is_ready(tmp_path: Path) -> None:
    part = part_of(tmp_path, "store", RUNS)
    with Supervisor([part], lambda _line: None) as supervisor:
        supervisor.start("store")
        assert part.probe.is_ready()
        assert is_alive(supervisor.pids()["store"])


def test_a_part_that_ends_at_once_fails_with_the_end_of_its_log(tmp_path: Path) -> None:
    part = part_of(tmp_path, "store", "import sys; print('the folder is locked'); sys.exit(2)")
    with Supervisor([part], lambda _line: None) as supervisor, pytest.raises(PartFailed) as failure:
        supervisor.start("store")
    assert "the store ended with exit status 2" in str(failure.value)
    assert failure.value.last_lines == ("the folder is locked",)


def test_a_part_that_never_gets_ready_fails_in_time(tmp_path: Path) -> None:
    part = part_of(tmp_path, "store", "import time; time.sleep(60)", ready_timeout_s=0.3)
    with Supervisor([part], lambda _line: None) as supervisor:
        with pytest.raises(PartFailed, match="did not get ready"):
            supervisor.start("store")
        pid = supervisor.pids()["store"]
    assert not is_alive(pid)


def test_a_part_that_is_killed_is_started_again_and_that_is_told_in_one_line(tmp_path: Path) -> None:
    told: list[str] = []
    with Supervisor([part_of(tmp_path, "store", RUNS)], told.append, QUICK) as supervisor:
        supervisor.start("store")
        first = supervisor.pids()["store"]
        thread, stop, _ = watching(supervisor)
        os.kill(first, signal.SIGKILL)
        wait_until(
            lambda: supervisor.pids().get("store", first) != first, timeout_s=10, what="the store runs again"
        )
        stop.set()
        thread.join()
    assert len(told) == 1
    assert "store was ended by SIGKILL; starting it again" in told[0]
    assert "running" in told[0]


def test_a_part_that_keeps_dying_ends_the_watch_with_the_reason(tmp_path: Path) -> None:
    code = """
import os, sys, time
if os.path.exists({ready!r}):
    print("no space left on device")
    sys.exit(3)
open({ready!r}, "w").close()
time.sleep(60)
"""
    told: list[str] = []
    with Supervisor([part_of(tmp_path, "store", code)], told.append, QUICK) as supervisor:
        supervisor.start("store")
        thread, _, failed = watching(supervisor)
        os.kill(supervisor.pids()["store"], signal.SIGKILL)
        thread.join(20)
        assert not thread.is_alive()
    assert "the store died 3 times" in str(failed[0])
    assert failed[0].last_lines[-1] == "no space left on device"
    assert len(told) == 2


def test_parts_stop_last_started_first_and_each_may_finish(tmp_path: Path) -> None:
    code = """
import signal, sys, time
def end(*_):
    time.sleep(0.2)
    open({log!r}, "a").write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open({ready!r}, "w").close()
time.sleep(60)
"""
    log = tmp_path / "ends"
    parts = [
        part_of(tmp_path, name, code.replace("{log!r}", repr(str(log))).replace("{name!r}", repr(name)))
        for name in ("store", "collector", "dashboard")
    ]
    with Supervisor(parts, lambda _line: None) as supervisor:
        for part in parts:
            supervisor.start(part.name)
    assert log.read_text().split() == ["dashboard", "collector", "store"]


def test_a_part_that_ignores_sigterm_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    child_file = tmp_path / "grandchild"
    code = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(child_file)!r}, "w").write(str(below.pid))
open({{ready!r}}, "w").close()
time.sleep(60)
"""
    told: list[str] = []
    with Supervisor([part_of(tmp_path, "store", code, stop_timeout_s=0.3)], told.append) as supervisor:
        supervisor.start("store")
        pid, below = supervisor.pids()["store"], int(child_file.read_text())
        assert is_alive(below)
    assert not is_alive(pid)
    wait_until(lambda: not is_alive(below), timeout_s=5, what="what the part started is gone too")
    assert told == ["the store did not stop within 0 s and was killed"]


def test_a_ctrl_c_of_the_terminal_does_not_reach_a_part(tmp_path: Path) -> None:
    child = Child(part_of(tmp_path, "store", RUNS))
    try:
        assert os.getpgid(child.pid) != os.getpgid(0)
        assert os.getsid(child.pid) != os.getsid(0)
    finally:
        child.stop(5)


@pytest.mark.parametrize("does_end_by_itself", [True, False])
def test_a_part_ends_when_its_parent_is_killed(tmp_path: Path, does_end_by_itself: bool) -> None:
    """The parent here is a real process that starts a part as `up` does, and is killed with SIGKILL."""
    stubborn = "" if does_end_by_itself else "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    held = f"""
import os, time
from rootspan_cli.processes import lifeline
lifeline._GRACE_S = 0.3
lifeline.hold()
{stubborn}open({str(tmp_path / "part.pid")!r}, "w").write(str(os.getpid()))
os.rename({str(tmp_path / "part.pid")!r}, {str(tmp_path / "part")!r})
time.sleep(60)
"""
    parent_code = f"""
import sys, time
from pathlib import Path
from rootspan_cli.processes.child import Child
from rootspan_cli.processes.part import HttpAnswer, Part
from rootspan_cli.processes.ports import Address
probe = HttpAnswer(Address("127.0.0.1", 1), "/")
Child(Part("store", (sys.executable, "-c", {held!r}), "", probe, Path({str(tmp_path / "log")!r})))
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", parent_code])
    try:
        wait_until((tmp_path / "part").exists, timeout_s=15, what="the part runs")
        pid = int((tmp_path / "part").read_text())
        assert is_alive(pid)
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not is_alive(pid), timeout_s=15, what="the part is gone")


def test_backoff_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy(first_backoff_s=0.5, max_backoff_s=3)
    assert [policy.backoff_s(deaths) for deaths in (1, 2, 3, 4, 9)] == [0.5, 1, 2, 3, 3]
