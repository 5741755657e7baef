"""What one machine's kernel says, and what many say all the time. Pure data."""

from __future__ import annotations

from collections.abc import Mapping

STRUCK = "gpu-01234"
"""The machine that is struck."""
LINES: Mapping[str, str] = {
    "xid": "NVRM: Xid (PCI:0000:3b:00): 79, pid=4242, name=python3, GPU has fallen off the bus.",
    "uncorrectable-ecc": "EDAC MC1: 1 UE memory read error on CPU_SrcID#1_MC#1_Chan#0_DIMM#0",
    "out-of-memory": "Out of memory: Killed process 991 (python3) total-vm:912680kB, anon-rss:890112kB, "
    "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:2048kB oom_score_adj:0",
}
FAULTS: Mapping[str, str] = {
    "xid": f"the GPU 0000:3b:00 of {STRUCK} has fallen off the bus (XID 79)",
    "uncorrectable-ecc": f"the memory of {STRUCK} has an error that cannot be corrected",
    "out-of-memory": f"the kernel of {STRUCK} killed a process for memory",
}
HARMLESS = (
    "eth0: NIC Link is Up 100000 Mbps full duplex",
    "systemd[1]: Started Session 4 of User root.",
    "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0",
    "NVRM: Xid (PCI:0000:86:00): 31, pid=7, name=train, Ch 00000008, intr 10000000. MMU Fault",
    "nvme nvme0: 32/0/0 default/read/poll queues",
    "perf: interrupt took too long (2501 > 2500), lowering kernel.perf_event_max_sample_rate",
)
"""A program's own XID and corrected errors are among them: they happen somewhere every minute."""
