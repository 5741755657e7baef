"""An in-process chDB with rootspan's schema, filled from packs: what the root-cause bench and tests read.

Owns loading and the one call that the engine needs of a client. It is the same engine and the same statements
as the store process, without the HTTP hop.
"""

import gzip
import struct
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from chdb.state.sqlitelike import Connection

from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.schema import load_migrations
from rootspan_store.settings import RetentionSettings
from rootspan_store.whole_views import WHOLE_VIEWS, view_statement

__all__ = ["EmbeddedStore"]

_SEGMENT_BYTES = 32 * 1024 * 1024
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


class EmbeddedStore:
    """A database in a folder (or in memory). Not safe for several processes; one question at a time."""

    def __init__(self, folder: Path | None = None, *, database: str = "otel") -> None:
        self._connection = Connection(":memory:" if folder is None else str(folder))
        self._lock = threading.Lock()
        self._run(f"CREATE DATABASE IF NOT EXISTS {database}")
        self._run(f"USE {database}")
        for migration in load_migrations():
            for statement in migration.statements:
                self._run(statement)
        for view in WHOLE_VIEWS:
            self._run(view_statement(view, RetentionSettings()))

    def close(self) -> None:
        """Close the database; safe to repeat."""
        self._connection.close()

    def load(self, pack: Path) -> None:
        """Insert all signals of a pack."""
        for signal in Signal:
            path = pack / f"{signal.value}.otlp.gz"
            if path.exists():
                self._load(path, signal)

    def _load(self, path: Path, signal: Signal) -> None:
        number, held = 0, bytearray()
        with gzip.open(path) as stream:
            while header := stream.read(4):
                payload = stream.read(struct.unpack(">I", header)[0])
                held += frame_prefix(len(payload)) + payload
                if len(held) >= _SEGMENT_BYTES:
                    self.insert(signal, bytes(held), f"{path}-{number}")
                    number, held = number + 1, bytearray()
        if held:
            self.insert(signal, bytes(held), f"{path}-{number}")

    def insert(self, signal: Signal, frames: bytes, token: str) -> None:
        """Insert length-prefixed export requests."""
        settings = insert_settings(signal, token)
        with self._lock:
            for name, value in settings.items():
                text = value.replace("\\", "\\\\").replace("'", "\\'")
                self._run(f"SET {name} = '{text}'")
            inserter = self._connection.send_insert(f"INSERT INTO {landing_table(signal)}", "Protobuf")
            inserter.append(frames)
            inserter.finish()

    def query_arrow(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """As clickhouse-connect's `Client.query_arrow`: server-side parameters `{name:Type}`."""
        bound = {name: _bind(value, top=True) for name, value in (parameters or {}).items()}
        ending = ", ".join(f"{name} = {value!r}" for name, value in (settings or {}).items())
        sql = f"{query}\nSETTINGS {ending}" if ending else query
        with self._lock:
            result = self._connection.query(sql, "ArrowStream", bound)
        data = result.bytes()
        if not data:
            return pa.table({})
        return pa.ipc.open_stream(data).read_all()

    def raw_insert(
        self,
        table: str,
        column_names: Sequence[str] | None = None,
        insert_block: bytes | None = None,
        *,
        fmt: str | None = None,
    ) -> None:
        """As clickhouse-connect's `Client.raw_insert`: a block of bytes in the given format."""
        columns = f" ({', '.join(column_names)})" if column_names else ""
        with self._lock:
            inserter = self._connection.send_insert(f"INSERT INTO {table}{columns}", fmt or "Native")
            inserter.append(insert_block or b"")
            inserter.finish()

    def execute(self, sql: str) -> None:
        """Run a statement without an answer."""
        with self._lock:
            self._run(sql)

    def _run(self, sql: str) -> None:
        self._connection.query(sql, "Null")


def _bind(value: object, *, top: bool) -> str:
    if isinstance(value, str):
        if top:
            return value.translate(_ESCAPES)
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_bind(one, top=False) for one in value) + "]"
    return str(value)
