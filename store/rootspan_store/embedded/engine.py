"""The engine of this process: starts chDB on a folder and lends out its handles.

One engine a process, one process a folder (see lock.py). Readers cannot write, writers cannot reach files or
the network; which statement goes where is decided in service.py.
"""

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rootspan_store.embedded.config import READER_ROLE, WRITER_ROLE, write_config
from rootspan_store.embedded.handle import Handle
from rootspan_store.embedded.statement import Statement, parse_canonical
from rootspan_store.errors import EngineError
from rootspan_store.settings import StoreSettings

__all__ = ["Engine", "Pool"]

_CANONICAL = "SELECT formatQuerySingleLine({q:String}) FORMAT RawBLOB"
_OUR_SCOPE = ": In scope SELECT formatQuerySingleLine("
_CACHED_STATEMENTS = 512
_CACHED_STATEMENT_BYTES = 16 * 1024
_PARAM_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


class Pool:
    """A fixed number of handles, lent to one request at a time. Safe for many threads."""

    def __init__(self, handles: list[Handle], *, wait_s: float, open_handle: "HandleFactory") -> None:
        self._idle: queue.LifoQueue[Handle] = queue.LifoQueue()
        self._wait_s = wait_s
        self._open = open_handle
        self.size = len(handles)
        for handle in handles:
            self._idle.put(handle)

    @contextmanager
    def lend(self) -> Iterator[Handle]:
        """Lend a handle; it comes back reset, or is replaced if it broke or an error passed through here.

        After a query that failed in mid-output, chDB 4.4 puts what that query had written before the next
        result of the same handle: rows of one client would reach another. Hence no handle outlives an error.

        Raises:
            EngineError: 202, none became free in time.
        """
        handle = self._acquire()
        try:
            yield handle
        except BaseException:
            handle.broken = True
            raise
        finally:
            self._release(handle)

    def _acquire(self) -> Handle:
        try:
            handle = self._idle.get(timeout=self._wait_s)
        except queue.Empty:
            raise EngineError.of(
                202,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                f"All {self.size} handles stayed busy for {self._wait_s:g} s; retry, or raise "
                "ROOTSPAN_STORE_READERS or ROOTSPAN_STORE_WRITERS",
            ) from None
        if not handle.broken:
            return handle
        handle.close()
        try:
            return self._open(handle.name)
        except EngineError:
            self._idle.put(handle)
            raise

    def _release(self, handle: Handle) -> None:
        if not handle.broken:
            handle.reset()
        self._idle.put(handle)

    def close(self, *, within_s: float) -> bool:
        """Close all handles, waiting for those that are lent; return whether all came back in time."""
        deadline = time.monotonic() + within_s
        for _ in range(self.size):
            try:
                self._idle.get(timeout=max(0.0, deadline - time.monotonic())).close()
            except queue.Empty:
                return False
        return True


class HandleFactory:
    """Opens handles of one kind."""

    def __init__(self, dsn: str, *, role: str, base: dict[str, str], readonly: bool) -> None:
        self._dsn, self._role, self._base, self._readonly = dsn, role, base, readonly

    def __call__(self, name: str) -> Handle:
        """Open a handle called `name`."""
        return Handle(self._dsn, name=name, role=self._role, base=self._base, readonly=self._readonly)


class Engine:
    """chDB on one folder."""

    def __init__(self, settings: StoreSettings) -> None:
        """Start the engine; returns when it answers.

        Raises:
            EngineError: The folder cannot be opened or the configuration is refused.
        """
        self.settings = settings
        folder = Path(settings.data).resolve()
        config = write_config(settings, folder / "engine")
        dsn = f"{folder / 'clickhouse'}?config-file={config}"
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
        # Opened first and closed last: chDB ends the engine with its last handle.
        self._control = self._open_writer("control")
        self._prepare()
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

    def _prepare(self) -> None:
        # chDB's own `default` database overlays the file system (SELECT FROM a path) and cannot hold tables
        # of ours.
        engine = self._ask("SELECT engine FROM system.databases WHERE name = 'default'")
        if engine != "Atomic":
            self._control.execute("DROP DATABASE IF EXISTS default")
            self._control.execute("CREATE DATABASE default ENGINE = Atomic")

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
        """Stop the engine, waiting for handles that are lent; return whether all came back in time."""
        closed = [pool.close(within_s=within_s) for pool in (self.readers, self.writers, self._parsers)]
        self._control.close()
        return all(closed)
