"""The body of a request, read in a worker thread: decompressed, in pieces, never whole unless asked for.

Knows nothing of ASGI; `Source` is where raw bytes come from.
"""

from collections.abc import Iterator
from typing import Protocol

from rootspan_store.embedded.compression import decompress
from rootspan_store.errors import EngineError

__all__ = ["Body", "ClientGone", "Source", "parse_multipart"]


class ClientGone(Exception):  # noqa: N818 - not an error of ours
    """The client closed the connection before it had sent everything."""


class Source(Protocol):
    """Where the raw body comes from."""

    def read(self) -> bytes:
        """Block for the next bytes; empty at the end. Raises `ClientGone`."""


def _raw(source: Source) -> Iterator[bytes]:
    while data := source.read():
        yield data


class Body:
    """A body that can be looked into before it is read on. For one thread."""

    def __init__(self, source: Source, encoding: str) -> None:
        self._source = source
        self._pieces = decompress(_raw(source), encoding)
        self._ahead = b""

    def prefix(self, size_bytes: int) -> bytes:
        """Return at least the first `size_bytes`, or all there is; they stay to be read."""
        parts, size = [self._ahead], len(self._ahead)
        while size < size_bytes:
            piece = next(self._pieces, b"")
            if not piece:
                break
            parts.append(piece)
            size += len(piece)
        self._ahead = b"".join(parts)
        return self._ahead

    def prepend(self, data: bytes) -> None:
        """Put bytes in front of what is left."""
        self._ahead = data + self._ahead

    def skip(self, size_bytes: int) -> None:
        """Drop bytes that `prefix` has shown."""
        self._ahead = self._ahead[size_bytes:]

    def pieces(self) -> Iterator[bytes]:
        """Yield what is left, piece by piece."""
        ahead, self._ahead = self._ahead, b""
        if ahead:
            yield ahead
        yield from self._pieces

    def whole(self, most_bytes: int) -> bytes:
        """Return what is left at once.

        Raises:
            EngineError: 229, it is larger than `most_bytes`.
        """
        data = self.prefix(most_bytes + 1)
        if len(data) > most_bytes:
            raise EngineError.of(
                229,
                "QUERY_IS_TOO_LARGE",
                f"The body is larger than {most_bytes} bytes, which it may not be in this form; send rows in "
                f"a format "
                "that streams (Native, RowBinary, JSONEachRow), or raise "
                "ROOTSPAN_STORE_MAX_BUFFERED_BODY_BYTES",
            )
        self._ahead = b""
        return data

    def drain(self, most_bytes: int) -> None:
        """Read and drop raw bytes, so that a client that still sends can read the answer."""
        while most_bytes > 0 and (data := self._source.read()):
            most_bytes -= len(data)


def parse_multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a multipart/form-data body.

    Raises:
        EngineError: 48 for a part that is a file (external data), 36 for a body that is not multipart.
    """
    boundary = ""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary":
            boundary = value.strip('"')
    if not boundary:
        raise EngineError.of(36, "BAD_ARGUMENTS", "The form has no boundary")
    fields: list[tuple[str, str]] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))[1:]:
        if part.startswith(b"--"):
            return fields
        head, separator, content = part.partition(b"\r\n\r\n")
        disposition = _disposition(head.decode("latin-1"))
        if not separator or "name" not in disposition:
            break
        if "filename" in disposition:
            raise EngineError.of(48, "NOT_IMPLEMENTED", "The embedded store does not support external data")
        fields.append((disposition["name"], content.decode("utf-8", "replace")))
    raise EngineError.of(36, "BAD_ARGUMENTS", "The form is cut short or malformed")


def _disposition(head: str) -> dict[str, str]:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            pairs = (item.strip().partition("=") for item in value.split(";")[1:])
            return {key.lower(): text.strip('"') for key, _, text in pairs}
    return {}
