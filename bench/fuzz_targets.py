"""The targets of `bench.fuzz`, and what has to hold for each. A program: NAME CORPUS libFuzzer's flags."""

from __future__ import annotations

import gzip
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rootspan_collector", "rootspan_store"]):
    from rootspan_collector.errors import CollectorError, LogCorrupt
    from rootspan_collector.http.body import expanded
    from rootspan_collector.ledger import Ledger
    from rootspan_collector.otlp.framing import framing
    from rootspan_collector.otlp.json import to_protobuf
    from rootspan_collector.otlp.messages import fault_of
    from rootspan_collector.quarantine import Quarantine
    from rootspan_collector.senders.caller import TENANT_FIELD, Tenant
    from rootspan_collector.senders.worth import worth_of
    from rootspan_collector.wal.record import HEADER_BYTES, digest_of, encode_header, scan, walk
    from rootspan_collector.wal.recovery import recover
    from rootspan_collector.wal.segment import SegmentHeader
    from rootspan_store.embedded.body import Body, parse_multipart
    from rootspan_store.embedded.compression import BadEncodingError, decompress
    from rootspan_store.embedded.engine import Engine
    from rootspan_store.embedded.query_text import locate_statement
    from rootspan_store.embedded.service import Call, QueryService
    from rootspan_store.embedded.statement import parse_canonical
    from rootspan_store.embedded.wire import authenticate, parse_request
    from rootspan_store.errors import EngineError
    from rootspan_store.ingest import Signal
    from rootspan_store.settings import StoreSettings

from tests.support import otlp_requests as otlp

__all__: list[str] = []

_Target = Callable[[bytes], None]
_SIGNALS = tuple(Signal)
_TENANT = Tenant.named("search")
_MARKER = b"\x9a\x01marker"
_SECRET = "a-secret-of-another-tenant"


def _top_level_fields(payload: bytes) -> list[tuple[int, bytes]]:
    """Numbers and contents of a message's fields, by the encoding guide; only what is length-delimited."""

    def varint(position: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = payload[position]
            value |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if byte < 0x80:
                return value, position

    found, position = [], 0
    while position < len(payload):
        key, position = varint(position)
        assert key & 7 == 2, f"wire type {key & 7} at the top level"
        size, position = varint(position)
        found.append((key >> 3, payload[position : position + size]))
        position += size
    assert position == len(payload)
    return found


def _receiver() -> _Target:
    framings = {signal: framing(signal) for signal in _SIGNALS}

    def run(data: bytes) -> None:
        signal, body = _SIGNALS[data[0] % len(_SIGNALS)] if data else Signal.TRACES, data[1:]
        try:
            framed = framings[signal].frame(body)
        except CollectorError:
            return
        worth_of(signal, framed.payload, framed.items)
        if fault_of(signal, body) is None:
            assert fault_of(signal, framed.payload) is None
        # Whatever a sender wrote, the one tenant that the store will read is ours, and the last field.
        fields = _top_level_fields(framed.payload + _TENANT.mark)
        assert fields[-1] == (TENANT_FIELD, b"search")
        assert {number for number, _ in fields[:-1]} <= {1}

    return run


def _json() -> _Target:
    def run(data: bytes) -> None:
        for signal in _SIGNALS:
            try:
                to_protobuf(signal, data)
            except CollectorError:
                continue

    return run


def _body() -> _Target:
    def run(data: bytes) -> None:
        for encoding in ("gzip", "zstd", "deflate"):
            try:
                assert len(expanded(data, encoding, most_bytes=100_000)) <= 100_000
            except CollectorError:
                continue
        for encoding in ("gzip", "zstd", "deflate", "lz4", "br"):
            try:
                size = 0
                for piece in decompress([data[:50], data[50:]], encoding):
                    size += len(piece)
                    if size > 1_000_000:
                        break
            except (BadEncodingError, EngineError):
                continue

    return run


def _log() -> _Target:
    def run(data: bytes) -> None:
        first = encode_header(_MARKER, b"first", 1, digest_of(b"first")) + b"first"
        last = encode_header(_MARKER, b"last", 2, digest_of(b"last")) + b"last"
        whole = first + data + last
        found = scan(memoryview(whole), 0, len(whole), _MARKER)
        covered = sorted(
            [(one.start - HEADER_BYTES, one.end) for one in found.records]
            + [(one.start, one.end) for one in found.damages]
        )
        assert (covered[0][0], covered[-1][1]) == (0, len(whole))
        assert all(this[1] == after[0] for this, after in pairwise(covered))
        assert (found.records[0].items, found.records[-1].items) == (1, 2)
        if not found.damages:
            assert tuple(walk(memoryview(whole), 0, len(whole))) == found.records

    return run


def _segment(seq: int, records: bytes) -> bytes:
    """A segment whose header is in order, whatever follows it."""
    return SegmentHeader(Signal.TRACES, "0" * 16, seq, 0, 0, _MARKER).encode() + records


def _recovery() -> _Target:
    """The first byte says which of two segments get a header that is in order."""
    folder = Path(tempfile.mkdtemp(prefix="rootspan-fuzz-log-"))
    names = ("traces-000000000001.wal", "traces-000000000002.wal", "traces-progress.json")

    def run(data: bytes) -> None:
        shutil.rmtree(folder)
        (folder / "quarantine").mkdir(parents=True)
        has_header, contents = data[:1] or b"\0", data[1:].split(b"\xfe\xff", 2)
        for number, (name, content) in enumerate(zip(names, contents, strict=False)):
            is_sound = number < 2 and has_header[0] >> number & 1
            (folder / name).write_bytes(_segment(number + 1, content) if is_sound else content)
        try:
            found = recover(folder, Signal.TRACES, Quarantine(folder / "quarantine"))
        except LogCorrupt:
            return
        Ledger(found.counts)
        assert all(segment.items >= 0 for segment in found.segments)
        for segment in found.segments:
            with segment.open(verify=True) as view:
                assert sum(record.items for record in view.scan.records) <= segment.items

    return run


class _Given:
    """A request's body that is there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        data, self._data = self._data, b""
        return data


def _statement() -> _Target:
    settings = StoreSettings()

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        head, _, rest = text.partition("\n")
        try:
            request = parse_request([tuple(p.partition("=")[::2]) for p in head.split("&")], {})  # type: ignore[misc]
            authenticate({}, {"authorization": head}, settings)
            locate_statement(request.query, Body(_Given(data), ""), most_bytes=1000)
            parse_canonical(rest)
            parse_multipart(f"multipart/form-data; boundary={head[:20]}", data)
        except (EngineError, ValueError):
            return

    return run


def _store() -> _Target:
    folder = Path(tempfile.mkdtemp(prefix="rootspan-fuzz-store-"))
    secret = folder / "secret"
    secret.write_text(_SECRET)
    settings = StoreSettings(data=folder / "data", max_execution_time_s=5, max_result_rows=10_000)
    service = QueryService(Engine(settings), settings)

    def run(data: bytes) -> None:
        sql = data.decode("utf-8", "replace").replace("$F", str(secret))
        call = Call("GET", (("query", sql),), {}, Body(_Given(b""), ""), lambda _cancel: None)
        answer = service.answer(call)
        try:
            told = answer.body + b"".join(bytes(piece) for piece in answer.rest or ())
        finally:
            answer.close()
        assert _SECRET.encode() not in told
        assert answer.status < 600

    return run


_TARGETS: dict[str, Callable[[], _Target]] = {
    "receiver": _receiver,
    "json": _json,
    "body": _body,
    "log": _log,
    "recovery": _recovery,
    "statement": _statement,
    "store": _store,
}
_RECORD = encode_header(_MARKER, b"abc", 3, digest_of(b"abc")) + b"abc"
_PROGRESS = b'{"done_seq": 1, "accepted": 6, "stored": 6, "quarantined": 0, "refused": 0, "repeated": 0}'
_SEEDS: dict[str, tuple[bytes, ...]] = {
    "receiver": tuple(
        bytes([number]) + made.SerializeToString()
        for number, made in enumerate((otlp.traces(2), otlp.logs(2), otlp.metrics()))
    ),
    "json": (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","attributes":[]}]}]}]}',),
    "body": (gzip.compress(b"x" * 50, mtime=0),),
    "log": (_RECORD,),
    "recovery": (
        b"\0RSPANWAL\xfe\xffRSPANWAL\xfe\xff{}",
        b"\3" + _RECORD + _RECORD + b"\xfe\xff" + _RECORD + b"\xfe\xff" + _PROGRESS,
        b"\2" + _segment(1, _RECORD[:-1]) + b"\xfe\xff" + _RECORD,
    ),
    "statement": (b"query=SELECT 1&session_id=a\nINSERT INTO t FORMAT CSV\n1,2",),
    "store": (
        b"SELECT 1",
        b"SELECT file('$F')",
        b"SELECT * FROM file('$F', 'LineAsString')",
        b"WITH x AS (SELECT 1 AS a) SELECT * FROM x, numbers(10) ORDER BY a LIMIT 1 FORMAT JSON",
        b"DESCRIBE TABLE file('$F', 'CSV')",
        b"EXPLAIN AST SELECT arrayMap(x -> x + 1, [1, 2])",
    ),
}


def main() -> None:
    """Write the seeds and fuzz; libFuzzer ends the process."""
    name, corpus, flags = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    for number, seed in enumerate(_SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    logging.disable()
    atheris.Setup([sys.argv[0], *flags, str(corpus)], _TARGETS[name]())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
