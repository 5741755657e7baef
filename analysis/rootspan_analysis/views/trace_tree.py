"""A trace as a tree: order, depth, self time, the critical path.

Pure and iterative: traces come with 10,000 spans in one chain, with lost parents, cycles and skewed clocks.
Kept in columns, because 100,000 spans as 100,000 objects take longer to build than a person waits: a
`TraceSpan` is made for the few that are looked at. What to draw of a large tree: see trace_rows.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rootspan_analysis.views.clock_skew import ClockSkew

__all__ = ["TraceSpan", "TraceTree", "build_tree"]

Interval = tuple[int, int]
Ints = NDArray[np.int64]
_TEXTS = ("span_id", "parent_id", "operation", "kind", "service", "host", "status", "status_message")


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span in its tree. Times in unix nanoseconds.

    Attributes:
        parent: Index in `TraceTree.spans`, None for roots.
        children: Indices of its children, by start.
        lost_parent: It names a parent that the trace does not have.
        self_times: Parts of its time in which none of its children ran, oldest first.
        critical: Parts of its time that lie on the critical path: shortening them shortens the trace.
        below: Spans below it, at any depth.
    """

    span_id: str
    parent_id: str
    operation: str
    kind: str
    service: str
    host: str
    start_ns: int
    duration_ns: int
    status: str
    status_message: str
    events: int
    links: int
    parent: int | None
    depth: int
    lost_parent: bool
    below: int
    children: tuple[int, ...]
    self_times: list[Interval]
    critical: list[Interval]

    @property
    def end_ns(self) -> int:
        """When it ended."""
        return self.start_ns + self.duration_ns

    @property
    def self_ns(self) -> int:
        """Time in which none of its children ran."""
        return sum(end - start for start, end in self.self_times)

    @property
    def failed(self) -> bool:
        """Whether its status is Error."""
        return self.status == "Error"


@dataclass(frozen=True, slots=True, eq=False)
class TraceTree(Sequence[TraceSpan]):
    """A trace's spans, parents before children, siblings by start.

    Arrays have an item each span, in that order.

    Attributes:
        texts: The spans' names and ids as they were read, in that order.
        total: Spans that the trace has in the store; more than there are here if the read was limited.
        root: Index of the span that the critical path belongs to: the longest root.
        skewed: Spans that begin before their parent or end after it.
        skews: Clocks that must differ from the root's, whether the spans were put onto one clock or not.
        parent: -1 for roots.
        critical: Parts on the critical path, by index; only of spans that lie on it.
    """

    texts: pa.Table
    start_ns: int
    end_ns: int
    total: int
    root: int
    skewed: int
    skews: tuple[ClockSkew, ...]
    starts: Ints
    durations: Ints
    parent: Ints
    depth: Ints
    below: Ints
    self_ns: Ints
    failed: NDArray[np.bool_]
    lost_parent: NDArray[np.bool_]
    critical: dict[int, list[Interval]]
    children_at: Ints
    children_of: Ints

    @property
    def spans(self) -> Sequence[TraceSpan]:
        """The spans, each made when it is asked for."""
        return self

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[TraceSpan]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> TraceSpan: ...
    @overload
    def __getitem__(self, place: slice) -> list[TraceSpan]: ...
    def __getitem__(self, place: int | slice) -> TraceSpan | list[TraceSpan]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        i = place if place >= 0 else place + len(self)
        if not 0 <= i < len(self):
            raise IndexError(f"the trace has {len(self)} spans; there is none at {place}")
        children = self.children(i)
        return TraceSpan(
            **{name: self.texts[name][i].as_py() for name in _TEXTS},
            events=self.texts["events"][i].as_py(),
            links=self.texts["links"][i].as_py(),
            start_ns=int(self.starts[i]),
            duration_ns=int(self.durations[i]),
            parent=int(self.parent[i]) if self.parent[i] >= 0 else None,
            depth=int(self.depth[i]),
            lost_parent=bool(self.lost_parent[i]),
            below=int(self.below[i]),
            children=children,
            self_times=self._self_times(i, children),
            critical=sorted(self.critical.get(i, [])),
        )

    def children(self, place: int) -> tuple[int, ...]:
        """Indices of a span's children, by start."""
        low, high = self.children_at[place], self.children_at[place + 1]
        return tuple(self.children_of[low:high].tolist())

    def find(self, span_id: str) -> int | None:
        """Where a span stands; None if it is not there."""
        place = pc.index(self.texts["span_id"], span_id).as_py()
        return place if place >= 0 else None

    def distinct(self, name: str) -> list[str]:
        """Different values of `service`, `host` or `operation`, sorted, without the empty one."""
        return sorted(one for one in pc.unique(self.texts[name]).to_pylist() if one)

    def critical_ns(self, place: int) -> int:
        """Time of a span on the critical path."""
        return sum(end - start for start, end in self.critical.get(place, ()))

    def self_ns_by(self, name: str) -> dict[str, int]:
        """Self time by `service`, `host` or `operation`."""
        codes = self.texts[name].combine_chunks().dictionary_encode()
        sums = np.bincount(codes.indices.to_numpy(), weights=self.self_ns)
        return {value: int(one) for value, one in zip(codes.dictionary.to_pylist(), sums, strict=True)}

    def _self_times(self, place: int, children: tuple[int, ...]) -> list[Interval]:
        free: list[Interval] = []
        at, end_ns = int(self.starts[place]), int(self.starts[place] + self.durations[place])
        for child in children:
            begin, end = int(self.starts[child]), int(self.starts[child] + self.durations[child])
            if begin > at:
                free.append((at, min(begin, end_ns)))
            at = max(at, end)
            if at >= end_ns:
                break
        if at < end_ns:
            free.append((at, end_ns))
        return [(begin, end) for begin, end in free if end > begin]


def build_tree(table: pa.Table, *, skews: tuple[ClockSkew, ...] = ()) -> TraceTree | None:
    """Arrange the rows of `fetch_trace_spans`; None if there are none. What is known of clocks is kept.

    A span whose parent is unknown becomes a root; so does one span of each cycle.
    """
    if not table.num_rows:
        return None
    total = table["spans_in_trace"][0].as_py()
    order = [("start_ns", "ascending"), ("duration_ns", "descending"), ("span_id", "ascending")]
    table = table.drop_columns(["spans_in_trace"]).combine_chunks().sort_by(order)
    named = pc.index_in(table["parent_id"], value_set=table["span_id"]).fill_null(-1).to_numpy()
    named = np.where(named == np.arange(len(named)), -1, named)  # no span is its own parent
    places, parent, depth = _in_tree_order(named)
    table = table.take(pa.array(places))
    starts = table["start_ns"].to_numpy().astype(np.int64)
    durations = np.minimum(table["duration_ns"].to_numpy(), np.iinfo(np.int64).max // 2).astype(np.int64)
    ends = starts + durations
    below, self_ns = _sums(starts.tolist(), ends.tolist(), parent.tolist())
    by_parent = np.argsort(parent, kind="stable")
    roots = int((parent < 0).sum())
    counts = np.bincount(parent[parent >= 0], minlength=len(parent))
    children_at = np.concatenate([[0], np.cumsum(counts)]) + roots
    has = parent >= 0
    skew = (starts < starts[parent]) | (ends > ends[parent])
    root = min(by_parent[:roots].tolist(), key=lambda i: (-durations[i], -below[i], i))
    return TraceTree(
        texts=table,
        start_ns=int(starts.min()),
        end_ns=int(ends.max()),
        total=total,
        root=root,
        skewed=int((has & skew).sum()),
        skews=skews,
        starts=starts,
        durations=durations,
        parent=parent,
        depth=depth,
        below=below,
        self_ns=self_ns,
        failed=pc.equal(table["status"], "Error").to_numpy(),
        lost_parent=~has & pc.not_equal(table["parent_id"], "").to_numpy(),
        critical=_critical_path(
            starts.tolist(), ends.tolist(), root, children_at.tolist(), by_parent.tolist()
        ),
        children_at=children_at,
        children_of=by_parent,
    )


def _in_tree_order(named: Ints) -> tuple[Ints, Ints, Ints]:
    """Places by start in the order of the tree, and parent and depth of each in that order."""
    count = len(named)
    first, following = [-1] * count, [-1] * count
    parents = named.tolist()
    for i in range(count - 1, -1, -1):  # from the last, so that siblings end up by start
        if parents[i] >= 0:
            following[i], first[parents[i]] = first[parents[i]], i
    places: list[int] = []
    parent: list[int] = []
    depth: list[int] = []
    at = [-1] * count
    # Whatever no root leads to lies in a cycle or below one: its earliest span becomes a root in its turn.
    for start in [i for i in range(count) if parents[i] < 0] + list(range(count)):
        if at[start] >= 0:
            continue
        stack = [(start, -1, 0)]
        while stack:
            i, above, level = stack.pop()
            place = at[i] = len(places)
            places.append(i)
            parent.append(above)
            depth.append(level)
            child = first[i]
            if child >= 0:
                children = []
                while child >= 0:
                    if at[child] < 0:
                        children.append((child, place, level + 1))
                    child = following[child]
                children.reverse()
                stack += children
    return np.array(places), np.array(parent), np.array(depth)


def _sums(starts: list[int], ends: list[int], parent: list[int]) -> tuple[Ints, Ints]:
    """Spans below each, and self time of each: its time that no child covers."""
    count = len(starts)
    covered_to, free = list(starts), [0] * count
    for i in range(count):
        above = parent[i]
        if above >= 0:
            start, end, at = starts[i], ends[i], covered_to[above]
            if start > at:
                until = ends[above]
                gap = (start if start < until else until) - at
                if gap > 0:
                    free[above] += gap
            if end > at:
                covered_to[above] = end
    below = [0] * count
    for i in range(count - 1, -1, -1):
        rest = ends[i] - covered_to[i]
        if rest > 0:
            free[i] += rest
        if parent[i] >= 0:
            below[parent[i]] += below[i] + 1
    return np.array(below), np.array(free)


def _critical_path(
    starts: list[int], ends: list[int], root: int, children_at: list[int], children_of: list[int]
) -> dict[int, list[Interval]]:
    """Walk back from the root's end, each time into the child that ended last before.

    Clip what sticks out.
    """
    found: dict[int, list[Interval]] = {}
    stack: list[tuple[int, int, int]] = [(root, starts[root], ends[root])]
    while stack:
        place, low, high = stack.pop()
        first, last = children_at[place], children_at[place + 1]
        at = high
        if first < last:
            children = [(ends[i] if ends[i] < high else high, i) for i in children_of[first:last]]
            for end, child in sorted(children, reverse=True):
                start = starts[child] if starts[child] > low else low
                if end > at or end <= start:
                    continue
                if at > end:
                    found.setdefault(place, []).append((end, at))
                stack.append((child, start, end))
                at = start
                if at <= low:
                    break
        if at > low:
            found.setdefault(place, []).append((low, at))
    return found
