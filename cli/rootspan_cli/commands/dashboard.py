"""`rootspan dashboard`: the pages, served until stopped."""

from typing import Annotated

import typer

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
            help="On which address. Beyond this machine people should sign in: docs/dashboard.md.",
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve the dashboard: the fleet, its root causes, its traces.

    It reads the store; only what an operator records is written. People sign in by OpenID Connect when
    ROOTSPAN_OIDC_ISSUER and its companions are set. Stops on Ctrl-C or SIGTERM.
    """
    with needing("dashboard", "streamlit", "authlib"):
        from rootspan_dashboard import DashboardSettings, SignInSettings, is_exposed, serve
    settings, sign_in = DashboardSettings(store=store, port=port, address=address), SignInSettings()
    print(f"dashboard at {settings.url}", flush=True)
    if is_exposed(settings, sign_in):
        print(f"warning: anybody who reaches {settings.address} sees it; see docs/dashboard.md, Sign-in")
    serve(settings, sign_in)
