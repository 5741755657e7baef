"""`python -m rootspan_dashboard`: serve the dashboard until stopped."""

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from rootspan_dashboard.access.settings import SignInSettings
from rootspan_dashboard.serve import serve
from rootspan_dashboard.settings import DashboardSettings
from rootspan_store.errors import StoreConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped, then exit with 0; returns 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m rootspan_dashboard", description="Serve the dashboard.")
    parser.add_argument("--store", help="http://[user:password@]host:port/database (ROOTSPAN_STORE)")
    parser.add_argument("--port", type=int, help="port to listen on (ROOTSPAN_DASHBOARD_PORT)")
    parser.add_argument("--address", help="address to listen on (ROOTSPAN_DASHBOARD_ADDRESS)")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    try:
        settings, sign_in = DashboardSettings(**given), SignInSettings()
    except (ValidationError, StoreConfigError) as err:
        reason = err.errors()[0]["msg"] if isinstance(err, ValidationError) else str(err)
        print(f"python -m rootspan_dashboard: {reason}", file=sys.stderr)
        return 2
    print(f"dashboard on {settings.url}", flush=True)
    serve(settings, sign_in)
    return 0


if __name__ == "__main__":
    sys.exit(main())
