"""Packs: telemetry in a folder, case.json and a gzip of length-prefixed OTLP requests for each signal.

Owns the folder format (4-byte big-endian length, then one Export…ServiceRequest, gzipped). Time shifting is
in `rootspan_demo.shift`; sending is not here.
"""

import gzip
import heapq
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from rootspan_demo.errors import PackError
from rootspan_demo.otlp import REQUEST_TYPES, SIGNALS, ExportRequest, OtlpRequest, Signal, count_items
from rootspan_demo.shift import last_time_unix_ns, shift_times

__all__ = ["Pack", "open_pack", "write_pack"]

_LENGTH: Final = struct.Struct(">I")
_MAX_FRAME_BYTES: Final = 256 * 1024 * 1024
"""A length above this is damage, not data: OTLP senders split far below."""
_COMPRESS_LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack on disk.

    Attributes:
        folder: Where it is.
        case: The content of case.json.
        signals: Signals that have a file.
    """

    folder: Path
    case: Mapping[str, object]
    signals: tuple[Signal, ...]

    def requests(self, *, shift_to_unix_ns: int | None = None) -> Iterator[OtlpRequest]:
        """All requests, signals interleaved by the last stamp in each request.

        Args:
            shift_to_unix_ns: Move all stamps by one distance so that the pack's last one becomes this.

        Raises:
            PackError: A file is cut short or holds something else.
        """
        distance = 0 if shift_to_unix_ns is None else shift_to_unix_ns - self.last_time_unix_ns()
        streams = [_timed(self.folder / _file_name(signal), signal, distance) for signal in self.signals]
        for _, request in heapq.merge(*streams, key=lambda pair: pair[0]):
            yield request

    def last_time_unix_ns(self) -> int:
        """The latest stamp of any span, event, record or point (reads the whole pack).

        Raises:
            PackError: A file is damaged, or there is no stamp at all.
        """
        last = 0
        for signal in self.signals:
            for _, message in _messages(self.folder / _file_name(signal), signal):
                last = max(last, last_time_unix_ns(message))
        if not last:
            raise PackError(f"{self.folder} holds no stamps; build the pack again", path=str(self.folder))
        return last

    def count(self) -> dict[Signal, int]:
        """Items by signal (reads the whole pack).

        Raises:
            PackError: A file is damaged.
        """
        return {
            signal: sum(
                count_items(message) for _, message in _messages(self.folder / _file_name(signal), signal)
            )
            for signal in self.signals
        }


def open_pack(folder: Path) -> Pack:
    """Read a pack's case.json and see which signals it has.

    Raises:
        PackError: It is no pack, or case.json is damaged.
    """
    path = folder / "case.json"
    try:
        case = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise PackError(
            f"{folder} is no pack: {path.name} is missing; name a pack's folder", path=str(path)
        ) from err
    except (OSError, ValueError) as err:
        raise PackError(f"cannot read {path}: {err}; build the pack again", path=str(path)) from err
    if not isinstance(case, dict):
        raise PackError(
            f"{path} holds {type(case).__name__}, not an object; build the pack again", path=str(path)
        )
    signals = tuple(signal for signal in SIGNALS if (folder / _file_name(signal)).is_file())
    if not signals:
        raise PackError(f"{folder} has no *.otlp.gz file; build the pack again", path=str(folder))
    return Pack(folder, case, signals)


def write_pack(
    folder: Path, requests: Iterable[OtlpRequest], case: Mapping[str, object]
) -> dict[Signal, int]:
    """Write a pack over what is in `folder`; files of signals without requests are removed.

    Args:
        case: Content of case.json; `signals` is added.

    Returns:
        Items by signal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for signal in SIGNALS:
        (folder / _file_name(signal)).unlink(missing_ok=True)
    counts: dict[Signal, int] = {}
    with ExitStack() as stack:
        streams: dict[Signal, gzip.GzipFile] = {}
        for request in requests:
            if request.signal not in streams:
                raw = stack.enter_context(open(folder / _file_name(request.signal), "wb"))
                # No name and no time in the header: equal requests give equal files.
                stream = gzip.GzipFile("", "wb", _COMPRESS_LEVEL, raw, mtime=0)
                streams[request.signal] = stack.enter_context(stream)
            streams[request.signal].write(_LENGTH.pack(len(request.payload)))
            streams[request.signal].write(request.payload)
            counts[request.signal] = counts.get(request.signal, 0) + request.items
    content = {**case, "signals": [signal for signal in SIGNALS if signal in counts]}
    (folder / "case.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return counts


def _file_name(signal: Signal) -> str:
    return f"{signal}.otlp.gz"


def _timed(path: Path, signal: Signal, distance_ns: int) -> Iterator[tuple[int, OtlpRequest]]:
    """Requests with the latest stamp of each, which is when its sender let it go at the earliest."""
    for payload, message in _messages(path, signal):
        last = last_time_unix_ns(message)
        items = count_items(message)
        if distance_ns:
            shift_times(message, distance_ns)
            payload = message.SerializeToString()  # noqa: PLW2901 - the frame's new bytes
        yield last, OtlpRequest(signal, payload, items)


def _messages(path: Path, signal: Signal) -> Iterator[tuple[bytes, ExportRequest]]:
    for offset, payload in _frames(path):
        try:
            yield payload, REQUEST_TYPES[signal].FromString(payload)
        except DecodeError as err:
            what = f"{path}: the frame at byte {offset} (unpacked) is no {signal} request: {err}"
            raise PackError(f"{what}; build the pack again", path=str(path), offset=offset) from err


def _frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset of each frame in the unpacked stream, and its content."""
    offset = 0

    def damaged(what: str) -> PackError:
        return PackError(
            f"{path}: {what} at byte {offset} (unpacked); copy or build the pack again",
            path=str(path),
            offset=offset,
        )

    try:
        with gzip.open(path) as stream:
            while header := stream.read(_LENGTH.size):
                if len(header) < _LENGTH.size:
                    raise damaged(f"the file ends within a length of {_LENGTH.size} bytes")
                (size,) = _LENGTH.unpack(header)
                if size > _MAX_FRAME_BYTES:
                    raise damaged(f"a frame claims {size} bytes, more than the limit of {_MAX_FRAME_BYTES},")
                payload = stream.read(size)
                if len(payload) < size:
                    raise damaged(f"the file ends after {len(payload)} of {size} bytes of the frame")
                yield offset, payload
                offset += _LENGTH.size + size
    except EOFError as err:
        raise damaged("the gzip stream is cut short in or after the frame") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise damaged(f"the gzip stream is corrupt ({err}) in or after the frame") from err
    except OSError as err:
        raise PackError(f"cannot read {path}: {err}; check the file", path=str(path), offset=offset) from err
