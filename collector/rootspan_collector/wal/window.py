"""What a log asks of the memory of requests: is this one new, known, or in somebody else's hands?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

__all__ = ["Claim", "Window"]


class Claim(Enum):
    """What came of asking for a request."""

    MINE = "new; whoever asked writes it, and settles it"
    KNOWN = "durable already"
    TAKEN = "another process is writing it, or died while it did"


class Window(Protocol):
    """The requests of late, by their digest. Its owner calls it from one thread at a time."""

    @property
    def is_on(self) -> bool:
        """Whether anything is remembered at all."""
        ...

    def knows(self, digest: bytes) -> bool:
        """Whether the request was made durable lately. From any thread."""
        ...

    def claim(self, digest: bytes) -> Claim:
        """Ask for a request."""
        ...

    def settle(self, digests: Sequence[bytes], *, are_durable: bool) -> None:
        """Remember requests that were written, claimed before or not; or give claimed ones back."""
        ...

    def recover(self, digests: Iterable[bytes]) -> None:
        """Remember what a log holds, at its start: of what was claimed for it, nothing else is durable."""
        ...
