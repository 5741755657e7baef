"""How commands reach a collector: plainly, or by TLS and with a token where it asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

__all__ = ["CollectorAddress"]


@dataclass(frozen=True, slots=True)
class CollectorAddress:
    """A collector's OTLP/gRPC address.

    Attributes:
        ca: PEM file of the authority that signed its certificate; None: no TLS.
        token: Bearer token; None: none.
    """

    target: str
    ca: Path | None = None
    token: str | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    @contextmanager
    def channel(self) -> "Iterator[grpc.Channel]":
        """Open a channel. Raises OSError: the authority's file cannot be read."""
        import grpc

        # A shared pool would keep the backoff of connections to a process that is gone; a proxy that the
        # environment names must not come between processes of one machine.
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
        target = self.target.removeprefix("http://").removeprefix("https://")
        if self.ca is None:
            opened = grpc.insecure_channel(target, options=options)
        else:
            credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
            opened = grpc.secure_channel(target, credentials, options=options)
        with opened as channel:
            yield channel
