"""Brings a person back to the page that they asked for before they had to sign in.

Streamlit sends everybody to its start page after the sign-in; whoever opened a link to an incident wants that
incident. The address waits in a cookie of this site while the provider is at work.
"""

from typing import Final
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rootspan_dashboard.access.settings import CALLBACK

__all__ = ["ReturnPath", "wanted_path"]

COOKIE: Final = "rootspan_return"
LIFE_S: Final = 600
LONGEST: Final = 2_000
LOGIN: Final = "/auth/login"


def wanted_path(referer: str, host: str) -> str:
    """Path and query of the page that led to the sign-in; empty unless it is one of this site."""
    parts = urlsplit(referer)
    if parts.netloc != host or not parts.path.startswith("/") or parts.path.startswith("//"):
        return ""
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if len(path) <= LONGEST else parts.path


class ReturnPath:
    """ASGI middleware around Streamlit's routes of the sign-in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; note the page it came from, or lead back there."""
        if scope["type"] != "http" or scope["path"] not in (LOGIN, CALLBACK):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        leaving = scope["path"] == LOGIN
        noted = unquote(Request(scope).cookies.get(COOKIE, ""))
        wanted = wanted_path(headers.get("referer", ""), headers.get("host", ""))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                if leaving and wanted:
                    told.append("set-cookie", _cookie(quote(wanted, safe=""), LIFE_S))
                elif not leaving and noted.startswith("/") and noted[1:2] not in ("/", "\\"):
                    if told.get("location") == "/":
                        told["location"] = noted
                    told.append("set-cookie", _cookie("", 0))
            await send(message)

        await self._app(scope, receive, answer)


def _cookie(value: str, life_s: int) -> str:
    return f"{COOKIE}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax"
