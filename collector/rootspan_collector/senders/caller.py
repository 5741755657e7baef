"""Who a request is from: a tenant, and where it came from. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rootspan_collector.senders.quota import Quota

__all__ = ["ANONYMOUS", "TENANT_FIELD", "Caller", "Tenant"]

TENANT_FIELD = 1000
"""Field `rootspan_tenant` (a string) of each Export…ServiceRequest in the log. OTLP has no such field. Where
there are tenants, the collector appends it, and the last one counts, whatever a sender put there; where there
are none, it is left as it came and means nothing."""

_LENGTH_DELIMITED = 2


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom data belongs to.

    Attributes:
        name: Empty if senders are not told apart.
        mark: The bytes that write `name` into a request. Protobuf allows fields in any order, and the last
            one of several counts, so that appending is enough.
        quota: How much it may send; None: as much as it likes.
    """

    name: str
    mark: bytes = field(repr=False)
    quota: Quota | None = None

    @classmethod
    def named(cls, name: str, quota: Quota | None = None) -> Tenant:
        """Make a tenant of that name."""
        encoded = name.encode()
        tag = _varint(TENANT_FIELD << 3 | _LENGTH_DELIMITED)
        return cls(name, tag + _varint(len(encoded)) + encoded, quota)


ANONYMOUS = Tenant("", b"")
"""Everyone, where nobody has to say who they are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's sender.

    Attributes:
        peer: Tells the address; asked only when something is refused.
        is_replay: Whether a request is sent again on purpose, out of quarantine; asked only if it is known.
    """

    tenant: Tenant
    peer: Callable[[], str]
    is_replay: Callable[[], bool] = lambda: False

    @property
    def label(self) -> str:
        """What refusals are counted under: the tenant, or the address without its port."""
        return self.tenant.name or _host_of(self.peer())


def _host_of(peer: str) -> str:
    """gRPC writes `ipv4:10.0.0.7:41234` and `ipv6:[::1]:41234` (the brackets percent-encoded)."""
    host = peer.removeprefix("ipv4:").removeprefix("ipv6:").rpartition(":")[0]
    return host.replace("%5B", "").replace("%5D", "").strip("[]") or "unknown"
