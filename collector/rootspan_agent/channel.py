"""Opens the connection to a collector. Owns its options, and the token that goes with each call."""

from pathlib import Path
from typing import Final

import grpc

__all__ = ["metadata_of", "open_channel"]

_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.primary_user_agent", "rootspan-agent"),
)


def open_channel(endpoint: str, ca: Path | None) -> grpc.Channel:
    """A channel that connects when it is first used; TLS where there is an authority.

    Raises:
        OSError: The authority's file cannot be read.
    """
    target = endpoint.removeprefix("http://").removeprefix("https://")
    if ca is None:
        return grpc.insecure_channel(target, _OPTIONS)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(ca.read_bytes()), _OPTIONS)


def metadata_of(token: str | None) -> tuple[tuple[str, str], ...]:
    """What goes with each call of a tenant's."""
    return (("authorization", f"Bearer {token}"),) if token else ()
