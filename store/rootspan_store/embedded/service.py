"""Runs one request against the engine: finds the statement, guards it, routes it, and shapes the answer.

Synchronous, for worker threads; knows nothing of ASGI. Errors become answers here, and nowhere else.
"""

import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from rootspan_store.embedded.answer import (
    STREAMED_FORMATS,
    Answer,
    content_type,
    error_answer,
    new_exception_tag,
    streamed_body,
    summary,
)
from rootspan_store.embedded.body import Body, parse_multipart
from rootspan_store.embedded.compression import BadEncodingError, choose_encoding, compressor
from rootspan_store.embedded.engine import Engine
from rootspan_store.embedded.guard import check_settings, check_statement, may_hide_file_function
from rootspan_store.embedded.handle import Handle
from rootspan_store.embedded.session import Session, Sessions
from rootspan_store.embedded.statement import Route, Statement, split_insert_data
from rootspan_store.embedded.wire import Access, QueryRequest, authenticate, parse_request
from rootspan_store.errors import EngineError
from rootspan_store.settings import StoreSettings
from rootspan_store.sqltext import SqlTextError, unquote

__all__ = ["Call", "QueryService"]

# Below this a compressed answer saves nothing that is worth the work.
_COMPRESS_FROM_BYTES = 4096
_DRAIN_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        items: The URL's parameters in order.
        headers: Names in lower case.
        on_handle: Told the name of the reader that runs the query, so that it can be killed when the client leaves.
    """

    method: str
    items: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Body
    on_handle: Callable[[str], None]


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
        call.body.drain(_DRAIN_BYTES)
        return error_answer(failure, version=self._engine.version, headers=headers)

    def _run(self, call: Call, headers: dict[str, str]) -> Answer:
        access = authenticate(dict(call.items), call.headers, self._settings)
        request = self._request(call)
        if request.query_id:
            headers["X-ClickHouse-Query-Id"] = _header_text(request.query_id)
        session = self._sessions.get(
            request.session_id, timeout_s=request.session_timeout_s, check=request.session_check
        )
        request = replace(request, database=request.database or session.database)
        sql, rows = self._statement_text(request, call.body)
        if not sql.strip():
            raise EngineError.of(62, "SYNTAX_ERROR", "Syntax error: Empty query")
        statement = self._engine.parse(sql)
        check_statement(statement, request.params, self._engine.known_settings)
        if statement.route is Route.READ:
            return self._read(call, request, session, sql, statement, headers)
        if statement.route is not Route.SESSION and (call.method == "GET" or access is Access.READ_ONLY):
            why = "method GET implies readonly; use POST" if call.method == "GET" else "this user may only read"
            raise EngineError.of(164, "READONLY", f"Cannot execute query in readonly mode: {why}")
        if rows is not None and statement.route is Route.INSERT:
            return self._insert(request, session, statement, rows, headers)
        return self._write(request, session, sql, statement, headers)

    def _request(self, call: Call) -> QueryRequest:
        form = call.headers.get("content-type", "")
        items = call.items
        if form.lower().startswith("multipart/form-data"):
            whole = call.body.whole(self._settings.max_buffered_body_bytes)
            items = (*items, *parse_multipart(form, whole))
        return parse_request(items, call.headers)

    def _statement_text(self, request: QueryRequest, body: Body) -> tuple[str, Body | None]:
        """Return the statement, and the body if it holds an INSERT's rows and nothing else."""
        limit = self._settings.max_query_bytes
        # Latin-1 maps bytes to characters one to one, so offsets in the text are offsets in the body.
        url = request.query.encode("utf-8").decode("latin-1")
        cut = _cut(url)
        if cut is not None:
            body.prepend(url[cut:].encode("latin-1"))
            return _utf8(url[:cut]), body
        head = f"{url}\n" if url else ""
        text = head + body.prefix(limit + 1).decode("latin-1")
        cut = _cut(text)
        if cut is not None and cut >= len(head):
            body.skip(cut - len(head))
            return _utf8(text[:cut]), body
        if len(text) - len(head) > limit:
            raise EngineError.of(62, "SYNTAX_ERROR", f"Max query size exceeded: more than {limit} bytes")
        return _utf8(text), None

    def _prepare(self, handle: Handle, request: QueryRequest, session: Session, *, reading: bool) -> None:
        handle.use(request.database or "default")
        known = self._engine.known_settings
        for names, statement in session.statements:
            # What only writes may set cannot matter to a read.
            if not reading or _allowed(names, known):
                handle.execute_set(names, statement)
        handle.set(request.settings)

    def _read(
        self,
        call: Call,
        request: QueryRequest,
        session: Session,
        sql: str,
        statement: Statement,
        headers: dict[str, str],
    ) -> Answer:
        check_settings(request.settings, self._engine.known_settings, reading=True)
        started = time.monotonic_ns()
        output_format = statement.format or request.default_format
        handle = self._engine.readers.acquire()
        release = [lambda: self._engine.readers.release(handle)]
        try:
            call.on_handle(handle.name)
            self._prepare(handle, request, session, reading=True)
            headers["X-ClickHouse-Format"] = _header_text(output_format)
            headers["Content-Type"] = content_type(output_format)
            if output_format not in STREAMED_FORMATS or not statement.is_select:
                whole = handle.query(sql, output_format, request.params)
                pieces, first = iter(()), [whole]
            else:
                pieces = handle.stream(sql, output_format, request.params)
                release.append(pieces.close)
                first = list(itertools.islice(pieces, 2))
            size = sum(piece.data.nbytes for piece in first)
            read = (sum(piece.rows_read for piece in first), sum(piece.bytes_read for piece in first))
            headers["X-ClickHouse-Summary"] = summary(read=read, elapsed_ns=time.monotonic_ns() - started)
            encoding = choose_encoding(call.headers.get("accept-encoding", "")) if request.compressed else None
            if len(first) < 2 and (encoding is None or size < _COMPRESS_FROM_BYTES):
                return Answer(200, headers, first[0].data if first else b"", on_done=release)
            if encoding:
                headers["Content-Encoding"] = encoding
            tag = new_exception_tag()
            headers["X-ClickHouse-Exception-Tag"] = tag
            encoder = compressor(encoding) if encoding else None
            rest = streamed_body(pieces, first, encoder, tag, self._engine.version)
            return Answer(200, headers, b"", rest, on_done=release)
        except BaseException:
            while release:
                release.pop()()
            raise

    def _insert(
        self, request: QueryRequest, session: Session, statement: Statement, rows: Body, headers: dict[str, str]
    ) -> Answer:
        started = time.monotonic_ns()
        input_format = statement.format or "Values"
        settings = dict(request.settings)
        if input_format == "Values":
            values = rows.whole(self._settings.max_buffered_body_bytes)
            rows.prepend(values)
            if may_hide_file_function(values):
                settings["input_format_values_interpret_expressions"] = "0"
        # Small bodies are here before a writer is taken, so a slow sender holds none of them.
        rows.prefix(1)
        with self._engine.writers.lend() as handle:
            self._prepare(handle, replace(request, settings=settings), session, reading=False)
            with handle.insert(statement.insert_target, input_format) as insertion:
                for piece in rows.pieces():
                    insertion.append(piece)
                written = insertion.finish()
        headers["X-ClickHouse-Summary"] = summary(written=written, elapsed_ns=time.monotonic_ns() - started)
        headers["Content-Type"] = "text/plain; charset=UTF-8"
        return Answer(200, headers)

    def _write(
        self, request: QueryRequest, session: Session, sql: str, statement: Statement, headers: dict[str, str]
    ) -> Answer:
        started = time.monotonic_ns()
        output_format = statement.format or request.default_format
        with self._engine.writers.lend() as handle:
            self._prepare(handle, request, session, reading=False)
            if statement.route is Route.SESSION:
                self._change_session(handle, request, sql, statement)
                body = b""
            else:
                body = bytes(handle.query(sql, output_format, request.params).data)
        headers["X-ClickHouse-Summary"] = summary(elapsed_ns=time.monotonic_ns() - started)
        headers["Content-Type"] = content_type(output_format)
        if body:
            headers["X-ClickHouse-Format"] = _header_text(output_format)
        return Answer(200, headers, body)

    def _change_session(self, handle: Handle, request: QueryRequest, sql: str, statement: Statement) -> None:
        if statement.starts_with("USE"):
            database = statement.tokens[-1]
            handle.use(unquote(database))
            self._sessions.remember(request.session_id, database=unquote(database))
            return
        handle.execute_set(statement.settings, sql)
        self._sessions.remember(request.session_id, statement=(statement.settings, sql))


def _allowed(names: tuple[str, ...], known: frozenset[str]) -> bool:
    try:
        check_settings(names, known, reading=True)
    except EngineError:
        return False
    return True


def _cut(text: str) -> int | None:
    try:
        return split_insert_data(text)
    except SqlTextError:
        return None


def _utf8(latin1: str) -> str:
    try:
        return latin1.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineError.of(
            36, "BAD_ARGUMENTS", f"The statement is not valid UTF-8 at byte {error.start}; escape bytes as \\xNN"
        ) from error


def _header_text(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
