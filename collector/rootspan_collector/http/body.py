"""Reads an HTTP request's body: bounded in time, in size, and in what it expands to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rootspan_collector.errors import MalformedRequest, TooLarge, UnsupportedRequest
from rootspan_store.embedded.compression import BadEncodingError, decompress

__all__ = ["BodyCut", "Receive", "expanded", "read_body"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_ENCODINGS = ("", "identity", "gzip", "deflate", "zstd")


class BodyCut(Exception):  # noqa: N818 - named for what happened
    """The sender left, or sent too slowly: there is nobody to answer."""


async def read_body(receive: Receive, *, most_bytes: int, within_s: float, declared: str | None) -> bytes:
    """Return the whole body as it was sent.

    Args:
        receive: ASGI's.
        most_bytes: Larger ones are refused, those that say so beforehand without being read.
        within_s: For all of it, however slowly it comes.
        declared: The Content-Length header.

    Raises:
        TooLarge: It exceeds the limit.
        BodyCut: It did not come, whole and in time.
    """
    if declared is not None and declared.isdecimal() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyCut
                part = message.get("body", b"")
                size += len(part)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError as err:
        raise BodyCut from err


def expanded(body: bytes, encoding: str, *, most_bytes: int) -> bytes:
    """Undo a Content-Encoding, in steps of a megabyte: a bomb is noticed when it exceeds the limit.

    Raises:
        UnsupportedRequest: The encoding is none of OTLP's and zstd.
        MalformedRequest: The body is not in it.
        TooLarge: It expands to more than `most_bytes`.
    """
    name = encoding.strip().lower()
    if name not in _ENCODINGS:
        raise UnsupportedRequest(f"content-encoding {encoding[:40]!r} is not gzip, zstd, deflate or identity")
    parts: list[bytes] = []
    size = 0
    try:
        for part in decompress((body,), name):
            size += len(part)
            if size > most_bytes:
                raise _too_large(most_bytes)
            parts.append(part)
    except BadEncodingError as err:
        raise MalformedRequest(str(err)) from err
    return b"".join(parts)


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(
        f"more than {most_bytes} bytes uncompressed; send smaller batches, or raise "
        "ROOTSPAN_COLLECTOR_MAX_MESSAGE_BYTES"
    )
