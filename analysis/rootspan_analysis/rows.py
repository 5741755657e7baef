"""Runs a subpackage's `.sql` files, and writes rows of rootspan's own tables.

Owns the Protocol of a client that reads and writes. Values are bound on the server, rows go as JSON lines.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Protocol

import pyarrow as pa

from rootspan_analysis.errors import StoreError
from rootspan_analysis.reader import Reader, Value, answer_of, cause_of

__all__ = ["Client", "rows_of", "run", "timestamp", "write"]


class Client(Reader, Protocol):
    """What one needs of a client who also writes; clickhouse-connect's `Client` has it."""

    def raw_insert(
        self,
        table: str,
        column_names: Sequence[str] | None = None,
        insert_block: bytes | None = None,
        *,
        fmt: str | None = None,
    ) -> object:
        """Insert a block of bytes of the given format."""


@cache
def _text(package: str, name: str) -> str:
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def run(client: Reader, package: str, name: str, parameters: Mapping[str, Value]) -> pa.Table:
    """Answer of `PACKAGE/sql/NAME.sql`.

    Raises:
        StoreError: The store refused the query, gave up or is not there.
    """
    return answer_of(client, f"{package.rpartition('.')[2]}/{name}", _text(package, name), parameters)


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """Rows as dictionaries; text is text, whichever way the engine sent it."""
    return [{name: _decoded(value) for name, value in row.items()} for row in table.to_pylist()]


def _decoded(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if isinstance(value, tuple):
        return tuple(_decoded(one) for one in value)
    return value


def write(client: Client, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows; none is no error. Returns when the store has them.

    Raises:
        StoreError: The store did not take them.
    """
    if not rows:
        return
    block = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    try:
        client.raw_insert(table, list(rows[0]), block, fmt="JSONEachRow")
    except Exception as error:
        raise StoreError(
            f"the store did not take rows of {table}: {cause_of(error)}; see `rootspan doctor`, "
            "and `rootspan migrate` for tables",
            statement=f"insert into {table}",
        ) from error


def timestamp(unix_ns: int) -> str:
    """A moment as ClickHouse reads a DateTime64(9) from JSON."""
    seconds, rest = divmod(unix_ns, 1_000_000_000)
    return f"{seconds:010d}.{rest:09d}"
