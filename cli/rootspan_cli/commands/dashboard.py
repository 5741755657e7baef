"""`rootspan dashboard`: the pages, served until stopped."""

import signal
import subprocess
from typing import Annotated

import typer

from rootspan_cli.errors import BadAnswer
from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, StoreOption, examples

__all__ = ["EPILOG", "dashboard"]

EPILOG = examples(
    ("rootspan dashboard", "http://127.0.0.1:8501, on the store of this machine"),
    ("rootspan dashboard --store https://viewer:secret@db:8443/otel", "on a ClickHouse server"),
)


def dashboard(
    *,
    store: StoreOption = DEFAULT_STORE,
    port: Annotated[
        int,
        typer.Option(
            "--port", envvar="ROOTSPAN_DASHBOARD_PORT", metavar="N", min=1, max=65535, help="Where to listen."
        ),
    ] = 8501,
    address: Annotated[
        str,
        typer.Option(
            "--address",
            envvar="ROOTSPAN_DASHBOARD_ADDRESS",
            help="On which address. There is no sign-in yet: keep it local, or behind a proxy that has one.",
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve the dashboard: the fleet, its root causes, its traces.

    It only reads the store. Stops on Ctrl-C or SIGTERM.
    """
    with needing("dashboard", "streamlit", "plotly"):
        from rootspan_dashboard import DashboardSettings, command, environment
    settings = DashboardSettings(store=store, port=port, address=address)
    print(f"dashboard at {settings.url}", flush=True)
    status = _run(command(settings), environment(settings))
    if status:
        raise BadAnswer(f"the dashboard ended with exit status {status}; what it said last stands above")


def _run(arguments: list[str], variables: dict[str, str]) -> int:
    """Run it as a child, since this process may have a lifeline to watch; hand on what stops it."""
    child = subprocess.Popen(arguments, env=variables)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.terminate())
    status = child.wait()
    return 0 if status in (0, -signal.SIGTERM, -signal.SIGINT) else status
