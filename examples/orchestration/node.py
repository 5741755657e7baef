"""A node: its pods on one core, its kubelet's log, a cgroup where the machine allows one, and its agent.

Owns what an orchestrator does to pods, and the words in which it writes that down.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from examples.harness.processes import Report, Served, bound
from examples.orchestration.layout import HOG_NICE, HOGS, NAMESPACE, NICE, downward_api, pod_of

_CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_STOP_WITHIN_S = 15.0
_HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Ends with the process that started it. Not `bound`: the thread that starts it is gone at once."""


class Node:
    """One node, running from its making until `stop`."""

    def __init__(self, name: str, folder: Path, endpoint: str, core: int) -> None:
        self.name, self._core = name, core
        self._log = folder / name / "kubelet.log"
        self._log.parent.mkdir(parents=True)
        self._log.touch()
        self._cgroup = _make_cgroup(f"rootspan-example-{os.getpid()}-{name}")
        self._hogs: list[subprocess.Popen[bytes]] = []
        self.reports: list[tuple[str, Report]] = []
        self.pod: Served | None = Served(
            "examples.orchestration.pod", endpoint, environment=downward_api(name), apart=True
        )
        self._place(self.pod.pid, NICE)
        self._agent = _start_agent(name, folder, endpoint, self._cgroup)

    @property
    def address(self) -> str:
        """Where the pod serves; after it does."""
        assert self.pod is not None
        return f"127.0.0.1:{self.pod.port}"

    def add_noise(self) -> None:
        """Start other pods on the node that take what they get."""
        for _ in range(HOGS):
            hog = subprocess.Popen([sys.executable, "-c", _HOG], start_new_session=True)
            self._place(hog.pid, HOG_NICE)
            self._hogs.append(hog)

    def evict(self) -> None:
        """End the pod as the kubelet does when memory runs short."""
        pod = f'pod="{NAMESPACE}/{pod_of(self.name)}"'
        self._say("eviction_manager.go:371", "W", f'"Eviction manager: attempting to reclaim" {pod}')
        self._end_pod()
        self._say("eviction_manager.go:627", "I", f'"Eviction manager: pod is evicted successfully" {pod}')

    def drain(self) -> None:
        """End its pods as `kubectl drain` does; its words, as a job would log them, come with the node's."""
        lines = [f"node/{self.name} cordoned", f"evicting pod {NAMESPACE}/{pod_of(self.name)}"]
        lines.append(f"pod/{pod_of(self.name)} evicted")
        self._end_pod()
        with self._log.with_name("drain.log").open("a") as stream:
            stream.write("".join(f"{line}\n" for line in (*lines, f"node/{self.name} drained")))

    def stop(self) -> None:
        """End everything of it."""
        for hog in self._hogs:
            hog.kill()
            hog.wait()
        self._end_pod()
        self._agent.terminate()
        try:
            self._agent.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._agent.kill()
            self._agent.wait()
        if self._cgroup is not None:
            with suppress(OSError):
                self._cgroup.rmdir()

    def _end_pod(self) -> None:
        if self.pod is not None:
            self.reports.append((self.name, self.pod.stop()))
            self.pod = None

    def _place(self, pid: int, nice: int) -> None:
        os.sched_setaffinity(pid, {self._core})
        with suppress(PermissionError):  # then it weighs as much as any other
            os.setpriority(os.PRIO_PROCESS, pid, nice)
            # Where Linux shares processors among sessions, as it does unless told otherwise, each pod is one.
            with suppress(FileNotFoundError):
                Path(f"/proc/{pid}/autogroup").write_text(str(nice))
        if self._cgroup is not None:
            (self._cgroup / "cgroup.procs").write_text(str(pid))

    def _say(self, where: str, level: str, words: str) -> None:
        now = datetime.now(UTC).astimezone()
        with self._log.open("a") as stream:
            stream.write(f"{level}{now:%m%d %H:%M:%S.%f}    1234 {where}] {words}\n")


def _start_agent(name: str, folder: Path, endpoint: str, cgroup: Path | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rootspan_cli", "agent", "--endpoint", endpoint, "--host", name]
    command += ["--file", f"{folder}/{name}/*.log", "--state", f"{folder}/state-{name}"]
    command += ["--no-gpus", "--no-journal", "--pressure"]
    command += [str(cgroup / "cpu.pressure") if cgroup is not None else "/proc/pressure/cpu"]
    return subprocess.Popen(bound(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _make_cgroup(name: str) -> Path | None:
    """A cgroup whose `cpu.pressure` is the node's; None where this user may not make one."""
    for root in _CGROUPS:
        if (root / "cgroup.controllers").exists():
            with suppress(OSError):
                (root / name).mkdir()
                return root / name
    return None
