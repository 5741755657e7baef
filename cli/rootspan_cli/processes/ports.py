"""Which addresses are free to listen on.

Binds for a moment and lets go: somebody else may be faster, and then the part itself says so.
"""

import errno
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rootspan_cli.errors import WrongUse

__all__ = ["Address", "free_address", "free_port", "is_free", "require_free"]

# From here on ports are seldom anybody's by convention; Linux hands out those from `_EPHEMERAL` on by itself.
_FIRST, _EPHEMERAL = 10_000, 32_768
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; an IPv6 host comes without brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, flag: str) -> "Address":
        """Read `HOST:PORT`, `[IPV6]:PORT` or `:PORT` (127.0.0.1).

        Raises:
            WrongUse: It is none of these; the message names `flag`.
        """
        host, colon, port = text.strip().rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if (
            not colon
            or not (port.isascii() and port.isdigit())
            or int(port) > 65535
            or (":" in bare) != (host != bare)
        ):
            raise WrongUse(f"{flag} {text!r} is not HOST:PORT, such as 127.0.0.1:4317")
        return cls(bare or "127.0.0.1", int(port))

    @property
    def reachable(self) -> "Address":
        """The address that a client on this machine uses: a wildcard becomes loopback."""
        return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _bind(address: Address) -> int:
    """Bind for a moment; return the port."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger after a stop must not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address.host, address.port))
        probe.listen(1)
        return int(probe.getsockname()[1])


def is_free(address: Address) -> bool:
    """Whether a server could listen there now."""
    try:
        _bind(address)
    except OSError:
        return False
    return True


def require_free(address: Address, *, what: str, flag: str) -> None:
    """Make sure that `what` can listen there.

    Raises:
        WrongUse: It cannot; the message names the part, the address and the flag that changes it.
    """
    try:
        _bind(address)
    except OSError as err:
        raise WrongUse(
            f"the {what} cannot listen on {address}: {err.strerror or err}; "
            f"stop what listens there, or choose another address with {flag}"
        ) from err


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago, and that nobody gets unasked.

    A port that the kernel chooses is given back by the probe, and may be the near end of anybody's next
    connection before its owner has started. So it is chosen at random below the range of those. While this
    process lives, no other one that asks here gets the same: servers of gRPC share a port without a word.

    Raises:
        OSError: The host has no port to listen on.
    """
    for port in chain(_below_ephemeral(tries=50), [0]):
        try:
            found = _bind(Address(host, port))
        except OSError:
            if not port:
                raise
            continue
        if not port or _is_claimed_now(found):
            return found
    raise AssertionError("the last port tried is the kernel's own choice")


def _is_claimed_now(port: int) -> bool:
    """Claim a port for as long as this process lives; False if somebody has it.

    The claim is a name in Linux' abstract namespace of sockets, which the kernel takes back whatever happens.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0rootspan-port-{port}")
    except OSError as err:
        claim.close()
        return err.errno != errno.EADDRINUSE
    claim.detach()  # open until the process ends
    return True


def _below_ephemeral(*, tries: int) -> Iterator[int]:
    try:
        end = int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        end = _EPHEMERAL
    if end > _FIRST:
        for _ in range(tries):
            yield random.SystemRandom().randrange(_FIRST, end)


def free_address(preferred: Address) -> Address:
    """`preferred` if it is free, else a free port on the same host; port 0 stands for any.

    Raises:
        WrongUse: The host has no port to listen on.
    """
    if preferred.port and is_free(preferred):
        return preferred
    try:
        return Address(preferred.host, free_port(preferred.host))
    except OSError as err:
        raise WrongUse(f"no port is free on {preferred.host}: {err.strerror or err}") from err
