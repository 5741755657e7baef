"""Serves each page's document, and begins to ask the store what the page will show first.

A browser needs most of a second to start Streamlit's client, connect and have the page's script run; what
that asks first is known from the address. The answers lie where the script looks for them.
"""

from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rootspan_dashboard.components.plot import LIBRARY_PATH
from rootspan_dashboard.opening.document import build_document

__all__ = ["PageDocuments"]


class PageDocuments:
    """ASGI middleware that answers for the pages' paths, and passes all other requests on.

    Args:
        signs_in: Whether people have to sign in. Then nothing is asked before they are known to have.
    """

    def __init__(self, app: ASGIApp, *, signs_in: bool) -> None:
        self._app = app
        self._signs_in = signs_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a page."""
        # Here, since Streamlit's caches want its runtime to be there before the pages are imported.
        from rootspan_dashboard.pages import PAGES

        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        page = next((one for one in PAGES if scope["path"] == f"/{one.path}"), None)
        if page is None:
            await self._app(scope, receive, send)
            return
        answer = HTMLResponse(self._text, headers={"Cache-Control": "no-cache"})
        await answer(scope, receive, send)
        if not self._signs_in:
            # Only now: the threads that ask would hold up the document.
            from rootspan_dashboard.opening.early import ask_early

            query = Request(scope).query_params
            ask_early(page.opening, {name: query.getlist(name) for name in query})

    @cached_property
    def _text(self) -> str:
        from streamlit import file_util

        static = Path(file_util.get_static_dir())
        return build_document(static, more=[LIBRARY_PATH])
