"""One chDB handle: a session of the engine with its role, limits, database and settings.

Owns the chDB calls; everything else in the package goes through here. A handle serves one request at a time;
`Engine` (engine.py) lends them out.
"""

import re
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

from chdb.state.sqlitelike import Connection

from rootspan_store.errors import EngineError

__all__ = ["Handle", "Insertion", "Produced", "quote_identifier", "quote_string"]

_CODE = re.compile(r"Code: (\d+)\. DB::\w*Exception: ")


def quote_string(text: str) -> str:
    """Write `text` as a ClickHouse string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def quote_identifier(name: str) -> str:
    """Write `name` as a ClickHouse identifier."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`").replace("\0", "\\0")
    return f"`{escaped}`"


def _raise_engine_error(error: Exception) -> NoReturn:
    text = str(error)
    match = _CODE.search(text)
    if match is None:
        # 1001 is ClickHouse's STD_EXCEPTION: an error without a code of its own.
        raise EngineError(1001, f"Code: 1001. DB::Exception: {text}. (STD_EXCEPTION)") from error
    raise EngineError(int(match[1]), text[match.start() :]) from error


@dataclass(frozen=True, slots=True)
class Produced:
    """One piece of a result.

    Attributes:
        data: The bytes, valid as long as this object lives.
        rows_read: Rows read for it; bytes_read likewise.
        owner: Keeps the engine's memory below `data` alive.
    """

    data: memoryview
    rows_read: int
    bytes_read: int
    owner: object

    @classmethod
    def nothing(cls) -> "Produced":
        """Return an empty piece."""
        return cls(memoryview(b""), 0, 0, None)


def _produced(result: Any) -> Produced:
    view = memoryview(result.get_memview().view()) if result.size() else memoryview(b"")
    return Produced(view.cast("B"), result.rows_read(), result.bytes_read(), result)


class Insertion:
    """A running INSERT: append bytes, then finish. Leaving the `with` block early cancels it."""

    def __init__(self, inserter: Any) -> None:
        self._inserter = inserter

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            self._inserter.cancel()
        except RuntimeError as failure:
            if error is None:
                _raise_engine_error(failure)

    def append(self, data: bytes) -> None:
        """Hand over the next bytes of the rows.

        Raises:
            EngineError: The engine refused what it has parsed so far.
        """
        try:
            self._inserter.append(data)
        except RuntimeError as error:
            _raise_engine_error(error)

    def finish(self) -> tuple[int, int]:
        """Commit; return rows and bytes written, views' targets included.

        Raises:
            EngineError: The rows were refused.
        """
        try:
            result = self._inserter.finish()
        except RuntimeError as error:
            _raise_engine_error(error)
        return result.rows_written, result.bytes_written


class Handle:
    """A chDB connection with its role and limits set. Not safe for use by two threads at a time."""

    def __init__(self, dsn: str, *, name: str, role: str, base: Mapping[str, str], readonly: bool) -> None:
        """Open a handle.

        Args:
            dsn: What `chdb.connect` takes.
            name: Unique; stands as `log_comment` on everything this handle runs, so that it can be killed.
            role: The engine's role that it takes on.
            base: Settings that hold whenever a request does not change them.
            readonly: Whether to end by `SET readonly = 2`, which cannot be taken back.

        Raises:
            EngineError: The engine refused to start or to take a setting.
        """
        self.name = name
        self.broken = False
        self._database = ""
        self._base = {**base, "log_comment": name}
        self._dirty: set[str] = set()
        try:
            self._connection: Any = Connection(dsn)
        except RuntimeError as error:
            _raise_engine_error(error)
        self.execute(f"SET ROLE {quote_identifier(role)}")
        self.set(self._base)
        self._dirty.clear()
        if readonly:
            self.execute("SET readonly = 2")

    def close(self) -> None:
        """Close the connection; what runs on it is cancelled. Safe to repeat."""
        self._connection.close()

    def use(self, database: str) -> None:
        """Make `database` the current one."""
        if database != self._database:
            self.execute(f"USE {quote_identifier(database)}")
            self._database = database

    def set(self, settings: Mapping[str, str]) -> None:
        """Set settings until `reset`. Names and values are quoted, so they can hold anything."""
        if settings:
            pairs = ", ".join(
                f"{quote_identifier(name)} = {quote_string(value)}" for name, value in settings.items()
            )
            self._dirty.update(settings)
            self.execute(f"SET {pairs}")

    def execute_set(self, names: tuple[str, ...], statement: str) -> None:
        """Run a client's SET statement, which sets `names`, until `reset`."""
        self._dirty.update(names)
        self.execute(statement)

    def reset(self) -> None:
        """Undo `set`. A handle that cannot be reset is marked broken instead of raising."""
        if not self._dirty:
            return
        values = {name: quote_string(self._base[name]) for name in self._dirty if name in self._base}
        pairs = ", ".join(f"{quote_identifier(n)} = {values.get(n, 'DEFAULT')}" for n in sorted(self._dirty))
        self._dirty.clear()
        try:
            self.execute(f"SET {pairs}")
        except EngineError:
            self.broken = True

    def execute(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        try:
            self._connection.query(sql, "Null")
        except (RuntimeError, ValueError) as error:
            _raise_engine_error(error)

    def query(self, sql: str, output_format: str, params: Mapping[str, str]) -> Produced:
        """Run a statement and return its whole result in `output_format`, unless it names another."""
        try:
            return _produced(self._connection.query(sql, output_format, dict(params)))
        except (RuntimeError, ValueError) as error:
            _raise_engine_error(error)

    def stream(
        self, sql: str, output_format: str, params: Mapping[str, str]
    ) -> Generator[Produced, None, None]:
        """Run a SELECT and yield its result piece by piece.

        Closing the iterator early cancels the query; the handle is broken then, as it is after an error.
        """
        ended = False
        stream: Any = None
        try:
            stream = self._connection.send_query(sql, output_format, dict(params))
            while (piece := stream.fetch()) is not None:
                yield _produced(piece)
            ended = True
        except (RuntimeError, ValueError) as error:
            _raise_engine_error(error)
        finally:
            if not ended:
                self.broken = True
                if stream is not None:
                    with suppress(RuntimeError):
                        stream.cancel()

    def insert(self, target: str, input_format: str) -> Insertion:
        """Begin an INSERT whose rows follow as bytes; `target` is the statement without FORMAT."""
        try:
            return Insertion(self._connection.send_insert(target, input_format))
        except (RuntimeError, ValueError) as error:
            _raise_engine_error(error)
