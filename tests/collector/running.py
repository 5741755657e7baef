"""Collectors in the test's own process, with a store that is not there, and plain HTTP calls to them."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rootspan_collector.server import Collector
from rootspan_collector.settings import load_settings

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def collector(folder: Path, **given: object) -> Iterator[Collector]:
    told = {
        "store": f"http://127.0.0.1:{closed_port()}/otel",
        "collector_grpc": "127.0.0.1:0",
        "collector_http": "127.0.0.1:0",
        "collector_wal": folder / "wal",
        "collector_stop_grace_s": 0.2,
        **given,
    }
    running = Collector(load_settings(**told))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def call(
    running: Collector,
    path: str,
    body: bytes | None = None,
    *,
    content_type: str = PROTOBUF,
    headers: Mapping[str, str] = {},
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """POST the body, or GET without one."""
    assert running.http_address is not None
    host, _, port = running.http_address.rpartition(":")
    connection = (
        http.client.HTTPConnection(host, int(port), timeout=10)
        if tls is None
        else http.client.HTTPSConnection("localhost", int(port), timeout=10, context=tls)
    )
    try:
        told = {"content-type": content_type, **headers} if body is not None else dict(headers)
        connection.request("GET" if body is None else "POST", path, body, told)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def metrics(running: Collector, headers: Mapping[str, str] = {}) -> dict[str, float]:
    """The collector's own metrics, by name and labels."""
    answer = call(running, "/metrics", headers=headers)
    assert answer.status == 200
    lines = (line for line in answer.body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def accepted(running: Collector, signal: str, headers: Mapping[str, str] = {}) -> int:
    name = f'rootspan_collector_items_total{{signal="{signal}",outcome="accepted"}}'
    return int(metrics(running, headers)[name])
