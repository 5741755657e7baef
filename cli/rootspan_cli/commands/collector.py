"""`rootspan collector`: OTLP in, ClickHouse out, with a write-ahead log between."""

import json
import logging
import os
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from rootspan_cli.errors import WrongUse
from rootspan_cli.extras import needing
from rootspan_cli.help import examples

__all__ = ["EPILOG", "collector"]

EPILOG = examples(
    ("rootspan collector", "127.0.0.1:4317, into the store on this machine"),
    ("rootspan collector --grpc 0.0.0.0:4317 --tenants tenants.toml", "for a fleet, with tokens"),
    ("rootspan collector --workers 4", "four processes behind the same ports"),
    ("rootspan collector --config collector.toml --check", "is the file right?"),
)


def collector(
    *,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            envvar="ROOTSPAN_STORE",
            metavar="URL",
            help="ClickHouse: http(s)://\\[user:password@]host:port/database. It may be down at the start.",
        ),
    ] = None,
    grpc: Annotated[
        str | None,
        typer.Option(
            "--grpc",
            envvar="ROOTSPAN_COLLECTOR_GRPC",
            metavar="HOST:PORT",
            help="Where to take OTLP/gRPC. Default: 127.0.0.1:4317.",
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            "--http",
            envvar="ROOTSPAN_COLLECTOR_HTTP",
            metavar="HOST:PORT",
            help="Where to take OTLP/HTTP and show /metrics; empty: nowhere. Default: 127.0.0.1:4318.",
        ),
    ] = None,
    tenants: Annotated[
        Path | None,
        typer.Option(
            "--tenants",
            envvar="ROOTSPAN_COLLECTOR_TENANTS",
            help="TOML file of tenants: tokens, certificates, quotas. Senders must then say who they are.",
        ),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            "--regions",
            envvar="ROOTSPAN_COLLECTOR_REGIONS",
            help="TOML file of regions: data goes to the store of its cloud.region, and to no other.",
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            envvar="ROOTSPAN_COLLECTOR_INSECURE",
            help="Listen beyond this machine without knowing who sends.",
        ),
    ] = False,
    wal: Annotated[
        Path | None,
        typer.Option(
            "--wal",
            envvar="ROOTSPAN_COLLECTOR_WAL",
            help="Folder of the write-ahead log, one collector each. Default: rootspan-data/wal.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            envvar="ROOTSPAN_COLLECTOR_WORKERS",
            min=1,
            help="Processes that share the ports, for machines of many cores. Default: 1.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar="ROOTSPAN_COLLECTOR_CONFIG",
            help="TOML file of settings by name (wal_max_bytes = …). Flags and variables win over it.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            envvar="ROOTSPAN_COLLECTOR_CHECK",
            help="Check the settings and the files they name, and end.",
        ),
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--print-schema",
            envvar="ROOTSPAN_COLLECTOR_PRINT_SCHEMA",
            help="Print the JSON schema of the settings, and end.",
        ),
    ] = False,
) -> None:
    """Take OTLP from services, keep it on disk, and insert it into ClickHouse.

    A sender is acknowledged only after fsync, so nothing acknowledged is lost when this process or the store
    dies. Further settings are ROOTSPAN_COLLECTOR_* and ROOTSPAN_WAL_* variables. Stops on Ctrl-C or SIGTERM
    after it has stored what is pending, as far as that works within its grace time.
    """
    with needing("collector"):
        from rootspan_collector.server import Listening, check_settings, serve
        from rootspan_collector.settings import load_settings, settings_schema
    if schema:
        print(json.dumps(settings_schema(), indent=2, ensure_ascii=False))
        return
    given = _settings_of(config) if config is not None else {}
    flags = {
        "store": store,
        "collector_grpc": grpc,
        "collector_http": http,
        "collector_tenants": tenants,
        "collector_regions": regions,
        "collector_insecure": insecure or None,
        "collector_wal": wal,
        "collector_workers": workers,
    }
    given |= {name: value for name, value in flags.items() if value is not None}
    settings = load_settings(**given)
    if check:
        check_settings(settings)
        print("the settings are right")
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def ready(started: Listening) -> None:
        print(f"collector ready at {started.grpc_address}", flush=True)

    serve(settings, on_ready=ready)


def _settings_of(path: Path) -> dict[str, object]:
    """Settings of a file, without those that the environment sets."""
    try:
        with open(path, "rb") as stream:
            content = tomllib.load(stream)
    except tomllib.TOMLDecodeError as err:
        raise WrongUse(f"{path} is no TOML: {err}") from err
    return {name: value for name, value in content.items() if f"ROOTSPAN_{name.upper()}" not in os.environ}
