"""Reads what a kernel says of hardware and memory: XIDs, ECC errors, processes killed for memory. Pure.

Each becomes a named event, so that whoever asks needs not know the kernel's words.
"""

import re
from collections.abc import Mapping
from typing import Final

from rootspan import semconv
from rootspan_agent.lines import Record

__all__ = ["read_kernel"]

XIDS: Final[Mapping[int, str]] = {
    13: "graphics engine exception",
    31: "memory page fault",
    43: "reset channel verification error",
    45: "preemptive cleanup",
    46: "GPU stopped processing",
    48: "double bit ECC error",
    62: "internal micro-controller halt",
    63: "row remapping recorded",
    64: "row remapping failed",
    69: "graphics engine class error",
    74: "NVLink error",
    79: "GPU has fallen off the bus",
    92: "high single-bit ECC error rate",
    94: "contained ECC error",
    95: "uncontained ECC error",
    109: "context switch timeout",
    119: "GSP RPC timeout",
    120: "GSP error",
    140: "unrecovered ECC error",
}
"""NVIDIA's catalogue of XIDs, in short."""
APPLICATION_XIDS: Final = frozenset({13, 31, 43, 45, 69, 109})
"""Mostly of the program's making, by the same catalogue: a warning; the others are errors."""
_XID: Final = re.compile(
    r"NVRM: Xid \(PCI:(?P<pci>[0-9a-fA-F:.]+)\): (?P<code>\d+)"
    r"(?:, pid='?(?P<pid>\d+)'?)?(?:, name=(?P<name>[^,]+))?(?:, (?P<what>.*))?",
    re.DOTALL,
)
_SXID: Final = re.compile(r"SXid \(PCI:(?P<pci>[0-9a-fA-F:.]+)\): (?P<code>\d+), (?P<what>.*)", re.DOTALL)
_OOM: Final = re.compile(
    r"(?P<group>Memory cgroup out of memory|Out of memory): "
    r"Kill(?:ed)? process (?P<pid>\d+) \((?P<name>[^)]*)\)"
    r"(?:.*?anon-rss:(?P<rss>\d+)kB)?",
    re.DOTALL,
)
_ECC: Final = re.compile(
    r"EDAC (?P<unit>\S+): (?P<count>\d+) UE\b|(?i:uncorrect(?:able|ed) (?:memory |ecc |hardware )*error)"
)
_ERROR, _WARN = (17, "ERROR"), (13, "WARN")


def read_kernel(record: Record) -> Record:
    """The record with its event and attributes, if it is one of the kernel's that says what happened."""
    body = record.body
    if "Xid" in body and (match := _XID.search(body)):
        return _xid(record, match)
    if "SXid" in body and (match := _SXID.search(body)):
        told = {semconv.GPU_PCI_ADDRESS: match["pci"].lower(), semconv.HW_ERROR_CODE: match["code"]}
        fatal = "non-fatal" not in match["what"].lower()
        return record.telling(semconv.EVENT_NVSWITCH_SXID, told, _ERROR if fatal else _WARN)
    if "ut of memory" in body and (match := _OOM.search(body)):
        killed: dict[str, str | int] = {
            semconv.PROCESS_PID: int(match["pid"]),
            semconv.PROCESS_EXECUTABLE: match["name"],
            semconv.OOM_SCOPE: "cgroup" if match["group"].startswith("Memory cgroup") else "host",
        }
        if match["rss"]:
            killed[semconv.PROCESS_MEMORY_BYTES] = int(match["rss"]) * 1024
        return record.telling(semconv.EVENT_OOM_KILL, killed, _ERROR)
    if ("EDAC" in body or "ncorrect" in body) and (match := _ECC.search(body)):
        return record.telling(semconv.EVENT_ECC_UNCORRECTED, {}, _ERROR)
    return record


def _xid(record: Record, match: re.Match[str]) -> Record:
    code = int(match["code"])
    told: dict[str, str | int] = {
        semconv.HW_ERROR_CODE: str(code),
        semconv.GPU_PCI_ADDRESS: match["pci"].lower(),
    }
    if code in XIDS:
        told[semconv.HW_ERROR_TEXT] = XIDS[code]
    if match["pid"]:
        told[semconv.PROCESS_PID] = int(match["pid"])
    if match["name"]:
        told[semconv.PROCESS_EXECUTABLE] = match["name"].strip("'\"")
    severity = _WARN if code in APPLICATION_XIDS else _ERROR
    return record.telling(semconv.EVENT_GPU_XID, told, severity)
