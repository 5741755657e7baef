"""The gRPC server: listens, limits, health, reflection. Knows no telemetry."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.grpc_calls import CallPool
from rootspan_collector.otlp.services import SERVICES
from rootspan_collector.status import STATUS_SERVICE, register_descriptor

__all__ = ["GrpcServer"]

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def _options(max_message_bytes: int, reuse_port: bool) -> Sequence[tuple[str, int]]:
    return (
        ("grpc.so_reuseport", int(reuse_port)),
        ("grpc.max_receive_message_length", max_message_bytes),
        # A client that vanished is noticed within two minutes; one that pings every 10 s (the usual floor)
        # is not thrown out.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    )


class GrpcServer:
    """Serves the given handlers beside health and reflection.

    Raises:
        ConfigurationError: It cannot listen there.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        handlers: Iterable[grpc.GenericRpcHandler[Any, Any]],
        *,
        threads: int,
        max_message_bytes: int,
        reuse_port: bool = False,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        names = [service.name for service in SERVICES]
        # Reflection streams and watches hold a thread each; they must not take those of Export.
        self._pool = CallPool(threads + 4, at_once=threads)
        self._server = grpc.server(self._pool, options=_options(max_message_bytes, reuse_port))
        self._server.add_generic_rpc_handlers(tuple(handlers))
        self._health = health.HealthServicer()
        self._health_names = ("", *names)
        self._is_serving: bool | None = None
        self.set_serving(False)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        register_descriptor()
        for service in SERVICES:
            importlib.import_module(service.module)  # puts its descriptors into the pool
        reflected = (*names, STATUS_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(reflected, self._server)
        host, port = listen
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if credentials is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, credentials)
        except RuntimeError as err:
            self._pool.shutdown()
            raise ConfigurationError(
                f"cannot listen on {address}: it is taken, or not an address of this machine; "
                "stop what listens there, or set ROOTSPAN_COLLECTOR_GRPC"
            ) from err
        self.host = host

    def start(self) -> None:
        """Accept requests and call itself healthy."""
        self._server.start()
        self.set_serving(True)

    def set_serving(self, is_serving: bool) -> None:
        """Answer health checks with SERVING or NOT_SERVING."""
        if is_serving is self._is_serving:
            return
        self._is_serving = is_serving
        for name in self._health_names:
            self._health.set(name, _SERVING if is_serving else _NOT_SERVING)

    def stop(self, grace_s: float) -> None:
        """Take no new requests, let those in flight finish, at most `grace_s`.

        Return when done. Safe to repeat.
        """
        self.set_serving(False)
        self._server.stop(grace_s).wait()
        self._pool.shutdown(wait=True)
