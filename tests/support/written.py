"""An embedded store that can also be written to, as the watcher does through a client."""

from __future__ import annotations

from collections.abc import Sequence

from bench.embedded import EmbeddedStore

__all__ = ["WritableStore"]


class WritableStore(EmbeddedStore):
    """`raw_insert` as clickhouse-connect's client has it."""

    def raw_insert(
        self,
        table: str,
        column_names: Sequence[str] | None = None,
        insert_block: bytes | None = None,
        *,
        fmt: str | None = None,
    ) -> None:
        columns = f" ({', '.join(column_names)})" if column_names else ""
        with self._lock:
            inserter = self._connection.send_insert(f"INSERT INTO {table}{columns}", fmt or "Native")
            inserter.append(insert_block or b"")
            inserter.finish()
