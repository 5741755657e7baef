"""Asks the ranker's pods in turn, and no more the one that does not answer, as a Service's endpoints do."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import grpc
from examples.harness import wire
from opentelemetry.trace import Status, StatusCode, format_trace_id

import rootspan


class Gateway:
    """Thread-safe.

    Args:
        addresses: Of pods, by node.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._stubs = {node: wire.stub(address, "Ranker/Rank") for node, address in addresses.items()}

    def ask(self, number: int) -> tuple[bool, str]:
        """A user's request, for `drive`."""
        with rootspan.span("POST /rank", kind="server") as span:
            trace_id = format_trace_id(span.get_span_context().trace_id)
            for attempt in range(2):
                with self._lock:
                    nodes = sorted(self._stubs)
                    node = nodes[(number + attempt) % len(nodes)]
                    stub = self._stubs[node]
                try:
                    with rootspan.attempt(attempt):
                        stub({"user": number}, timeout=3)
                    return True, trace_id
                except grpc.RpcError as err:
                    if err.code() == grpc.StatusCode.UNAVAILABLE:
                        with self._lock:
                            self._stubs.pop(node, None)
            span.set_status(Status(StatusCode.ERROR, "no pod answered"))
        return False, trace_id
