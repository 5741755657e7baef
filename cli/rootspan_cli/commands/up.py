"""`rootspan up`: store, collector, watcher and dashboard on one machine: started, supervised, stopped."""

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
    ("rootspan up --collector-grpc 0.0.0.0:4317 --insecure", "take telemetry from any machine"),
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
CollectorHttp = Annotated[
    str,
    typer.Option(
        "--collector-http",
        envvar="ROOTSPAN_COLLECTOR_HTTP",
        metavar="HOST:PORT",
        help="Where the collector takes OTLP/HTTP; empty: nowhere.",
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        envvar="ROOTSPAN_COLLECTOR_INSECURE",
        help="Let the collector listen beyond this machine without knowing who sends.",
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
    collector_http: CollectorHttp = "127.0.0.1:4318",
    insecure: Insecure = False,
    dashboard_port: DashboardPort = 8501,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", envvar="ROOTSPAN_WATCH", help="Look for incidents too.")
    ] = True,
    watch_config: Annotated[
        Path | None,
        typer.Option(
            "--watch-config",
            envvar="ROOTSPAN_WATCH_CONFIG",
            help="TOML file of objectives and receivers, as `rootspan watch --config` takes it.",
        ),
    ] = None,
) -> None:
    """Start store, collector, watcher and dashboard on this machine; Ctrl-C stops all of them cleanly.

    Each is a process of its own with a log under DATA/logs. One that dies is started again, and one that
    keeps dying stops all, with the reason. They stop in an order that keeps everything: dashboard, watcher,
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
        collector_http=_fixed(collector_http, flag="--collector-http") if collector_http else None,
        insecure=insecure,
        watch=watch,
        watch_config=_checked(watch_config),
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


def _checked(config: Path | None) -> Path | None:
    """Read it now: a part that cannot would only die again and again."""
    if config is not None:
        with needing("analysis", "numpy"):
            from rootspan_analysis.watch import load_settings
        load_settings(config)
    return config


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
        http = f", OTLP/HTTP  {installation.collector_http}" if installation.collector_http else ""
        said = {"collector": f"OTLP/gRPC  {part.url}{http}"}.get(part.name, part.url)
        table.add_row(part.name, Text(said, "bold"))
    table.add_row("logs", Text(str(installation.data / "logs"), overflow="fold"))
    table.add_row("", Text("Ctrl-C stops all", "dim"))
    return table
