"""`rootspan agent` as a process, against real collectors: killed, refused, kept waiting; nothing is lost."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest

from rootspan.testing import Receiver, attributes_of
from support.processes import CollectorProcess, Process, StoreProcess, wait_until

pytestmark = pytest.mark.process
JOURNAL_REMOTE = Path("/lib/systemd/systemd-journal-remote")
XID = "May  4 09:00:00 x kernel: NVRM: Xid (PCI:0000:3b:00): 79, pid=1, name=py, GPU has fallen off the bus."


class AgentProcess(Process):
    """The agent on a folder of logs."""

    def __init__(self, folder: Path, endpoint: str, *flags: str, host: str = "here") -> None:
        self.state = folder / "state"
        arguments = ["-m", "rootspan_cli", "agent", "--endpoint", endpoint, "--state", str(self.state)]
        arguments += ["--no-gpus", "--host", host, *flags]
        super().__init__("agent", arguments, folder / "agent.log")

    def is_ready(self) -> bool:
        return "agent sends to" in self.output


def _bodies(receiver: Receiver) -> Counter[str]:
    return Counter(record.body.string_value for _, record in receiver.logs())


def test_hosts_files_and_events_arrive_and_a_second_run_sends_what_is_new(tmp_path: Path) -> None:
    for host in ("gpu-1", "gpu-2"):
        (tmp_path / "nodes" / host).mkdir(parents=True)
        (tmp_path / "nodes" / host / "kern.log").write_text(
            f"May  4 09:00:00 x kernel: eth0 of {host} is up\n"
        )
    log = tmp_path / "nodes" / "gpu-2" / "kern.log"
    with Receiver() as receiver:
        flags = ("--file", f"{tmp_path}/nodes/{{host}}/kern.log", "--no-journal", "--from", "start", "--once")
        agent = AgentProcess(tmp_path, receiver.endpoint, *flags)
        agent.launch()
        assert agent.wait(60) == 0
        with log.open("a") as stream:
            stream.write(f"{XID}\n")
        agent.launch()
        assert agent.wait(60) == 0
        assert "2 log records sent" in agent.output
        assert "1 log records sent" in agent.output
        told = [(attributes_of(who), attributes_of(record), record) for who, record in receiver.logs()]
    assert sorted(str(who["host.name"]) for who, _, _ in told) == ["gpu-1", "gpu-2", "gpu-2"]
    who, attributes, record = told[-1]
    assert (who["host.name"], who["service.name"], record.event_name) == ("gpu-2", "kernel", "gpu.xid")
    assert (attributes["hw.error.code"], attributes["gpu.pci_address"]) == ("79", "0000:3b:00")
    assert attributes["log.file.path"] == str(log)


def test_a_collector_that_refuses_stops_the_reading_and_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    lines = [f"{number} {'x' * 200}" for number in range(60_000)]
    log.write_text("".join(f"{line}\n" for line in lines))
    with Receiver() as receiver:
        receiver.refuse_with = grpc.StatusCode.RESOURCE_EXHAUSTED
        agent = AgentProcess(
            tmp_path, receiver.endpoint, "--file", str(log), "--no-journal", "--from", "start"
        )
        with agent.running():
            wait_until(lambda: "takes nothing" in agent.output, timeout_s=60, what="it says so")
            assert agent.peak_rss_mb() < 150  # 13 MB of lines wait in the file
            receiver.refuse_with = None
            receiver.wait_for(lambda one: len(one.logs()) >= len(lines), timeout_s=120)
            assert agent.peak_rss_mb() < 150
            assert agent.stop() == 0
        assert _bodies(receiver) == Counter(lines)


def test_what_is_refused_for_good_is_kept_and_told(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")
    with Receiver() as receiver:
        receiver.refuse_with = grpc.StatusCode.INVALID_ARGUMENT
        flags = ("--file", str(log), "--no-journal", "--from", "start", "--once")
        agent = AgentProcess(tmp_path, receiver.endpoint, *flags)
        agent.launch()
        assert agent.wait(60) == 1
    assert "1 refused for good" in agent.output
    (kept,) = (agent.state / "refused").iterdir()
    assert b"one" in kept.read_bytes()


def test_an_agent_that_is_killed_again_and_again_counts_each_line_once(tmp_path: Path) -> None:
    store = StoreProcess(tmp_path / "s")
    with store.running():
        _migrate(store)
        collector = CollectorProcess(tmp_path / "c", store.url)
        with collector.running():
            flags = ("--file", f"{tmp_path}/logs/*.log*", "--no-journal", "--from", "start")
            agent = AgentProcess(tmp_path, collector.address, *flags)
            written = _write_and_kill(tmp_path / "logs", agent)
            with agent.running():
                wait_until(
                    lambda: (
                        collector.counts("logs")["pending"] == 0
                        and store.number("SELECT uniqExact(Body) FROM otel_logs") >= written
                    ),
                    timeout_s=120,
                    what="all lines are stored",
                )
                assert agent.stop() == 0
            collector.wait_drained()
            assert store.number("SELECT count() FROM otel_logs") == written
            assert store.number("SELECT uniqExact(Body) FROM otel_logs") == written


def _write_and_kill(folder: Path, agent: AgentProcess) -> int:
    """Write lines to three files that are rotated, while the agent is killed at any moment."""
    folder.mkdir()
    choose, written, turn = random.Random(5), 0, 0
    for _ in range(6):
        agent.start()
        until = time.monotonic() + choose.uniform(0.1, 1.0)
        while time.monotonic() < until:
            name = folder / f"{choose.choice('abc')}.log"
            with name.open("a") as stream:
                for _ in range(200):
                    stream.write(f"{name.name} {written} {'x' * 100}\n")
                    written += 1
            if choose.random() < 0.05:
                turn += 1
                name.rename(f"{name}.{turn}")
            time.sleep(0.005)
        agent.kill()
    return written


def _migrate(store: StoreProcess) -> None:
    subprocess.run(
        [sys.executable, "-m", "rootspan_cli", "migrate", "--store", store.url],
        check=True,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.skipif(
    not JOURNAL_REMOTE.exists() or shutil.which("journalctl") is None,
    reason="makes a journal with Debian's systemd-journal-remote: apt-get install systemd-journal-remote",
)
def test_the_journal_is_read_after_the_last_entry_that_was_sent(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    _journal(folder, [("kernel", "", XID.partition("kernel: ")[2]), ("syslog", "sshd", "Accepted key")], 0)
    with Receiver() as receiver:
        flags = ("--journal-folder", str(folder), "--journal", "--from", "start", "--once")
        agent = AgentProcess(tmp_path, receiver.endpoint, *flags)
        agent.launch()
        assert agent.wait(60) == 0, agent.output
        _journal(folder, [("syslog", "sshd", "Disconnected")], 2)
        agent.launch()
        assert agent.wait(60) == 0, agent.output
        told = [
            (attributes_of(who)["host.name"], attributes_of(who)["service.name"], record.event_name)
            for who, record in receiver.logs()
        ]
        bodies = _bodies(receiver)
    assert told == [("node-9", "kernel", "gpu.xid"), ("node-9", "sshd", ""), ("node-9", "sshd", "")]
    assert bodies["Disconnected"] == bodies["Accepted key"] == 1


def _journal(folder: Path, entries: list[tuple[str, str, str]], first: int) -> None:
    """Real journal files, of the export format."""
    text = ""
    for number, (transport, program, message) in enumerate(entries, start=first + 1):
        at_us = 1_777_888_800_000_000 + number * 1_000_000
        fields = {
            "__REALTIME_TIMESTAMP": at_us,
            "__MONOTONIC_TIMESTAMP": number * 1_000_000,
            "_BOOT_ID": "0123456789abcdef0123456789abcdef",
            "_MACHINE_ID": "fedcba9876543210fedcba9876543210",
            "_HOSTNAME": "node-9",
            "_TRANSPORT": transport,
            "PRIORITY": 3,
            "MESSAGE": message,
            **({"SYSLOG_IDENTIFIER": program} if program else {}),
        }
        text += "".join(f"{name}={value}\n" for name, value in fields.items()) + "\n"
    subprocess.run(
        [JOURNAL_REMOTE, f"--output={folder}/part-{first}.journal", "-"],
        input=text,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
