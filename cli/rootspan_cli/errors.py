"""How a command ends when it does not end well: two errors, one for each exit status.

Owns the translation of the other packages' errors into them. Prints nothing.
"""

import re
import sys
from typing import Final

__all__ = ["BadAnswer", "CliError", "WrongUse", "one_line", "words_of", "wrong_use_of"]

_PACKAGE_ERRORS: Final = (
    ("rootspan_store.errors", "StoreError"),
    ("rootspan_collector.errors", "CollectorError"),
    ("rootspan_analysis.errors", "AnalysisError"),
    ("rootspan_dashboard.errors", "DashboardError"),
    ("rootspan_demo.errors", "DemoError"),
    ("rootspan_agent.errors", "AgentError"),
    ("rootspan.errors", "RootspanError"),
)
"""Base errors of the packages. A package that raised is imported, so none has to be imported to ask."""

_CONNECTION_POOL: Final = re.compile(
    r"Error HTTPS?ConnectionPool\(.*\[Errno -?\d+\] ([\w ]+).*\) executing HTTP request attempt \d+ \([^)]*\)"
)
"""How clickhouse-connect words a connection that failed: the pool, the URL and three nested exceptions."""


class CliError(Exception):
    """Base of everything that a command raises on purpose; its text is one line for a person."""

    exit_status: int = 2


class WrongUse(CliError):  # noqa: N818 - named for what happened
    """The command could not run: a flag, a file or the surroundings must change first. Exit status 2."""


class BadAnswer(CliError):  # noqa: N818 - named for what happened
    """The command ran and its answer is bad. Exit status 1."""

    exit_status = 1


def wrong_use_of(error: BaseException) -> WrongUse | None:
    """What to tell a person of an error that another package raised on purpose; None if it is a defect."""
    if isinstance(error, CliError):
        return None
    for module_name, class_name in _PACKAGE_ERRORS:
        base = getattr(sys.modules.get(module_name), class_name, None)
        if isinstance(base, type) and isinstance(error, base):
            return WrongUse(words_of(error))
    invalid = getattr(sys.modules.get("pydantic"), "ValidationError", None)
    if isinstance(invalid, type) and isinstance(error, invalid):
        return WrongUse(_of_settings(error))
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
        return WrongUse(f"{error.filename}: {error.strerror}")
    return None


def words_of(error: BaseException) -> str:
    """An error's text in one line. Of a failed connection only what the system said is left."""
    return _CONNECTION_POOL.sub(r"\1", one_line(str(error)))


def one_line(text: str) -> str:
    """The text with every run of white space turned into one space."""
    return " ".join(text.split())


def _of_settings(error: BaseException) -> str:
    """The first complaint of a settings class, with the name of the setting."""
    complaints: list[dict[str, object]] = getattr(error, "errors", list)()
    if not complaints:
        return one_line(str(error))
    first = complaints[0]
    location = first.get("loc", ())
    where = (
        ".".join(str(part) for part in location) + ": " if isinstance(location, tuple) and location else ""
    )
    said = str(first.get("msg", "")).removeprefix("Value error, ")
    value = first.get("input")
    # A whole model as input says nothing to a person, and could hold a password.
    given = f" (given: {value!r})" if isinstance(value, str | int | float) and location else ""
    more = f"; and {len(complaints) - 1} more" if len(complaints) > 1 else ""
    return one_line(f"{where}{said}{given}{more}")
