"""Which ports are given out."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rootspan_cli.processes import ports
from rootspan_cli.processes.ports import Address, free_address, free_port


def test_a_free_port_is_none_that_the_kernel_hands_out_by_itself() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = {free_port() for _ in range(20)}
    assert all(1024 <= port < first for port in found)
    assert len(found) > 1


def test_where_all_ports_are_ephemeral_the_kernel_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = tmp_path / "range"
    everything.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_RANGE", everything)
    assert free_port() >= 1024


def test_a_preferred_address_is_kept_while_it_is_free() -> None:
    mine = Address("127.0.0.1", free_port())
    assert free_address(mine) == mine
    with socket.create_server((mine.host, mine.port)):
        other = free_address(mine)
    assert other.host == mine.host
    assert other.port not in {0, mine.port}


def test_port_0_stands_for_any_free_port() -> None:
    assert free_address(Address("127.0.0.1", 0)).port > 0


def test_a_port_is_given_to_one_process_while_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from rootspan_cli.processes.ports import free_port; print(free_port(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        # Nobody listens there yet: only the claim keeps us off.
        monkeypatch.setattr(ports, "_below_ephemeral", lambda tries: iter([theirs, theirs + 1, theirs + 2]))
        assert free_port() in (theirs + 1, theirs + 2)
        other.communicate("\n", timeout=60)
    assert free_port() == theirs
