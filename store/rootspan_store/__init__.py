"""ClickHouse for rootspan: schema, client, and the embedded engine behind ClickHouse's HTTP interface."""

from typing import TYPE_CHECKING

from rootspan_store.client import StoreUrl, connect, store_errors, wait_ready
from rootspan_store.errors import StoreError, StoreRejected, StoreUnreachable
from rootspan_store.schema import migrate, render
from rootspan_store.settings import RetentionSettings, StoreSettings

if TYPE_CHECKING:
    from rootspan_store.embedded.server import serve

__all__ = [
    "RetentionSettings",
    "StoreError",
    "StoreRejected",
    "StoreSettings",
    "StoreUnreachable",
    "StoreUrl",
    "connect",
    "migrate",
    "render",
    "serve",
    "store_errors",
    "wait_ready",
]


def __getattr__(name: str) -> object:
    # The embedded engine needs chdb, which a client of a ClickHouse server does not install.
    if name == "serve":
        from rootspan_store.embedded.server import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
