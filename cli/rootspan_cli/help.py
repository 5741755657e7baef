"""The words that all commands' help shares: examples, and options that mean the same everywhere. Pure."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

__all__ = [
    "DEFAULT_COLLECTOR",
    "DEFAULT_STORE",
    "CaOption",
    "CollectorOption",
    "JsonOption",
    "StoreOption",
    "StoresOption",
    "TokenOption",
    "examples",
]

# What rich would read as markup in a command line. A bracket before a digit or a quote is left alone by it.
_TAG: Final = re.compile(r"\[(?=[a-z#/@])")
_ESCAPED: Final = r"\\["

DEFAULT_STORE = "http://127.0.0.1:8123/otel"
DEFAULT_COLLECTOR = "127.0.0.1:4317"

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="ROOTSPAN_STORE",
        metavar="URL",
        help="ClickHouse: http(s)://\\[user:password@]host:port/database.",
    ),
]
StoresOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="ROOTSPAN_STORE",
        metavar="URL",
        help="ClickHouse: http(s)://\\[user:password@]host:port/database; or several: eu=URL,us=URL.",
    ),
]
CollectorOption = Annotated[
    str,
    typer.Option(
        "--collector",
        envvar="ROOTSPAN_COLLECTOR",
        metavar="HOST:PORT",
        help="The collector's OTLP/gRPC address.",
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="ROOTSPAN_COLLECTOR_TOKEN", help="Bearer token, where the collector asks for one."
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar="ROOTSPAN_COLLECTOR_CA",
        help="PEM authority of the collector's certificate, where it speaks TLS.",
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", envvar="ROOTSPAN_JSON", help="One JSON object on stdout, and nothing else."),
]


def examples(*lines: tuple[str, str]) -> str:
    """Command lines with what they are for, as the end of a help text."""
    shown = (f"  [dim]# {why}[/]\n  {_TAG.sub(_ESCAPED, command)}" for command, why in lines)
    return "\n".join(("[bold]Examples[/]", *shown))
