"""The parts of an installation on one machine: which processes, on which addresses, with which folders.

Owns the layout of the data folder: the store's own files, `wal/` and `logs/`.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from rootspan_cli.processes.part import GrpcHealth, HttpAnswer, Part, Runs
from rootspan_cli.processes.ports import Address, free_address, require_free

__all__ = ["Credentials", "Installation"]

_DATABASE = "otel"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the store asks its clients for."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Installation:
    """Store, collector, watcher and dashboard on one machine.

    Attributes:
        data: Folder of everything that is kept.
        store, collector, dashboard: Where they listen; no dashboard if None.
        credentials: Of the store; None: it asks for none.
        collector_http: Where the collector takes OTLP/HTTP; None: nowhere.
        insecure: Whether the collector may listen beyond this machine without knowing who sends.
        watch: Whether incidents are looked for.
        watch_config: The watcher's file of objectives and receivers.
        regions: The collector's file of regions, where data must keep to one.
    """

    data: Path
    store: Address
    collector: Address
    dashboard: Address | None
    credentials: Credentials | None = None
    collector_http: Address | None = None
    insecure: bool = False
    watch: bool = False
    watch_config: Path | None = None
    regions: Path | None = None

    @property
    def store_url(self) -> str:
        """As `--store` takes it, credentials included."""
        known = self.credentials
        user = f"{quote(known.user, safe='')}:{quote(known.password, safe='')}@" if known else ""
        return f"http://{user}{self.store.reachable}/{_DATABASE}"

    @property
    def public_store_url(self) -> str:
        """The same without credentials, to be shown."""
        return f"http://{self.store.reachable}/{_DATABASE}"

    @property
    def dashboard_url(self) -> str:
        """Where a browser finds the dashboard; empty without one."""
        return f"http://{self.dashboard.reachable}" if self.dashboard else ""

    def require_free(self) -> None:
        """Make sure that every part can listen.

        Raises:
            WrongUse: One cannot; the message names the flag to change.
        """
        require_free(self.store, what="store", flag="--store-http (ROOTSPAN_STORE_HTTP)")
        require_free(self.collector, what="collector", flag="--collector-grpc (ROOTSPAN_COLLECTOR_GRPC)")
        if self.collector_http is not None:
            flag = "--collector-http (ROOTSPAN_COLLECTOR_HTTP)"
            require_free(self.collector_http, what="collector", flag=flag)
        if self.dashboard is not None:
            require_free(self.dashboard, what="dashboard", flag="--dashboard-port (ROOTSPAN_DASHBOARD_PORT)")

    def on_free_ports(self) -> "Installation":
        """The same, with another port for each part whose own is taken.

        Raises:
            WrongUse: A host has no free port at all.
        """
        return replace(
            self,
            store=free_address(self.store),
            collector=free_address(self.collector),
            collector_http=free_address(self.collector_http) if self.collector_http else None,
            dashboard=free_address(self.dashboard) if self.dashboard else None,
        )

    def parts(self) -> list[Part]:
        """Processes in the order in which they start; they stop in the opposite one."""
        logs = self.data / "logs"
        knows_store = {"ROOTSPAN_STORE": self.store_url}
        parts = [
            Part(
                name="store",
                command=_rootspan("store", "--data", str(self.data), "--http", str(self.store)),
                url=self.public_store_url,
                probe=HttpAnswer(self.store.reachable, "/ping"),
                log=logs / "store.log",
                stop_timeout_s=40.0,
            ),
            Part(
                name="collector",
                command=_rootspan(
                    "collector",
                    *("--grpc", str(self.collector), "--http", str(self.collector_http or "")),
                    *("--wal", str(self.data / "wal")),
                    *(("--insecure",) if self.insecure else ()),
                    *(("--regions", str(self.regions)) if self.regions else ()),
                ),
                url=str(self.collector.reachable),
                probe=GrpcHealth(self.collector.reachable),
                log=logs / "collector.log",
                environment=knows_store,
                stop_timeout_s=30.0,
            ),
        ]
        if self.watch:
            config = ("--config", str(self.watch_config)) if self.watch_config else ()
            parts.append(
                Part(
                    name="watch",
                    command=_rootspan("watch", "--json", *config),
                    url="incidents: rootspan watch",
                    probe=Runs(),
                    log=logs / "watch.log",
                    environment=knows_store,
                    stop_timeout_s=20.0,
                )
            )
        if self.dashboard is not None:
            parts.append(
                Part(
                    name="dashboard",
                    command=_rootspan(
                        "dashboard",
                        "--address",
                        self.dashboard.host,
                        "--port",
                        str(self.dashboard.port),
                    ),
                    url=self.dashboard_url,
                    probe=HttpAnswer(self.dashboard.reachable, "/_stcore/health"),
                    log=logs / "dashboard.log",
                    environment=knows_store,
                    stop_timeout_s=10.0,
                )
            )
        return parts


def _rootspan(*arguments: str) -> tuple[str, ...]:
    """This program's own command line. -P: a file of the current folder must not stand in for a module."""
    return (sys.executable, "-P", "-m", "rootspan_cli", *arguments)
