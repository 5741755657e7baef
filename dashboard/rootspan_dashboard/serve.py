"""Runs the dashboard: `streamlit run` on app.py as a child process, configured by flags alone.

Writes nothing to the user's home: no credentials, no usage statistics, no `.streamlit` folder. The store's
URL may hold a password, so it goes by the environment and never onto a command line that every user can read.
"""

import os
import signal
import subprocess
import sys
import threading
from importlib.resources import files
from types import FrameType

from rootspan_dashboard.settings import DashboardSettings

__all__ = ["command", "environment", "serve"]

STOP_TIMEOUT_S = 10.0


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
    """The child's environment: this process's, and the settings."""
    return {
        **os.environ,
        "ROOTSPAN_STORE": settings.store,
        "ROOTSPAN_DASHBOARD_QUERY_TIMEOUT_S": f"{settings.query_timeout_s:g}",
    }


def serve(settings: DashboardSettings) -> int:
    """Run the dashboard until it ends, or until SIGTERM or SIGINT; return its exit status, 0 when asked to
    stop.

    Called outside the main thread it cannot see signals: end the child through its process group then.
    """
    child = subprocess.Popen(command(settings), env=environment(settings))
    asked: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if child.poll() is None:
            child.terminate()

    in_main = threading.current_thread() is threading.main_thread()
    previous = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)} if in_main else {}
    try:
        while child.poll() is None:
            try:
                child.wait(timeout=STOP_TIMEOUT_S if asked else None)
            except subprocess.TimeoutExpired:
                child.kill()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        for one, handler in previous.items():
            signal.signal(one, handler)
    return 0 if asked else child.returncode
