"""`rootspan store`: the embedded ClickHouse in the foreground."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from rootspan_cli.extras import needing
from rootspan_cli.help import examples

__all__ = ["EPILOG", "store"]

EPILOG = examples(
    ("rootspan store --data ./telemetry", "keep everything under ./telemetry"),
    ("rootspan store --http 127.0.0.1:9123", "listen elsewhere"),
    ("curl 127.0.0.1:8123 --data 'SELECT 1'", "any ClickHouse HTTP client works"),
)


def store(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", envvar="ROOTSPAN_STORE_DATA", help="Folder of the database. Default: rootspan-data."
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            "--http",
            envvar="ROOTSPAN_STORE_HTTP",
            metavar="HOST:PORT",
            help="Where to listen. Default: 127.0.0.1:8123.",
        ),
    ] = None,
) -> None:
    """Run the embedded ClickHouse behind ClickHouse's own HTTP interface.

    One process a data folder. Further settings, such as users and limits, are ROOTSPAN_STORE_* variables.
    Stops on Ctrl-C or SIGTERM after the requests in flight.
    """
    with needing("store", "chdb"):
        from rootspan_store.embedded.server import serve
        from rootspan_store.settings import StoreSettings
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = {name: value for name, value in (("data", data), ("http", http)) if value is not None}
    serve(StoreSettings(**given), on_ready=lambda url: print(f"store ready at {url}", flush=True))  # type: ignore[arg-type]
