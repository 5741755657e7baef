"""What goes back to the client: status and headers as ClickHouse sends them, a body that may still run.

Pure but for the iterators it is given.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rootspan_store.embedded.compression import STEP_BYTES, Compressor
from rootspan_store.embedded.handle import Produced
from rootspan_store.errors import EngineError

__all__ = [
    "STREAMED_FORMATS",
    "Answer",
    "content_type",
    "error_answer",
    "http_status",
    "new_exception_tag",
    "sliced_body",
    "streamed_body",
    "summary",
]

# Formats whose streamed pieces, put one after another, are exactly the whole result. Others repeat a header
# or a frame with each piece (tried with chDB 4.4), so their result is made whole first.
STREAMED_FORMATS = frozenset(
    {
        "CSV",
        "JSONCompactEachRow",
        "JSONEachRow",
        "JSONLines",
        "JSONStringsEachRow",
        "LineAsString",
        "NDJSON",
        "Native",
        "RawBLOB",
        "RowBinary",
        "TSV",
        "TSVRaw",
        "TabSeparated",
        "TabSeparatedRaw",
        "Null",
    }
)

_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "XML": "application/xml; charset=UTF-8",
}

# ClickHouse's `exceptionCodeToHTTPStatus`; everything else is a 500.
_STATUS = {
    **dict.fromkeys((194,), 401),
    **dict.fromkeys((192, 193, 516, 291, 497, 73_000), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 71, 73, 78, 79, 81, 82, 141, 372), 404),
    **dict.fromkeys((229,), 413),
    **dict.fromkeys(
        (
            6, 8, 10, 15, 16, 20, 25, 26, 27, 31, 32, 33, 34, 36, 38, 41, 42, 43, 44, 45, 51, 52, 53, 59, 62,
            63, 69, 70, 72, 115, 117, 130, 131, 164, 167, 168, 179, 182, 183, 184, 187, 190, 206, 321, 352,
            374, 386, 395, 403, 427, 441, 452, 456, 457, 472, 636, 717,
        ),
        400,
    ),
    **dict.fromkeys((159,), 408),
    **dict.fromkeys((48,), 501),
    **dict.fromkeys((202, 209, 210, 373), 503),
}  # fmt: skip


def http_status(code: int) -> int:
    """Return the status that ClickHouse answers an error code with."""
    return _STATUS.get(code, 500)


def content_type(output_format: str) -> str:
    """Return the Content-Type of a format."""
    if output_format.startswith("JSON"):
        return _CONTENT_TYPES["JSON"]
    return _CONTENT_TYPES.get(output_format, "text/plain; charset=UTF-8")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Attributes:
        body: The whole body, unless `rest` brings it.
        rest: The body in parts, some of which are still to be computed.
        close: Ends what computes them; to be called once, when `rest` is sent or given up.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    rest: Iterator[bytes | memoryview] | None = None
    close: Callable[[], None] = lambda: None


def summary(*, read: tuple[int, int] = (0, 0), written: tuple[int, int] = (0, 0), elapsed_ns: int = 0) -> str:
    """Write X-ClickHouse-Summary from rows and bytes read and written."""
    numbers = {
        "read_rows": read[0],
        "read_bytes": read[1],
        "written_rows": written[0],
        "written_bytes": written[1],
        "total_rows_to_read": 0,
        "result_rows": read[0],
        "result_bytes": read[1],
        "elapsed_ns": elapsed_ns,
    }
    return json.dumps({name: str(number) for name, number in numbers.items()}, separators=(",", ":"))


def error_answer(error: EngineError, *, version: str, headers: dict[str, str] | None = None) -> Answer:
    """Answer with ClickHouse's own words, its code in X-ClickHouse-Exception-Code."""
    own = {
        **(headers or {}),
        "X-ClickHouse-Exception-Code": str(error.code),
        "Content-Type": "text/plain; charset=UTF-8",
    }
    if error.code in (194, 516):
        own["WWW-Authenticate"] = 'Basic realm="ClickHouse HTTP API"'
    text = error.text if "(version " in error.text else f"{error.text} (version {version})"
    return Answer(http_status(error.code), own, f"{text}\n".encode())


def new_exception_tag() -> str:
    """Return a tag that no result can hold by accident."""
    return secrets.token_hex(8)


def sliced_body(result: Produced, encoder: Compressor | None) -> Iterator[bytes | memoryview]:
    """Yield a whole result in steps, so that neither a copy nor its compressed form is ever held whole."""
    for start in range(0, result.data.nbytes, STEP_BYTES):
        step = result.data[start : start + STEP_BYTES]
        yield encoder.compress(step) if encoder else step
    if encoder:
        yield encoder.flush()


def streamed_body(
    pieces: Iterator[Produced], encoder: Compressor | None, tag: str, version: str
) -> Iterator[bytes | memoryview]:
    """Yield the body of a running result; an error on the way becomes an `__exception__` block at its end.

    Source of the block's form: clickhouse-connect, `extract_exception_with_tag` (server 25.11 and newer).
    """
    try:
        for piece in pieces:
            yield encoder.compress(piece.data) if encoder else piece.data
    except EngineError as error:
        message = f"{error.text} (version {version})\n".encode()
        mark = tag.encode()
        last = b"%d %s" % (len(message), mark)
        block = b"\r\n".join((b"", b"__exception__", mark, message + last, b"__exception__", b""))
        yield encoder.compress(block) if encoder else block
    if encoder:
        yield encoder.flush()
