"""What `up` starts: one part as a process of its own, and how to see that it works. Starts nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol

from rootspan_cli.processes.ports import Address

__all__ = ["GrpcHealth", "HttpAnswer", "Part", "Probe", "Runs"]


class Probe(Protocol):
    """Sees whether a part works."""

    def is_ready(self) -> bool:
        """Whether it works now. Takes a second at most; never raises for a part that is down."""
        ...


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Ready when a GET of `path` answers 200."""

    address: Address
    path: str
    timeout_s: float = 1.0

    def is_ready(self) -> bool:
        """See `Probe`."""
        connection = HTTPConnection(self.address.host, self.address.port, timeout=self.timeout_s)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Runs:
    """Ready as soon as it runs: for a part that serves nobody, and that waits for what it needs itself."""

    def is_ready(self) -> bool:
        """See `Probe`."""
        return True


@dataclass(frozen=True, slots=True)
class GrpcHealth:
    """Ready when the standard gRPC health service says SERVING."""

    address: Address
    timeout_s: float = 1.0

    def is_ready(self) -> bool:
        """See `Probe`."""
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        options = (
            # A shared pool would keep the backoff of connections to a process that is gone.
            ("grpc.use_local_subchannel_pool", 1),
            # A proxy named in the environment must not come between processes of one machine.
            ("grpc.enable_http_proxy", 0),
        )
        with grpc.insecure_channel(str(self.address), options=options) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=self.timeout_s)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@dataclass(frozen=True, slots=True)
class Part:
    """One process of an installation.

    Attributes:
        name: `store`, `collector` or `dashboard`.
        command: Its argument vector.
        environment: Added to this process's own; where secrets go, since arguments can be seen by everyone.
        url: What a person is told.
        probe: Sees whether it works.
        log: File that its output is appended to.
        ready_timeout_s: Longest wait until it works for the first time.
        stop_timeout_s: Longest wait after SIGTERM before it is killed.
    """

    name: str
    command: tuple[str, ...]
    url: str
    probe: Probe
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0
