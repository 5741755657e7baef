"""The window of time that a question is about, as flags and variables name it."""

import time
from typing import Annotated

import typer

from rootspan_cli.errors import WrongUse
from rootspan_cli.times import parse_duration_ns, parse_time_ns

__all__ = ["FromOption", "LastOption", "ToOption", "asked_window"]

LastOption = Annotated[
    str | None,
    typer.Option("--last", envvar="ROOTSPAN_LAST", metavar="DURATION", help="Until now: 15m, 2h, 7d."),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        envvar="ROOTSPAN_FROM",
        metavar="TIME",
        help="Begin: RFC 3339, unix nanoseconds, or 2h ago as 2h.",
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", envvar="ROOTSPAN_TO", metavar="TIME", help="End, likewise. Default: now."),
]


def asked_window(
    context: typer.Context, last: str | None, begin: str | None, end: str | None, *, default_last: str
) -> tuple[int, int]:
    """Unix nanoseconds from and to, out of `--last` or of `--from` and `--to`; else the last `default_last`.

    A flag wins over a variable, also where they name the window in different ways.

    Raises:
        WrongUse: Both are given, `--to` alone is, or a time is malformed.
    """
    if _is_variable(context, "last") and (begin or end) and not _is_variable(context, "begin"):
        last = None
    elif last is not None and _is_variable(context, "begin"):
        begin = end = None
    now_ns = time.time_ns()
    if begin is None and end is None:
        return now_ns - parse_duration_ns(last or default_last), now_ns
    if last is not None:
        raise WrongUse("--last and --from/--to both name a window; give one of them")
    if begin is None:
        raise WrongUse("--to names the end of a window only; give --from too")
    return (
        parse_time_ns(begin, now_ns=now_ns),
        now_ns if end is None else parse_time_ns(end, now_ns=now_ns),
    )


def _is_variable(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "ENVIRONMENT"
