"""Runs one request against the engine: authenticates, guards and routes it, and shapes the answer.

Synchronous, for worker threads; knows nothing of ASGI. Errors become answers here, and nowhere else.
"""

import itertools
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from rootspan_store.embedded.answer import (
    STREAMED_FORMATS,
    Answer,
    content_type,
    error_answer,
    new_exception_tag,
    sliced_body,
    streamed_body,
    summary,
)
from rootspan_store.embedded.body import Body, ClientGone, parse_multipart
from rootspan_store.embedded.compression import (
    STEP_BYTES,
    BadEncodingError,
    Compressor,
    choose_encoding,
    compressor,
)
from rootspan_store.embedded.engine import Engine
from rootspan_store.embedded.guard import check_settings, check_statement, may_hide_file_function
from rootspan_store.embedded.handle import Handle, Produced
from rootspan_store.embedded.query_text import locate_statement
from rootspan_store.embedded.session import Session, Sessions
from rootspan_store.embedded.statement import Route, Statement
from rootspan_store.embedded.wire import Access, QueryRequest, authenticate, parse_request
from rootspan_store.errors import EngineError
from rootspan_store.settings import StoreSettings
from rootspan_store.sqltext import unquote

__all__ = ["Call", "QueryService"]

log = logging.getLogger("rootspan.store")

# Below this a compressed answer saves nothing that is worth the work.
_COMPRESS_FROM_BYTES = 4096
# A client reads an error only when it has sent its body; one that has no business here is not listened to for
# long.
_DRAIN_BYTES = 256 * 1024 * 1024
_DRAIN_STRANGER_BYTES = 1024 * 1024
_AUTHENTICATION_FAILED = 516


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        items: The URL's parameters in order.
        headers: Names in lower case.
        on_start: Told how to cancel the query, which is safe at any time, once it is about to run.
    """

    method: str
    items: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Body
    on_start: Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """A request that was understood and allowed."""

    request: QueryRequest
    session: Session
    sql: str
    statement: Statement
    headers: dict[str, str]
    started_ns: int

    @property
    def output_format(self) -> str:
        return self.statement.format or self.request.default_format

    def done(self, *, read: tuple[int, int] = (0, 0), written: tuple[int, int] = (0, 0)) -> None:
        elapsed = time.monotonic_ns() - self.started_ns
        self.headers["X-ClickHouse-Summary"] = summary(read=read, written=written, elapsed_ns=elapsed)

    def has_result(self) -> None:
        self.headers["X-ClickHouse-Format"] = _header_text(self.output_format)
        self.headers["Content-Type"] = content_type(self.output_format)


class QueryService:
    """Answers requests. Safe for many threads."""

    def __init__(self, engine: Engine, settings: StoreSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._sessions = Sessions(timeout_s=settings.session_timeout_s)

    def answer(self, call: Call) -> Answer:
        """Run a request; ClickHouse's errors are answers too.

        Raises:
            ClientGone: The client left while it was sending.
        """
        headers = {
            "X-ClickHouse-Query-Id": str(uuid.uuid4()),
            "X-ClickHouse-Server-Display-Name": "rootspan",
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        try:
            return self._run(call, headers)
        except EngineError as error:
            failure = error
        except BadEncodingError as error:
            failure = EngineError.of(36, "BAD_ARGUMENTS", str(error))
        except ClientGone:
            raise
        except Exception as error:
            log.exception("a request failed for a reason of the store's own")
            failure = EngineError.of(1002, "UNKNOWN_EXCEPTION", f"The store failed: {error!r}")
        call.body.drain(_DRAIN_STRANGER_BYTES if failure.code == _AUTHENTICATION_FAILED else _DRAIN_BYTES)
        return error_answer(failure, version=self._engine.version, headers=headers)

    def _run(self, call: Call, headers: dict[str, str]) -> Answer:
        started = time.monotonic_ns()
        access = authenticate(dict(call.items), call.headers, self._settings)
        request = parse_request(self._items(call), call.headers)
        if request.query_id:
            headers["X-ClickHouse-Query-Id"] = _header_text(request.query_id)
        session = self._sessions.get(
            request.session_id, timeout_s=request.session_timeout_s, check=request.session_check
        )
        request = replace(request, database=request.database or session.database)
        sql, rows_follow = locate_statement(
            request.query, call.body, most_bytes=self._settings.max_query_bytes
        )
        statement = self._engine.parse(sql)
        check_statement(statement, request.params, self._engine.known_settings)
        job = _Job(request, session, sql, statement, headers, started)
        if statement.route is Route.READ:
            return self._read(call, job)
        if statement.route is not Route.SESSION:
            if access is Access.READ_ONLY:
                raise EngineError.of(
                    164, "READONLY", "Cannot execute query in readonly mode: this user may only read"
                )
            if call.method == "GET":
                raise EngineError.of(
                    164,
                    "READONLY",
                    "Cannot execute query in readonly mode: method GET implies readonly, use POST",
                )
        if rows_follow and statement.route is Route.INSERT:
            return self._insert(job, call.body)
        return self._write(job)

    def _items(self, call: Call) -> tuple[tuple[str, str], ...]:
        form = call.headers.get("content-type", "")
        if not form.lower().startswith("multipart/form-data"):
            return call.items
        return (*call.items, *parse_multipart(form, call.body.whole(self._settings.max_buffered_body_bytes)))

    def _prepare(self, handle: Handle, job: _Job, settings: Mapping[str, str]) -> None:
        reading = job.statement.route is Route.READ
        handle.use(job.request.database or "default")
        for names, statement in job.session.statements:
            # What only writes may set cannot matter to a read.
            if not reading or _may_set(names, self._engine.known_settings):
                handle.execute_set(names, statement)
        handle.set(settings)

    def _read(self, call: Call, job: _Job) -> Answer:
        check_settings(job.request.settings, self._engine.known_settings, reading=True)
        accepted = call.headers.get("accept-encoding", "") if job.request.compressed else ""
        in_parts = job.output_format in STREAMED_FORMATS and job.statement.is_select and not job.request.whole
        with ExitStack() as held:
            handle = held.enter_context(self._engine.readers.lend())
            call.on_start(held.enter_context(self._engine.cancellable(handle.name)))
            self._prepare(handle, job, job.request.settings)
            job.has_result()
            if not in_parts:
                # The result's memory is its own, so the handle is free before the client has read.
                return self._whole(
                    job, handle.query(job.sql, job.output_format, job.request.params), accepted
                )
            pieces = handle.stream(job.sql, job.output_format, job.request.params)
            held.callback(pieces.close)
            # Most errors come before the second piece, hence before the headers, and one piece is a whole
            # result.
            first = list(itertools.islice(pieces, 2))
            if len(first) < 2:
                return self._whole(job, first[0] if first else Produced.nothing(), accepted)
            job.done(read=(sum(p.rows_read for p in first), sum(p.bytes_read for p in first)))
            encoder = _encoder(job, choose_encoding(accepted))
            tag = new_exception_tag()
            job.headers["X-ClickHouse-Exception-Tag"] = tag
            rest = streamed_body(itertools.chain(first, pieces), encoder, tag, self._engine.version)
            return Answer(200, job.headers, b"", rest, held.pop_all().close)

    def _whole(self, job: _Job, result: Produced, accepted: str) -> Answer:
        job.done(read=(result.rows_read, result.bytes_read))
        size_bytes = result.data.nbytes
        encoder = _encoder(job, choose_encoding(accepted) if size_bytes >= _COMPRESS_FROM_BYTES else None)
        if encoder is None and size_bytes <= STEP_BYTES:
            return Answer(200, job.headers, bytes(result.data))
        return Answer(200, job.headers, b"", sliced_body(result, encoder))

    def _insert(self, job: _Job, rows: Body) -> Answer:
        input_format = job.statement.format or "Values"
        settings = dict(job.request.settings)
        values = b""
        if input_format == "Values":
            values = rows.whole(self._settings.max_buffered_body_bytes)
            rows.prepend(values)
            if may_hide_file_function(values):
                settings["input_format_values_interpret_expressions"] = "0"
        # The first batch is here before a writer is taken: senders of little hold none while they are slow.
        rows.prefix(1)
        with self._engine.writers.lend() as handle:
            self._prepare(handle, job, settings)
            if values and job.request.params:
                # chDB's streamed insert takes no parameters, and rows of `{x:Type}` are few.
                text = values.decode("utf-8", "replace")
                handle.query(f"{job.sql} {text}", job.output_format, job.request.params)
                written = (0, 0)
            else:
                with handle.insert(job.statement.insert_target, input_format) as insertion:
                    for piece in rows.pieces():
                        insertion.append(piece)
                    written = insertion.finish()
        job.done(written=written)
        job.headers["Content-Type"] = "text/plain; charset=UTF-8"
        return Answer(200, job.headers)

    def _write(self, job: _Job) -> Answer:
        with self._engine.writers.lend() as handle:
            self._prepare(handle, job, job.request.settings)
            if job.statement.route is Route.SESSION:
                self._change_session(handle, job)
                body = b""
            else:
                body = bytes(handle.query(job.sql, job.output_format, job.request.params).data)
        job.done()
        if body:
            job.has_result()
        return Answer(200, job.headers, body)

    def _change_session(self, handle: Handle, job: _Job) -> None:
        if job.statement.starts_with("USE"):
            database = unquote(job.statement.tokens[-1])
            handle.use(database)
            self._sessions.remember(job.request.session_id, database=database)
            return
        names = job.statement.settings
        handle.execute_set(names, job.sql)
        self._sessions.remember(job.request.session_id, statement=(names, job.sql))


def _encoder(job: _Job, encoding: str | None) -> Compressor | None:
    if encoding is None:
        return None
    job.headers["Content-Encoding"] = encoding
    return compressor(encoding)


def _may_set(names: tuple[str, ...], known: frozenset[str]) -> bool:
    try:
        check_settings(names, known, reading=True)
    except EngineError:
        return False
    return True


def _header_text(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
