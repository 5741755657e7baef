"""The engine of this process: starts chDB on a folder, reads statements, kills queries.

One engine a process, one process a folder (see lock.py). Readers cannot write, writers cannot reach files or
the network; which statement goes where is decided in service.py.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rootspan_store.embedded.config import READER_ROLE, WRITER_ROLE, write_config
from rootspan_store.embedded.pool import HandleFactory, Pool
from rootspan_store.embedded.statement import Statement, parse_canonical
from rootspan_store.errors import EngineError
from rootspan_store.settings import StoreSettings

__all__ = ["Engine"]

log = logging.getLogger("rootspan.store")

_CANONICAL = "SELECT formatQuerySingleLine({q:String}) FORMAT RawBLOB"
_OUR_SCOPE = ": In scope SELECT formatQuerySingleLine("
_CACHED_STATEMENTS = 512
_CACHED_STATEMENT_BYTES = 16 * 1024
_PARAM_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


class Engine:
    """chDB on one folder."""

    def __init__(self, settings: StoreSettings) -> None:
        """Start the engine; returns when it answers.

        Raises:
            EngineError: The folder cannot be opened or the configuration is refused.
        """
        self.settings = settings
        self._folder = Path(settings.data).resolve()
        config = write_config(settings, self._folder / "engine")
        dsn = f"{self._folder / 'clickhouse'}?config-file={config}"
        limits = {
            "max_execution_time": str(settings.max_execution_time_s),
            "max_memory_usage": str(settings.max_memory_usage_bytes),
            "max_result_rows": str(settings.max_result_rows),
            "max_result_bytes": str(settings.max_result_bytes),
        }
        # A query's text is sent twice over, as text and as a parameter: hence the room above the limit.
        both = {"max_query_size": str(settings.max_query_bytes)}
        self._open_reader = HandleFactory(dsn, role=READER_ROLE, base={**limits, **both}, readonly=True)
        self._open_writer = HandleFactory(dsn, role=WRITER_ROLE, base=both, readonly=False)
        self._forget_empty_default()
        # Opened first and closed last: chDB ends the engine with its last handle.
        self._control = self._open_writer("control")
        self._make_default_ordinary()
        self._control_lock = threading.Lock()
        self.readers = self._pool("reader", settings.readers, self._open_reader)
        self.writers = self._pool("writer", settings.writers, self._open_writer)
        self._parsers = self._pool("parser", 2, self._open_reader)
        self.version, self.timezone = self._ask("SELECT version(), timezone()").split("\t")
        self.known_settings = frozenset(self._ask("SELECT name FROM system.settings").split("\n"))
        self._statements: OrderedDict[str, Statement] = OrderedDict()

    def _pool(self, kind: str, size: int, factory: HandleFactory) -> Pool:
        handles = [factory(f"rootspan-{kind}-{number}") for number in range(size)]
        return Pool(handles, wait_s=self.settings.queue_timeout_s, open_handle=factory)

    def _forget_empty_default(self) -> None:
        # A database without tables has a definition but no folder, which chDB cannot open again.
        metadata = self._folder / "clickhouse" / "metadata"
        if not (metadata / "default").exists():
            (metadata / "default.sql").unlink(missing_ok=True)

    def _make_default_ordinary(self) -> None:
        """Make `default` a database like any other.

        chDB makes it an overlay of the files in its folder at every start, which reads paths as tables and
        lets nobody create one without access to files. Below may lie tables of an earlier start: they stay.
        """
        try:
            if (self._folder / "clickhouse" / "metadata" / "default.sql").exists():
                self._control.execute("DETACH DATABASE default")
                self._control.execute("ATTACH DATABASE default")
            elif not self._ask("SELECT name FROM system.tables WHERE database = 'default'"):
                self._control.execute("DROP DATABASE default")
                self._control.execute("CREATE DATABASE default ENGINE = Atomic")
        except EngineError as error:
            # Other databases are what the store is for.
            log.warning("the database `default` cannot be used for tables: %s", error)

    def _ask(self, sql: str) -> str:
        return bytes(self._control.query(sql, "TSV", {}).data).decode().rstrip("\n")

    def parse(self, sql: str) -> Statement:
        """Read one statement through ClickHouse's own parser. Equal texts are read once.

        Raises:
            EngineError: 62, it is not exactly one statement.
        """
        known = self._statements.get(sql)
        if known is not None:
            return known
        with self._parsers.lend() as handle:
            try:
                produced = handle.query(_CANONICAL, "RawBLOB", {"q": sql.translate(_PARAM_ESCAPES)})
            except EngineError as error:
                head, found, tail = error.text.partition(_OUR_SCOPE)
                name = tail[tail.rfind(" (") :].rstrip() if found else ""
                raise EngineError(error.code, f"{head}.{name}" if found else head) from error
            statement = parse_canonical(bytes(produced.data).decode("utf-8", "replace"))
        if len(sql) <= _CACHED_STATEMENT_BYTES:
            # Threads may do this at once; each step is atomic and losing an entry costs one more parse.
            self._statements[sql] = statement
            while len(self._statements) > _CACHED_STATEMENTS:
                self._statements.popitem(last=False)
        return statement

    @contextmanager
    def cancellable(self, handle_name: str) -> Iterator[Callable[[], None]]:
        """Give a function that cancels what the handle runs; after the block it does nothing.

        Leaving the block waits for a cancellation under way, so it can never hit the handle's next query.
        """
        lock = threading.Lock()
        over = False

        def cancel() -> None:
            with lock:
                if not over:
                    self.kill(handle_name)

        try:
            yield cancel
        finally:
            with lock:
                over = True

    def kill(self, handle_name: str) -> None:
        """Cancel what runs on the handle of that name; nothing happens if it is idle."""
        with self._control_lock:
            produced = self._control.query(
                "KILL QUERY WHERE Settings['log_comment'] = {name:String} ASYNC",
                "Null",
                {"name": handle_name},
            )
            del produced

    def close(self, *, within_s: float) -> bool:
        """Stop the engine: kill what still runs, and close; return whether all of it ended in time."""
        pools = (self.readers, self.writers, self._parsers)
        for name in [name for pool in pools for name in pool.shut()]:
            self.kill(name)
        deadline = time.monotonic() + within_s
        ended = [pool.close(deadline) for pool in pools]
        self._control.close()
        return all(ended)
