"""Rotel for `bench.ingest --peer rotel`: the same spans by another collector into the same kind of store.

Rotel is a collector in Rust with an exporter to ClickHouse (`pip install rotel` brings the binary). It writes
to a database of its own, in the table of OpenTelemetry's ClickHouse exporter. It acknowledges before anything
is stored or written to disk, and keeps neither rollups nor a ledger; nothing of that is evened out here.
"""

from __future__ import annotations

import socket
from importlib import metadata, util
from pathlib import Path

from tests.support.processes import Process, StoreProcess, wait_moving

from bench.ingest_run import Meter, send, wait_merged
from rootspan_cli.processes.ports import free_port

__all__ = ["RotelProcess", "measure_rotel"]

_SCHEMA = Path(__file__).parent / "sql" / "peer_traces.sql"
_DATABASE = "peer"
_STALL_S = 60.0


class RotelProcess(Process):
    """Rotel's agent with the given exporter flags; takes OTLP/gRPC on `port` and OTLP/HTTP on `http_port`.

    Raises:
        RuntimeError: Rotel is not installed.
    """

    def __init__(self, folder: Path, exporter: list[str]) -> None:
        found = util.find_spec("rotel")
        if found is None or found.origin is None:
            raise RuntimeError("Rotel is not installed: pip install rotel")
        self.port, self.http_port = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        listen = [
            *("--otlp-grpc-endpoint", self.address),
            *("--otlp-http-endpoint", f"127.0.0.1:{self.http_port}"),
            *("--pid-file", str(folder / "rotel.pid")),
        ]
        super().__init__("rotel", ["start", *listen, *exporter], folder / "rotel.log")
        self._arguments[0] = str(Path(found.origin).with_name("rotel-agent"))

    @property
    def address(self) -> str:
        """HOST:PORT for OTLP/gRPC."""
        return f"127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Whether it listens."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def measure_rotel(folder: Path, seconds: float) -> dict[str, object]:
    """Send for so long, wait until all is visible and merged; count CPU-seconds of Rotel and the store."""
    store = StoreProcess(folder)
    clickhouse = {
        "endpoint": f"http://127.0.0.1:{store.port}",
        "database": _DATABASE,
        "async-insert": "false",
        "compression": "none",
    }
    flags = [text for name, value in clickhouse.items() for text in (f"--clickhouse-exporter-{name}", value)]
    rotel = RotelProcess(folder, ["--exporter", "clickhouse", *flags])
    with store.running():
        for name in ("otel", _DATABASE):
            store.query(f"CREATE DATABASE {name}", database="default")
        for statement in filter(str.strip, _SCHEMA.read_text().split(";")):
            store.query(statement)
        with rotel.running():
            warm = send(rotel.address, 1)
            _wait_stored(store, warm.spans)
            wait_merged(store)
            meter = Meter(rotel, store)
            sent = send(rotel.address, seconds)
            _wait_stored(store, warm.spans + sent.spans)
            wait_merged(store)
            rotel_s, store_s = meter.used_s()
            return {
                "version": metadata.version("rotel"),
                "spans": sent.spans,
                "spans_per_cpu_s": sent.spans / (rotel_s + store_s),
                "us_per_span": {"rotel": rotel_s / sent.spans * 1e6, "store": store_s / sent.spans * 1e6},
                "ack_p50_ms": sent.ack_p50_ms,
                "ack_p99_ms": sent.ack_p99_ms,
            }


def _wait_stored(store: StoreProcess, spans: int) -> None:
    def count() -> int:
        return store.number(f"SELECT count() FROM {_DATABASE}.otel_traces")

    wait_moving(lambda: count() >= spans, count, stall_s=_STALL_S, what=f"{spans} spans are visible")
