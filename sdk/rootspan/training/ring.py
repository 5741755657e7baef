"""The last collectives of this rank, in memory of fixed size, written without a lock.

Owns the record of one collective and its numbering. Knows neither torch nor spans. A record is a plain list
with named positions: making one costs a tenth of an object with fields, and a step has hundreds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import partial
from itertools import count
from time import time_ns
from typing import Any, Protocol

OP, CHANNEL, SEQ, BYTES, PEER, ENQUEUED_NS, ENDED_NS, STEP, PHASE, WAITED, ERROR, TOLD = range(12)
Record = list[Any]
"""One collective, send or receive, by the positions above.

OP: str. CHANNEL: `Channel`. SEQ, BYTES: int. PEER: None for a collective; -1 for a receive
from anybody until it ended. ENQUEUED_NS, ENDED_NS: since the epoch, 0 for an
end that has not come. STEP: the `Step` it was enqueued in, or None. PHASE: the phase around it, or None.
WAITED: `Wait`. ERROR: type of an exception, or None. TOLD: whether
it was sent.
"""
DEFAULT_CAPACITY = 4096


class InStep(Protocol):
    """What a record keeps of the step that it lies in."""

    @property
    def phase(self) -> object:
        """The innermost phase, or None."""


class Wait(IntEnum):
    """When the thread that enqueued a collective waits for it."""

    AT_ONCE = 0
    LATER = 1
    """Somewhere: what it waits there counts as the phase it is in."""
    AT_PHASE_END = 2
    """Where the phase around it ends, as DDP's backward pass does for its buckets."""


class Channel:
    """One process group, or whatever else numbers its collectives on all members alike.

    Attributes:
        label: The same on every member.
        ranks: Members, counted in the whole job; empty where unknown.
        next_seq: Returns the next collective's number.
        next_pair_seq: By operation and peer: returns the number of the next send to it or receive from it,
            which is the same as that of its counterpart there.
        last_enqueued, last_completed: Numbers, -1 before the first. Sends and receives do not count.
    """

    __slots__ = ("label", "last_completed", "last_enqueued", "next_pair_seq", "next_seq", "ranks")

    def __init__(self, label: str, ranks: tuple[int, ...] = ()) -> None:
        self.label, self.ranks = label, ranks
        self.next_seq: Callable[[], int] = _counter()
        self.last_enqueued = self.last_completed = -1
        self.next_pair_seq: dict[str, dict[int | None, Callable[[], int]]] = defaultdict(
            partial(defaultdict, _counter)
        )


def _counter() -> Callable[[], int]:
    return count().__next__


class CollectiveRing:
    """The newest `capacity` records, a power of two. Any thread may add; readers see a moment's state.

    Attributes:
        n_added: How many were ever added.
    """

    __slots__ = ("_mask", "_next", "_slots", "n_added")

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1 or capacity & (capacity - 1):
            raise ValueError(f"capacity is {capacity}: give a power of two")
        self._slots: list[Record | None] = [None] * capacity
        self._mask = capacity - 1
        # next() of a count is atomic: two threads never get the same slot.
        self._next = count().__next__
        self.n_added = 0

    def open(self, op: str, channel: Channel, size_bytes: int, step: InStep | None, waited: int, /) -> Record:
        """Note that a collective is being enqueued, now."""
        seq = channel.last_enqueued = channel.next_seq()
        record: Record = [
            op, channel, seq, size_bytes, None, time_ns(), 0,
            step, None if step is None else step.phase, waited, None, False,
        ]  # fmt: skip
        n = self._next()
        self._slots[n & self._mask] = record
        self.n_added = n + 1
        return record

    def open_pair(  # noqa: PLR0917 - keywords cost time, and there is one caller for each
        self,
        op: str,
        channel: Channel,
        size_bytes: int,
        peer: int | None,
        step: InStep | None,
        waited: int,
        /,
    ) -> Record:
        """Note that a send or a receive is being enqueued, now."""
        seq = channel.next_pair_seq[op][peer]()
        record: Record = [
            op, channel, seq, size_bytes, -1 if peer is None else peer, time_ns(), 0,
            step, None if step is None else step.phase, waited, None, False,
        ]  # fmt: skip
        n = self._next()
        self._slots[n & self._mask] = record
        self.n_added = n + 1
        return record

    def since(self, n: int) -> tuple[list[Record], int]:
        """Records from the n-th on, oldest first, and how many of those are overwritten already."""
        end = self.n_added
        begin = max(n, end - len(self._slots))
        found = [self._slots[i & self._mask] for i in range(begin, end)]
        return [record for record in found if record is not None], begin - n

    def pending(self) -> Iterator[Record]:
        """Records without an end, oldest first."""
        records, _ = self.since(0)
        return (record for record in records if not record[ENDED_NS])


def close(record: Record, error: str | None = None) -> None:
    """Note that a collective ended, now. The first end counts."""
    if not record[ENDED_NS]:
        record[ERROR] = error
        record[ENDED_NS] = time_ns()
        if record[PEER] is None and error is None:
            record[CHANNEL].last_completed = record[SEQ]
