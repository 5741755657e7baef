"""What an agent is told, checked at once. Does no I/O."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from rootspan_agent.errors import SettingsError
from rootspan_agent.pressure import DEFAULT_PRESSURE
from rootspan_agent.scrape.target import Target

__all__ = ["AgentSettings"]

_MAX_BATCH: Final = 3 << 20
"""Below the 4 MiB that gRPC servers take by default, with room for attributes."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Settings of one agent. Equal state folders are one agent.

    Attributes:
        state: Folder of positions; made if it is not there.
        endpoint: OTLP/gRPC, `host:port`.
        files: Patterns of log files, absolute; `*`, `?`, `[a-z]` and `**` as in a shell, and `{host}` for one
            part of the path that names the machine.
        journal: Whether to read the journal of systemd; None: where `journalctl` works.
        journal_folder: Its folder, for a journal that is not this machine's.
        begin: What is read of files that are there at the very first start: all (`start`), or only what is
            added (`end`). Files that appear later are always read from their start.
        gpus: Whether to sample this machine's GPUs, where there are any.
        pressure: Patterns of files that tell who waits for a processor, absolute: the machine's, or cgroups'
            (`/sys/fs/cgroup/kubepods.slice/**/cpu.pressure`). Empty: none is read.
        scrape: Prometheus endpoints to scrape.
        scrape_s: Pause between two scrapes of each, seconds.
        host: Name of this machine.
        ca: PEM file of the authority that signed the collector's certificate; None: no TLS.
        token: Bearer token; None: none.
        poll_s: Pause between looks for new lines, seconds.
        rescan_s: Pause between looks for new files, seconds.
        batch_bytes: Most bytes of lines in a request, and so about what the agent holds in memory.
        refused_bytes: Most bytes kept of requests that the collector refused for good.

    Raises:
        SettingsError: A value cannot be used.
    """

    state: Path
    endpoint: str = "localhost:4317"
    files: tuple[str, ...] = ()
    journal: bool | None = None
    journal_folder: Path | None = None
    begin: Literal["start", "end"] = "end"
    gpus: bool = True
    pressure: tuple[str, ...] = (DEFAULT_PRESSURE,)
    scrape: tuple[Target, ...] = ()
    scrape_s: float = 15.0
    host: str = field(default_factory=socket.gethostname)
    ca: Path | None = None
    token: str | None = None
    poll_s: float = 0.5
    rescan_s: float = 5.0
    batch_bytes: int = 1 << 20
    refused_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        for pattern in (*self.files, *self.pressure):
            if not os.path.isabs(pattern):
                raise SettingsError(f"the pattern {pattern!r} is not absolute: write it from / on")
            if pattern.count("{host}") > 1:
                raise SettingsError(f"the pattern {pattern!r} has {{host}} more than once; keep one")
        if self.begin not in ("start", "end"):
            raise SettingsError(f"begin is {self.begin!r}; choose start or end")
        for name, value, low, high in (
            ("scrape_s", self.scrape_s, 0.1, 3600.0),
            ("poll_s", self.poll_s, 0.01, 60.0),
            ("rescan_s", self.rescan_s, 0.01, 3600.0),
            ("batch_bytes", self.batch_bytes, 1 << 10, _MAX_BATCH),
            ("refused_bytes", self.refused_bytes, 0, 1 << 40),
        ):
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}, outside {low}-{high}; choose a value in that range")
        doubled = {one.url for one in self.scrape if sum(one.url == other.url for other in self.scrape) > 1}
        if doubled:
            raise SettingsError(f"{sorted(doubled)[0]} is to be scraped twice; name each endpoint once")
        asked = self.pressure and self.pressure != (DEFAULT_PRESSURE,)
        reads = self.files or self.journal is not False or self.gpus or asked or self.scrape
        if not reads:
            raise SettingsError("nothing to read: name files or endpoints, or allow the journal or GPUs")
