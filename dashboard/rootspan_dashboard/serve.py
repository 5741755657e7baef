"""Serves the dashboard: Streamlit's app around app.py, configured by arguments alone.

Writes nothing to the user's home: no credentials, no usage statistics, no `.streamlit` folder. Secrets reach
Streamlit within the process, never by a file or a command line that other users can read.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NoReturn

from rootspan_dashboard.settings import DashboardSettings

if TYPE_CHECKING:
    from streamlit.starlette import App

    from rootspan_dashboard.access.settings import SignInSettings

__all__ = ["configuration", "environment", "is_exposed", "serve"]

LOCAL: Final = ("127.0.0.1", "::1", "localhost")


def configuration(settings: DashboardSettings) -> dict[str, object]:
    """Streamlit's options."""
    package = files("rootspan_dashboard")
    return {
        "server.headless": True,
        "server.port": settings.port,
        "server.address": settings.address,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": settings.address,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showSidebarNavigation": False,
        "runner.magicEnabled": False,
        "logger.level": "warning",
        "theme.base": str(package.joinpath("assets", "theme.toml")),
    }


def environment(settings: DashboardSettings) -> dict[str, str]:
    """The settings that the pages read, by name."""
    return {
        "ROOTSPAN_STORE": settings.store,
        "ROOTSPAN_DASHBOARD_QUERY_TIMEOUT_S": f"{settings.query_timeout_s:g}",
        "ROOTSPAN_DASHBOARD_GPU_HOUR_PRICE": f"{settings.gpu_hour_price:g}",
        "ROOTSPAN_DASHBOARD_CURRENCY": settings.currency,
    }


def is_exposed(settings: DashboardSettings, sign_in: "SignInSettings") -> bool:
    """Whether people on other machines see the dashboard without signing in."""
    return settings.address not in LOCAL and not sign_in.required


def serve(settings: DashboardSettings, sign_in: "SignInSettings") -> None:
    """Serve until SIGTERM or SIGINT. To be called in the main thread, once a process.

    Raises:
        SystemExit: It was stopped, with status 0; or the port is taken.
    """
    from starlette.middleware import Middleware
    from starlette.routing import Route
    from streamlit.starlette import App

    from rootspan_dashboard.access.return_path import ReturnPath
    from rootspan_dashboard.components.plot import LIBRARY_PATH, serve_library
    from rootspan_dashboard.heap import keep_heap_small
    from rootspan_dashboard.opening.documents import PageDocuments

    keep_heap_small()

    script = files("rootspan_dashboard").joinpath("app.py")
    os.environ.update(environment(settings))
    app = App(
        str(script),
        secrets=sign_in.streamlit_secrets(settings.url) or None,  # type: ignore[arg-type]
        lifespan=_warm,
        routes=[Route(LIBRARY_PATH, serve_library)],
        middleware=[Middleware(ReturnPath), Middleware(PageDocuments, signs_in=sign_in.required)],
    )
    # Streamlit takes the folder of its main script from here, and puts it first on the module path.
    sys.argv = [str(script)]
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server stops in its own way, and then raises the signal again for whoever was there before.
        signal.signal(number, _end)
    app.run(config=configuration(settings))


def _end(*_: object) -> NoReturn:
    sys.exit(0)


@asynccontextmanager
async def _warm(_: "App") -> AsyncIterator[None]:
    """Import what the first viewer would wait for."""
    from rootspan_dashboard import pages  # noqa: F401

    yield
