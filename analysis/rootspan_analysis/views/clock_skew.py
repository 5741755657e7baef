"""Estimates how far the hosts' clocks differ within one trace, and puts its spans onto one clock.

Pure. A server cannot have begun before its client asked, nor ended after the client had the answer: each call
between two hosts bounds the difference of their clocks from both sides. All calls of a pair of hosts together
give the narrowest bounds; where they leave out zero, the callee's clock is moved to their middle. Clocks that
may agree are left alone. (The method is the clock-skew adjustment of Jaeger's query service, with the bounds
of all calls instead of the first.)
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["ClockSkew", "estimate_skew", "shifted"]

Ints = NDArray[np.int64]
ANSWERED: Final = ("Server",)
"""Kinds that end before their caller does. A consumer may run long after its producer."""


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """What a host's clock was moved by.

    Attributes:
        offset_ns: Added to its times, so that they are on the clock of the trace's root.
        error_ns: How much more or less it may be: half of what the bounds leave, summed over the hosts
            between it and the root.
        calls: Calls into the host that tell of its clock.
        consistent: Whether one offset satisfies all of them; if not, the clock drifted or spans are wrong,
            and the offset is the middle of what they say.
    """

    host: str
    offset_ns: int
    error_ns: int
    calls: int
    consistent: bool


def estimate_skew(table: pa.Table) -> tuple[ClockSkew, ...]:
    """Clocks that must differ from the root's, the largest difference first. Often empty.

    Args:
        table: `span_id, parent_id, kind, host, start_ns, duration_ns` of one trace, in any order.
    """
    named = pc.index_in(table["parent_id"], value_set=table["span_id"]).fill_null(-1).to_numpy()
    codes = table["host"].combine_chunks().dictionary_encode()
    names: list[str] = codes.dictionary.to_pylist()
    host: Ints = codes.indices.to_numpy().astype(np.int64)
    answered = pc.is_in(table["kind"], value_set=pa.array(ANSWERED)).to_numpy()
    empty = names.index("") if "" in names else -1
    call = (named >= 0) & answered & (host != host[named]) & (host != empty) & (host[named] != empty)
    if not call.any():
        return ()
    starts = table["start_ns"].to_numpy().astype(np.int64)
    ends = starts + np.minimum(table["duration_ns"].to_numpy(), np.iinfo(np.int64).max // 2).astype(np.int64)
    callee, caller = np.flatnonzero(call), named[call]
    low, high = starts[caller] - starts[callee], ends[caller] - ends[callee]
    bounds = _bounds(host[caller], host[callee], low, high)
    first = host[int(np.argmin(np.where(named < 0, starts, np.iinfo(np.int64).max)))]
    return _walk(int(first), bounds, names)


@dataclass(frozen=True, slots=True)
class _Bound:
    offset_ns: int
    error_ns: int
    calls: int
    consistent: bool


def _bounds(caller: Ints, callee: Ints, low: Ints, high: Ints) -> dict[tuple[int, int], _Bound]:
    """What the calls of each pair of hosts say, zero where the clocks may agree."""
    pairs, which = np.unique(np.stack([caller, callee], axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    found = {}
    for number, (a, b) in enumerate(pairs.tolist()):
        mine = which == number
        least, most, calls = int(low[mine].max()), int(high[mine].min()), int(mine.sum())
        if least <= 0 <= most:
            bound = _Bound(0, 0, calls, True)
        elif least <= most:
            bound = _Bound((least + most) // 2, (most - least) // 2, calls, True)
        else:
            middles = (low[mine] + high[mine]) // 2
            bound = _Bound(int(np.median(middles)), (least - most) // 2, calls, False)
        found[a, b] = bound
    return found


def _walk(first: int, bounds: Mapping[tuple[int, int], _Bound], names: list[str]) -> tuple[ClockSkew, ...]:
    """From the root's host to those that it calls, and on: offsets add up. More calls tell more."""
    calls_of: dict[int, list[tuple[int, _Bound]]] = {}
    for (a, b), bound in sorted(bounds.items(), key=lambda one: (-one[1].calls, one[0])):
        calls_of.setdefault(a, []).append((b, bound))
    found: dict[int, ClockSkew] = {first: ClockSkew(names[first], 0, 0, 0, True)}
    waiting = deque([first])
    while waiting:
        a = waiting.popleft()
        for b, bound in calls_of.get(a, ()):
            if b in found:
                continue
            offset, error = found[a].offset_ns + bound.offset_ns, found[a].error_ns + bound.error_ns
            found[b] = ClockSkew(names[b], offset, error, bound.calls, bound.consistent)
            waiting.append(b)
    moved = [one for one in found.values() if one.offset_ns]
    return tuple(sorted(moved, key=lambda one: (-abs(one.offset_ns), one.host)))


def shifted(table: pa.Table, skews: tuple[ClockSkew, ...], *, column: str = "start_ns") -> pa.Table:
    """The same rows with `column` on the root's clock, by each row's `host`."""
    if not skews:
        return table
    place = (
        pc.index_in(table["host"], value_set=pa.array([one.host for one in skews])).fill_null(-1).to_numpy()
    )
    offsets = np.array([*(one.offset_ns for one in skews), 0], dtype=np.int64)
    moved = pa.array(table[column].to_numpy().astype(np.int64) + offsets[place])
    return table.set_column(table.column_names.index(column), column, moved)
