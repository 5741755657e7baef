"""Lines of logs and of the kernel, as real machines write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootspan_agent.kernel import read_kernel
from rootspan_agent.lines import read_line

NOW_NS = int(datetime(2026, 5, 4, 10, 0, tzinfo=UTC).timestamp()) * 10**9
XID = (
    "2026-05-04T09:59:58.123456+00:00 gpu-017 kernel: [123456.789012] NVRM: Xid (PCI:0000:3b:00): 79, "
    "pid='4242', name=python3, GPU has fallen off the bus."
)


def _read(line: str):  # type: ignore[no-untyped-def]
    return read_kernel(read_line(line, NOW_NS))


def test_an_xid_becomes_an_event_with_host_gpu_process_and_meaning() -> None:
    record = _read(XID)
    assert (record.event, record.host, record.program, record.severity_text) == (
        "gpu.xid",
        "gpu-017",
        "kernel",
        "ERROR",
    )
    assert record.attributes == {
        "hw.error.code": "79",
        "gpu.pci_address": "0000:3b:00",
        "hw.error.text": "GPU has fallen off the bus",
        "process.pid": 4242,
        "process.executable.name": "python3",
    }
    assert record.body.startswith("NVRM: Xid")
    assert record.time_ns == NOW_NS - 2 * 10**9 + 123_456_000


@pytest.mark.parametrize(
    ("line", "event", "severity", "attributes"),
    [
        (
            "May  4 09:00:00 gpu-1 kernel: NVRM: Xid (PCI:0000:07:00): 31, pid=77, name=train, Ch 00000008, "
            "MMU Fault: ENGINE GRAPHICS",
            "gpu.xid",
            "WARN",
            {"hw.error.code": "31", "process.pid": 77, "process.executable.name": "train"},
        ),
        (
            "May  4 09:00:00 gpu-1 kernel: NVRM: Xid (PCI:0000:C1:00): 94, Contained: SM (0x1). RST: No",
            "gpu.xid",
            "ERROR",
            {"hw.error.code": "94", "gpu.pci_address": "0000:c1:00"},
        ),
        (
            "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 20034, Fatal, Link 32 LTSSM Fault Up",
            "nvswitch.sxid",
            "ERROR",
            {"hw.error.code": "20034", "gpu.pci_address": "0000:05:00.0"},
        ),
        (
            "<3>May  4 09:00:00 n1 kernel: Out of memory: Killed process 991 (python3) total-vm:9kB, "
            "anon-rss:2048kB, file-rss:0kB, UID:0",
            "host.memory.oom_kill",
            "ERROR",
            {
                "process.pid": 991,
                "process.executable.name": "python3",
                "host.memory.oom_scope": "host",
                "process.memory.usage": 2048 * 1024,
            },
        ),
        (
            "Memory cgroup out of memory: Killed process 12 (vllm) total-vm:1kB, anon-rss:1kB",
            "host.memory.oom_kill",
            "ERROR",
            {"host.memory.oom_scope": "cgroup", "process.pid": 12},
        ),
        (
            "EDAC MC0: 1 UE memory read error on CPU_SrcID#0_MC#0",
            "host.memory.ecc_uncorrected",
            "ERROR",
            {},
        ),
    ],
)
def test_what_the_kernel_says_is_named(
    line: str, event: str, severity: str, attributes: dict[str, object]
) -> None:
    record = _read(line)
    assert (record.event, record.severity_text) == (event, severity)
    assert attributes.items() <= record.attributes.items()


@pytest.mark.parametrize(
    "line",
    [
        "May  4 09:00:00 n1 kernel: EDAC MC0: 1 CE memory read error",  # corrected
        "the ranker ran out of memory pages for its cache",
        "Xid is a word, too",
        "May  4 09:00:00 n1 sshd[77]: Accepted publickey for root",
    ],
)
def test_other_lines_are_no_events(line: str) -> None:
    assert _read(line).event == ""


@pytest.mark.parametrize(
    ("line", "severity", "time_ns"),
    [
        ("2026-05-04T10:00:00Z ERROR the disk is full", 17, NOW_NS),
        ("[2026-05-04 10:00:00,500+00:00] WARNING retrying", 13, NOW_NS + 500_000_000),
        ('{"level": "error", "time": "2026-05-04T10:00:00Z", "msg": "x"}', 17, NOW_NS),
        ('{"severity": "info", "ts": 1777888800.0}', 9, NOW_NS),
        ("2026-99-04T10:00:00Z ERROR no such month", 17, 0),
        ("plain words", 0, 0),
        ('{"broken', 0, 0),
    ],
)
def test_time_and_severity_are_read_where_a_line_tells_them(line: str, severity: int, time_ns: int) -> None:
    record = _read(line)
    assert (record.severity, record.time_ns) == (severity, time_ns)
    assert record.body == line


def test_a_line_of_december_read_in_january_is_of_last_year() -> None:
    january_ns = int(datetime(2027, 1, 1, 0, 5, tzinfo=UTC).timestamp()) * 10**9
    record = read_line("Dec 31 23:59:00 n1 kernel: late", january_ns)
    assert datetime.fromtimestamp(record.time_ns / 1e9, UTC).year in (2026, 2027)
    assert record.time_ns < january_ns


@given(st.text())
def test_any_line_is_read_and_none_is_lost(line: str) -> None:
    record = _read(line)
    assert record.body in line
