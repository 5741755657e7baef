"""The command line as a whole: its commands, and what becomes of their errors.

Owns exit statuses and the one line on stderr. What a command does is in `rootspan_cli.commands`.
"""

import inspect
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from rootspan_cli import commands
from rootspan_cli.errors import CliError, one_line, wrong_use_of
from rootspan_cli.help import examples
from rootspan_cli.processes.supervisor import PartFailed

__all__ = ["build_app", "run"]

_INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C ended."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"rootspan {version('rootspan')}")
        raise typer.Exit


def _root(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Why is it slow or broken, and where? Tracing and root cause for GPU fleets.

    [bold]demo[/] shows all of it in two minutes. [bold]up[/] starts it on this machine, [bold]why[/] answers
    the question, [bold]doctor[/] tells whether all telemetry is accounted for.

    Every flag can be set by an environment variable, which each command's --help names.
    """


def _help(function: Callable[..., None]) -> str:
    """A docstring with each paragraph on one line, so that the terminal alone decides where it breaks."""
    return "\n\n".join(" ".join(one.split()) for one in (inspect.getdoc(function) or "").split("\n\n"))


def build_app() -> typer.Typer:
    """All commands. Imports none of the parts that they start."""
    app = typer.Typer(
        name="rootspan",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=examples(
            ("rootspan demo --fault slow-gpu", "a simulated fleet, a planted fault, the answer"),
            ("rootspan up", "store, collector and dashboard on this machine"),
            ("rootspan why --last 15m", "what is wrong right now"),
        ),
    )
    app.callback(help=_help(_root))(_root)
    for panel, modules in commands.PANELS.items():
        for module in modules:
            name = module.__name__.rpartition(".")[2]
            function = getattr(module, name)
            command = app.command(
                name=name.rstrip("_"), help=_help(function), epilog=module.EPILOG, rich_help_panel=panel
            )
            command(function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Returns the exit status: 0 done, 1 the answer is bad, 2 it could not run."""
    # clickhouse-connect also logs what it raises, without a handler to stderr: one line is enough.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    name = f"rootspan {arguments[0]}" if arguments and not arguments[0].startswith("-") else "rootspan"
    try:
        status = build_app()(args=list(arguments), prog_name="rootspan", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read this is gone (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as err:
        status = _tell(err, name)
        if status is None:
            raise
        return status


def _tell(error: Exception, name: str) -> int | None:
    """One line on stderr for an error that was raised on purpose; the exit status, None for a defect."""
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "rootspan"
        said = one_line(error.format_message()).rstrip(".")
        if said:  # nothing is said of a missing command: the help was printed instead
            print(f"{path}: {said}; see `{path} --help`", file=sys.stderr)
        return error.exit_code
    told = error if isinstance(error, CliError) else wrong_use_of(error)
    if told is None:
        return None
    log = told.last_lines if isinstance(told, PartFailed) else ()
    print(f"{name}: {told}", *(f"  | {line}" for line in log), sep="\n", file=sys.stderr)
    return told.exit_status
