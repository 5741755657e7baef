"""`rootspan up`: store, collector and dashboard on one machine, started, supervised and stopped."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.errors import WrongUse
from rootspan_cli.extras import needing
from rootspan_cli.help import examples
from rootspan_cli.output import note, terminal, working
from rootspan_cli.processes.bring_up import bring_up, store_credentials
from rootspan_cli.processes.installation import Installation
from rootspan_cli.processes.interrupt import Interrupted, interruptible
from rootspan_cli.processes.ports import Address
from rootspan_cli.processes.supervisor import Supervisor

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["EPILOG", "DashboardPort", "GrpcAddress", "HttpAddress", "up"]

EPILOG = examples(
    ("rootspan up", "everything under ./rootspan-data"),
    ("rootspan up --data /srv/rootspan --no-dashboard", "a machine without people"),
    ("rootspan up --collector-grpc 0.0.0.0:4317", "take telemetry from other machines"),
)

HttpAddress = Annotated[
    str,
    typer.Option(
        "--store-http", envvar="ROOTSPAN_STORE_HTTP", metavar="HOST:PORT", help="Where the store listens."
    ),
]
GrpcAddress = Annotated[
    str,
    typer.Option(
        "--collector-grpc",
        envvar="ROOTSPAN_COLLECTOR_GRPC",
        metavar="HOST:PORT",
        help="Where the collector takes OTLP/gRPC.",
    ),
]
DashboardPort = Annotated[
    int,
    typer.Option(
        "--dashboard-port",
        envvar="ROOTSPAN_DASHBOARD_PORT",
        metavar="PORT",
        min=0,
        max=65535,
        help="Where the dashboard listens on this machine.",
    ),
]


def up(
    *,
    data: Annotated[
        Path, typer.Option("--data", envvar="ROOTSPAN_DATA", help="Folder of everything that is kept.")
    ] = Path("rootspan-data"),
    dashboard: Annotated[
        bool,
        typer.Option("--dashboard/--no-dashboard", envvar="ROOTSPAN_DASHBOARD", help="Serve the pages too."),
    ] = True,
    store_http: HttpAddress = "127.0.0.1:8123",
    collector_grpc: GrpcAddress = "127.0.0.1:4317",
    dashboard_port: DashboardPort = 8501,
) -> None:
    """Start store, collector and dashboard on this machine; Ctrl-C stops all of them cleanly.

    Each is a process of its own with a log under DATA/logs. One that dies is started again, and one that
    keeps dying stops all, with the reason. They stop in an order that keeps everything: the dashboard, then
    the collector, which stores what is pending, then the store. None outlives this command, not even SIGKILL.
    """
    with needing("all", "chdb", "grpc_health", *(("streamlit",) if dashboard else ())):
        credentials = store_credentials()
    installation = Installation(
        data=data,
        store=_fixed(store_http, flag="--store-http"),
        collector=_fixed(collector_grpc, flag="--collector-grpc"),
        dashboard=Address("127.0.0.1", dashboard_port) if dashboard else None,
        credentials=credentials,
    )
    installation.require_free()
    supervisor = Supervisor(installation.parts(), note)
    try:
        with interruptible(), supervisor:
            with working("starting"):
                bring_up(installation, supervisor, lambda name: None)
            terminal().print(_table(installation))
            supervisor.watch(threading.Event())
    except Interrupted:
        note("stopped")


def _fixed(text: str, *, flag: str) -> Address:
    address = Address.parse(text, flag=flag)
    if address.port == 0:
        raise WrongUse(f"{flag} {text}: the other parts must know the port; name one above 0")
    return address


def _table(installation: Installation) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for part in installation.parts():
        said = {"collector": f"OTLP/gRPC  {part.url}"}.get(part.name, part.url)
        table.add_row(part.name, Text(said, "bold"))
    table.add_row("logs", Text(str(installation.data / "logs"), overflow="fold"))
    table.add_row("", Text("Ctrl-C stops all", "dim"))
    return table
