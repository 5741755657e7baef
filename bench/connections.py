"""`python -m bench.connections`: many machines connected at once to one collector, each sending now and then.

Each machine is an HTTP/2 connection of its own, open from the beginning to the end, that sends small requests
over gRPC. The frames are made by hand: thousands of real channels in one process would measure the client.
Counted at the end, by the collector: every span that was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import struct
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import CollectorProcess

from bench.otlp_load import TraceLoad
from rootspan_cli.processes.ports import free_port

__all__ = ["Connected", "run"]

_SPANS = 8
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Connected:
    """What came of it."""

    connections: int
    requests: int
    spans_sent: int
    spans_accepted: int
    connected_in_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    collector_rss_mb: float
    collector_cpu_s: float


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _header(name: bytes, value: bytes) -> bytes:
    """A literal without indexing and without Huffman coding (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


_REQUEST_HEADERS = b"".join(
    _header(name, value)
    for name, value in (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
)


class _Machine:
    """One connection."""

    def __init__(self, number: int) -> None:
        self.latencies_s: list[float] = []
        self._load = TraceLoad(number, _SPANS)
        self._stream = -1

    async def connect(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._writer.write(_PREFACE + _frame(_SETTINGS, 0, 0))

    async def send(self) -> None:
        """Send one request and wait for its trailers."""
        self._stream += 2
        body = self._load.next()
        message = b"\x00" + struct.pack(">I", len(body)) + body
        asked_s = time.perf_counter()
        self._writer.write(
            _frame(_HEADERS, _END_HEADERS, self._stream, _REQUEST_HEADERS)
            + _frame(_DATA, _END_STREAM, self._stream, message)
        )
        await asyncio.wait_for(self._trailers(), _TIMEOUT_S)
        self.latencies_s.append(time.perf_counter() - asked_s)

    async def _trailers(self) -> None:
        while True:
            head = await self._reader.readexactly(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = await self._reader.readexactly(size)
            if kind == _SETTINGS and not flags & _ACK:
                self._writer.write(_frame(_SETTINGS, _ACK, 0))
            elif kind == _PING and not flags & _ACK:
                self._writer.write(_frame(_PING, _ACK, 0, payload))
            elif kind in (_RST, _GOAWAY):
                raise ConnectionError(f"the collector sent frame {kind}: {payload!r}")
            elif kind == _HEADERS and flags & _END_STREAM:
                return

    def close(self) -> None:
        self._writer.close()


async def _drive(port: int, connections: int, rounds: int, at_once: int) -> tuple[list[float], float]:
    machines = [_Machine(number) for number in range(connections)]
    began_s = time.monotonic()
    gate = asyncio.Semaphore(at_once)

    async def one(machine: _Machine) -> None:
        async with gate:
            await machine.send()

    for start in range(0, connections, 200):
        await asyncio.gather(*(machine.connect(port) for machine in machines[start : start + 200]))
    connected_in_s = time.monotonic() - began_s
    for _ in range(rounds):
        await asyncio.gather(*(one(machine) for machine in machines))
    latencies_s = sorted(latency for machine in machines for latency in machine.latencies_s)
    for machine in machines:
        machine.close()
    return latencies_s, connected_in_s


def run(folder: Path, *, connections: int, rounds: int, at_once: int = 64) -> Connected:
    """Connect, send `rounds` requests from each, at most `at_once` at a time, and count.

    Raises:
        ConnectionError, TimeoutError: A machine was not served.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    collector = CollectorProcess(folder, f"http://127.0.0.1:{free_port()}/otel", ["--stop-grace-s", "0"])
    with collector.running():
        before_s = collector.cpu_s()
        latencies_s, connected_in_s = asyncio.run(_drive(collector.port, connections, rounds, at_once))
        used_s = collector.cpu_s() - before_s
        return Connected(
            connections,
            len(latencies_s),
            len(latencies_s) * _SPANS,
            collector.counts("traces")["accepted"],
            connected_in_s,
            latencies_s[len(latencies_s) // 2] * 1e3,
            latencies_s[int(len(latencies_s) * 0.99)] * 1e3,
            collector.peak_rss_mb(),
            used_s,
        )


def main() -> int:
    """Measure and print; 1 if a span is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.connections", description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5, help="requests of each machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rootspan-connections-") as folder:
        found = run(Path(folder), connections=arguments.connections, rounds=arguments.rounds)
    fields = {name: getattr(found, name) for name in Connected.__dataclass_fields__}
    if arguments.json:
        print(json.dumps(fields))
    else:
        for name, value in fields.items():
            print(f"{name:<20} {value:,.1f}" if isinstance(value, float) else f"{name:<20} {value:,}")
    return 0 if found.spans_sent == found.spans_accepted else 1


if __name__ == "__main__":
    sys.exit(main())
