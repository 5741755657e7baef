"""Reads an HTTP request's body: bounded in time, in size, and in what it expands to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rootspan_collector.errors import MalformedRequest, TooLarge, UnsupportedRequest
from rootspan_store.embedded.compression import BadEncodingError, decompress

__all__ = ["BodyCut", "IncomingBody", "Receive", "expanded"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_ENCODINGS = ("", "identity", "gzip", "deflate", "zstd")


class BodyCut(Exception):  # noqa: N818 - named for what happened
    """The sender left, or sent too slowly: there is nobody to answer."""


class IncomingBody:
    """A body on its way. For one request; `receive` is ASGI's."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_over = False

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise BodyCut
        self._is_over = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part

    async def read(self, *, most_bytes: int, within_s: float, declared: str | None) -> bytes:
        """Return the whole body as it was sent.

        Args:
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
                while not self._is_over:
                    part = await self._next()
                    size += len(part)
                    if size > most_bytes:
                        raise _too_large(most_bytes)
                    parts.append(part)
        except TimeoutError as err:
            raise BodyCut from err
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def drop(self, *, most_bytes: int, within_s: float) -> bool:
        """Read and forget what is left, so that a sender that is still sending can read the answer.

        Returns:
            Whether all of it came. False: too much, too slowly, or the sender left.
        """
        try:
            async with asyncio.timeout(within_s):
                while most_bytes > 0 and not self._is_over:
                    most_bytes -= len(await self._next())
        except (TimeoutError, BodyCut):
            return False
        return self._is_over


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
