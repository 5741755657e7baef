"""HTTP content encodings, both ways, in bounded steps. Pure: bytes in, bytes out.

Decompression yields at most `STEP_BYTES` at a time whatever the input expands to, so a small body that
expands to gigabytes costs time but no memory. Brotli works if the `brotli` package is installed.
"""

import importlib
import importlib.util
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import lz4.frame

# clickhouse-connect brings it along; unlike the zstandard package it bounds what one step yields.
if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["STEP_BYTES", "BadEncodingError", "Compressor", "choose_encoding", "compressor", "decompress"]

STEP_BYTES = 1024 * 1024

# In the order of preference: what costs least on a local connection comes first.
_RESPONSE_ENCODINGS = ("lz4", "zstd", "gzip", "deflate", "br")


class BadEncodingError(ValueError):
    """The encoding is unknown, or the bytes are not in it."""


class Compressor(Protocol):
    """Compresses a stream piece by piece."""

    def compress(self, data: Any, /) -> bytes:
        """Return what can be sent so far."""

    def flush(self) -> bytes:
        """Return the rest and end the stream."""


class _Lz4:
    """One lz4 frame, in the shape of zlib's compressor."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: Any) -> bytes:
        """Return what can be sent so far."""
        head = b"" if self._begun else self._frame.begin()
        self._begun = True
        return bytes(head) + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        """Return the rest and end the frame."""
        head = b"" if self._begun else self._frame.begin()
        return bytes(head) + bytes(self._frame.flush())


class _Brotli:
    """Brotli, in the shape of zlib's compressor."""

    def __init__(self) -> None:
        self._inner = importlib.import_module("brotli").Compressor(quality=1)

    def compress(self, data: Any) -> bytes:
        """Return what can be sent so far."""
        return bytes(self._inner.process(bytes(data)))

    def flush(self) -> bytes:
        """Return the rest and end the stream."""
        return bytes(self._inner.finish())


def _has_brotli() -> bool:
    return importlib.util.find_spec("brotli") is not None


def compressor(encoding: str) -> Compressor:
    """Return a fresh compressor for an encoding that `choose_encoding` returned."""
    makers: dict[str, Callable[[], Compressor]] = {
        "lz4": _Lz4,
        "zstd": lambda: zstd.ZstdCompressor(level=1),
        "gzip": lambda: zlib.compressobj(level=3, wbits=31),
        "deflate": lambda: zlib.compressobj(level=3),
        "br": _Brotli,
    }
    return makers[encoding]()


def choose_encoding(accept_encoding: str) -> str | None:
    """Return the encoding to answer in, or None for none, from an Accept-Encoding header."""
    offered = set()
    for item in accept_encoding.split(","):
        name, _, parameters = item.partition(";")
        if parameters.replace(" ", "") not in ("q=0", "q=0.0"):
            offered.add(name.strip().lower())
    for encoding in _RESPONSE_ENCODINGS:
        if encoding in offered and (encoding != "br" or _has_brotli()):
            return encoding
    return None


def _inflate(chunks: Iterator[bytes], wbits: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits)
    fed = False
    for chunk in chunks:
        data = chunk
        while data:
            fed = True
            out = stream.decompress(data, STEP_BYTES)
            if out:
                yield out
            data = stream.unconsumed_tail
            if stream.eof:
                # Several gzip members in a row are one stream.
                data, stream = stream.unused_data, zlib.decompressobj(wbits)
                fed = bool(data)
    if fed and not stream.eof:
        raise BadEncodingError("the compressed body ends too early")


def _unframe(chunks: Iterator[bytes], new_frame: Callable[[], Any]) -> Iterator[bytes]:
    """Undo lz4 or zstd, whose decompressors share an interface. Several frames in a row are one stream."""
    frame = new_frame()
    fed = False
    for chunk in chunks:
        data = chunk
        while data or (fed and not frame.needs_input):
            fed = True
            out = frame.decompress(data, STEP_BYTES)
            if out:
                yield out
            data = b""
            if frame.eof:
                data, frame, fed = frame.unused_data or b"", new_frame(), False
    if fed:
        raise BadEncodingError("the compressed body ends too early")


def _unbrotli(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = importlib.import_module("brotli").Decompressor()
    for chunk in chunks:
        # Small slices bound what one step expands to; brotli has no limit of its own in older versions.
        for start in range(0, len(chunk), 4096):
            yield stream.process(chunk[start : start + 4096])
    if not stream.is_finished():
        raise BadEncodingError("the compressed body ends too early")


def decompress(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a Content-Encoding; yields pieces of at most about `STEP_BYTES`.

    Raises:
        BadEncodingError: The encoding is not supported, or the body is not in it.
    """
    source = iter(chunks)
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from source
        return
    makers: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
        "gzip": lambda c: _inflate(c, 31),
        "deflate": lambda c: _inflate(c, 15),
        "lz4": lambda c: _unframe(c, lz4.frame.LZ4FrameDecompressor),
        "zstd": lambda c: _unframe(c, zstd.ZstdDecompressor),
    }
    if _has_brotli():
        makers["br"] = _unbrotli
    if name not in makers:
        raise BadEncodingError(f"Content-Encoding {encoding!r} is not one of {', '.join(sorted(makers))}")
    try:
        yield from makers[name](source)
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise BadEncodingError(f"the body is not valid {name}: {error}") from error
