"""Runs the engine's `.sql` files through the client it is given, and turns answers into columns.

Owns the seam to the store: one method of a client. Binds parameters on the server, never into text.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rootspan_analysis.errors import StoreError
from rootspan_store.macros import narrow_span

__all__ = [
    "Floats",
    "Ints",
    "Reader",
    "Strings",
    "Value",
    "answer_of",
    "cause_of",
    "complete",
    "fetch",
    "numbers",
    "statement",
    "strings",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strings = NDArray[np.object_]
Value = int | float | str | list[str] | list[int]
_CAUSE_CHARS: Final = 300
_TEMPLATE: Final = "${log_template}"
# ClickHouse's UNKNOWN_TABLE and UNKNOWN_DATABASE, however a client words them.
_NO_SUCH_TABLE: Final = re.compile(r"\bcode:? (60|81)\b", re.IGNORECASE)


class Reader(Protocol):
    """What the engine needs of a client; clickhouse-connect's `Client` has it."""

    def query_arrow(self, query: str, parameters: dict[str, Value] | None = None) -> pa.Table:
        """Run a SELECT with server-side parameters (`{name:Type}`)."""


@cache
def statement(name: str) -> str:
    """Text of `sql/NAME.sql`."""
    return files("rootspan_analysis").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def complete(name: str) -> str:
    """Text of `sql/NAME.sql` with the parts that statements share filled in."""
    text = statement(name)
    if _TEMPLATE not in text:
        return text
    part = "\n".join(line for line in statement("log_template").splitlines() if not line.startswith("--"))
    return text.replace(_TEMPLATE, part)


def fetch(client: Reader, name: str, parameters: Mapping[str, Value]) -> pa.Table:
    """Answer of `sql/NAME.sql`.

    Raises:
        StoreError: The store refused the query, gave up or is not there.
    """
    # Left out rather than made always true: the engine would look every trace id up in an empty set, which
    # doubles the time of a question.
    only = statement("only_service") if parameters.get("service") else ""
    if not parameters.get("job"):
        only += "AND JobId = ''"  # steps of training jobs are no requests; the training half reads them
    text = complete(name).replace("${only_service}", only).replace("${spans}", spans_source(parameters))
    return answer_of(client, name, text, parameters)


def spans_source(parameters: Mapping[str, Value]) -> str:
    """Where spans are read from: one trace in eight where that many are wanted at most, else all of them."""
    if parameters.get("sampled"):
        return "(SELECT * FROM otel_spans_sampled WHERE Level >= {level:UInt8})"
    return f"(SELECT TraceId, {narrow_span()} FROM rootspan_spans)"


def answer_of(client: Reader, name: str, text: str, parameters: Mapping[str, Value]) -> pa.Table:
    """Run a statement.

    Args:
        name: What to call it in an error.
        text: The SQL, with `{name:Type}` for its parameters.

    Raises:
        StoreError: The store refused the query, gave up or is not there.
    """
    try:
        return client.query_arrow(text, dict(parameters))
    except Exception as error:  # every client has errors of its own; to the caller they are one decision
        cause = cause_of(error)
        raise StoreError(
            f"the store could not answer {name}.sql: {cause}; {_next_step(cause)}", statement=name
        ) from error


def _next_step(cause: str) -> str:
    if _NO_SUCH_TABLE.search(cause):
        return "apply the schema with `rootspan migrate`"
    return "see `rootspan doctor`, or ask for a shorter window"


def cause_of(error: Exception) -> str:
    """A client's error in one line of bounded length."""
    return " ".join(str(error).split())[:_CAUSE_CHARS]


def numbers(table: pa.Table, column: str) -> Floats:
    """A numeric column; nulls become NaN."""
    return np.asarray(table.column(column).to_numpy(), dtype=np.float64)


def strings(table: pa.Table, column: str) -> Strings:
    """A text column."""
    values = table.column(column).to_pylist()
    found = np.empty(len(values), dtype=np.object_)
    found[:] = [one.decode() if isinstance(one, bytes) else one for one in values]
    return found
