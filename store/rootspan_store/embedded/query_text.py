"""Finds the statement of a request: in the URL, in the body, or begun in one and ended in the other.

Pure but for reading the body. ClickHouse joins both with a line break; rows of an INSERT follow in the body.
"""

from rootspan_store.embedded.body import Body
from rootspan_store.embedded.statement import split_insert_data
from rootspan_store.errors import EngineError
from rootspan_store.sqltext import SqlTextError

__all__ = ["locate_statement"]


def locate_statement(from_url: str, body: Body, *, most_bytes: int) -> tuple[str, bool]:
    """Return the statement, and whether `body` now holds the rows of an INSERT and nothing else.

    Raises:
        EngineError: 62 for a statement above `most_bytes`, or none; 36 for one that is not UTF-8.
    """
    # Latin-1 maps bytes to characters one to one, so offsets in the text are offsets in the body.
    url = from_url.encode("utf-8", "surrogateescape").decode("latin-1")
    cut = _start_of_rows(url)
    if cut is not None:
        body.prepend(url[cut:].encode("latin-1"))
        return _utf8(url[:cut]), True
    head = f"{url}\n" if url else ""
    text = head + body.prefix(most_bytes + 1).decode("latin-1")
    cut = _start_of_rows(text)
    if cut is not None and cut >= len(head):
        body.skip(cut - len(head))
        return _utf8(text[:cut]), True
    if len(text) > most_bytes:
        raise EngineError.of(
            62,
            "SYNTAX_ERROR",
            f"Max query size exceeded: more than {most_bytes} bytes (ROOTSPAN_STORE_MAX_QUERY_BYTES)",
        )
    if not text.strip():
        raise EngineError.of(62, "SYNTAX_ERROR", "Syntax error: Empty query")
    return _utf8(text), False


def _start_of_rows(text: str) -> int | None:
    try:
        return split_insert_data(text)
    except SqlTextError:
        # An open quote: ClickHouse says where, better than this could.
        return None


def _utf8(latin1: str) -> str:
    try:
        return latin1.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineError.of(
            36,
            "BAD_ARGUMENTS",
            f"The statement is not valid UTF-8 at byte {error.start}; escape bytes as \\xNN",
        ) from error
