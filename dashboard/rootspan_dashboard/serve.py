"""Runs the dashboard: `streamlit run` on app.py in this process's place, configured by flags alone.

Writes nothing to the user's home: no credentials, no usage statistics, no `.streamlit` folder. The store's
URL may hold a password, so it goes by the environment and never onto a command line that every user can read.
"""

import os
import sys
from importlib.resources import files
from typing import NoReturn

from rootspan_dashboard.settings import DashboardSettings

__all__ = ["command", "environment", "serve"]


def command(settings: DashboardSettings) -> list[str]:
    """The argument vector that runs the dashboard."""
    package = files("rootspan_dashboard")
    flags = {
        "server.headless": "true",
        "server.port": str(settings.port),
        "server.address": settings.address,
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": settings.address,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showSidebarNavigation": "false",
        "runner.magicEnabled": "false",
        "logger.level": "warning",
        "theme.base": str(package.joinpath("assets", "theme.toml")),
    }
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    return [sys.executable, "-m", "streamlit", "run", str(package.joinpath("app.py")), *arguments]


def environment(settings: DashboardSettings) -> dict[str, str]:
    """The environment to run it in: this process's, and the settings."""
    return {
        **os.environ,
        "ROOTSPAN_STORE": settings.store,
        "ROOTSPAN_DASHBOARD_QUERY_TIMEOUT_S": f"{settings.query_timeout_s:g}",
        "ROOTSPAN_DASHBOARD_GPU_HOUR_PRICE": f"{settings.gpu_hour_price:g}",
        "ROOTSPAN_DASHBOARD_CURRENCY": settings.currency,
    }


def serve(settings: DashboardSettings) -> NoReturn:
    """Become the dashboard: this process is replaced by Streamlit's, which ends with 0 on SIGTERM and SIGINT.

    Nothing after this call runs, no `atexit` and no `finally`; whoever must go on calls it in a process of
    its own.
    So there is one process to signal and to kill, and none that outlives its parent.

    Raises:
        OSError: The interpreter cannot be run.
    """
    arguments = command(settings)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(arguments[0], arguments, environment(settings))
