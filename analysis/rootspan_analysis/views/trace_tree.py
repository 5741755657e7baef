"""A trace as a tree: order, depth, self time, the critical path, and which spans to draw when there are too
many.

Pure and iterative: traces come with 10,000 spans in one chain, with lost parents, cycles and skewed clocks.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

__all__ = ["TraceSpan", "TraceTree", "build_tree", "choose_drawn"]

Interval = tuple[int, int]


@dataclass(slots=True)
class TraceSpan:
    """One span in its tree. Times in unix nanoseconds.

    Attributes:
        parent: Index in `TraceTree.spans`, None for roots.
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
    parent: int | None = None
    depth: int = 0
    lost_parent: bool = False
    below: int = 0
    children: list[int] = field(default_factory=list)
    self_times: list[Interval] = field(default_factory=list)
    critical: list[Interval] = field(default_factory=list)

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


@dataclass(frozen=True, slots=True)
class TraceTree:
    """A trace's spans, parents before children, siblings by start.

    Attributes:
        total: Spans that the trace has in the store; more than `spans` if the read was limited.
        root: Index of the span that the critical path belongs to: the root that ends last of the longest.
        skewed: Spans that begin before their parent or end after it.
    """

    spans: tuple[TraceSpan, ...]
    total: int
    root: int
    skewed: int

    @property
    def start_ns(self) -> int:
        """Start of the earliest span."""
        return min(span.start_ns for span in self.spans)

    @property
    def end_ns(self) -> int:
        """End of the latest span."""
        return max(span.end_ns for span in self.spans)


def build_tree(table: pa.Table) -> TraceTree | None:
    """Arrange the rows of `fetch_trace_spans`; None if there are none.

    A span whose parent is unknown becomes a root; so does one span of each cycle.
    """
    if not table.num_rows:
        return None
    total = table["spans_in_trace"][0].as_py()
    columns = [name for name in table.column_names if name != "spans_in_trace"]
    found = [TraceSpan(**row) for row in table.select(columns).to_pylist()]
    found.sort(key=lambda span: (span.start_ns, -span.duration_ns, span.span_id))
    spans = _in_tree_order(found)
    for span in spans:
        span.self_times = _self_times(span, [spans[i] for i in span.children])
    for i in range(len(spans) - 1, -1, -1):
        parent = spans[i].parent
        if parent is not None:
            spans[parent].below += spans[i].below + 1
    roots = [i for i, span in enumerate(spans) if span.parent is None]
    root = max(roots, key=lambda i: (spans[i].duration_ns, spans[i].below, -i))
    _mark_critical_path(spans, root)
    skewed = sum(
        1
        for span in spans
        if span.parent is not None
        and (span.start_ns < spans[span.parent].start_ns or span.end_ns > spans[span.parent].end_ns)
    )
    return TraceTree(tuple(spans), total, root, skewed)


def _in_tree_order(found: list[TraceSpan]) -> list[TraceSpan]:
    by_id: dict[str, int] = {}
    for i, span in enumerate(found):
        by_id.setdefault(span.span_id, i)
    children: dict[int, list[int]] = defaultdict(list)
    roots: list[int] = []
    for i, span in enumerate(found):
        parent = by_id.get(span.parent_id) if span.parent_id else None
        if parent is None or parent == i:
            span.lost_parent = bool(span.parent_id)
            roots.append(i)
        else:
            children[parent].append(i)
    order: list[TraceSpan] = []
    seen: set[int] = set()
    # Whatever no root leads to lies in a cycle or below one: its earliest span becomes a root in its turn.
    for start in [*roots, *range(len(found))]:
        if start in seen:
            continue
        stack: list[tuple[int, int | None, int]] = [(start, None, 0)]
        while stack:
            i, parent_place, depth = stack.pop()
            if i in seen:
                continue
            seen.add(i)
            span = found[i]
            span.parent, span.depth = parent_place, depth
            place = len(order)
            order.append(span)
            if parent_place is not None:
                order[parent_place].children.append(place)
            elif span.parent_id:
                span.lost_parent = True
            stack.extend((child, place, depth + 1) for child in reversed(children[i]) if child not in seen)
    return order


def _self_times(span: TraceSpan, children: Iterable[TraceSpan]) -> list[Interval]:
    free: list[Interval] = []
    at = span.start_ns
    for child in sorted(children, key=lambda one: one.start_ns):
        if child.start_ns > at:
            free.append((at, min(child.start_ns, span.end_ns)))
        at = max(at, child.end_ns)
        if at >= span.end_ns:
            break
    if at < span.end_ns:
        free.append((at, span.end_ns))
    return [(start, end) for start, end in free if end > start]


def _mark_critical_path(spans: list[TraceSpan], root: int) -> None:
    """Walk back from the root's end, each time into the child that ended last before.

    Clip what sticks out.
    """
    stack: list[tuple[int, int, int]] = [(root, spans[root].start_ns, spans[root].end_ns)]
    while stack:
        place, low, high = stack.pop()
        span = spans[place]
        at = high
        ends = sorted(((min(spans[i].end_ns, high), i) for i in span.children), reverse=True)
        for end, i in ends:
            start = max(spans[i].start_ns, low)
            if end > at or end <= start:
                continue
            if at > end:
                span.critical.append((end, at))
            stack.append((i, start, end))
            at = start
            if at <= low:
                break
        if at > low:
            span.critical.append((low, at))
        span.critical.sort()


def choose_drawn(tree: TraceTree, *, limit: int) -> list[int]:
    """Places of the spans to draw, in tree order: all if they fit, else what matters most, with their
    ancestors.

    First the critical path and its root, then failed spans, then those with the longest self time.
    """
    if len(tree.spans) <= limit:
        return list(range(len(tree.spans)))
    ranked = sorted(
        range(len(tree.spans)),
        key=lambda i: (
            i != tree.root,
            not tree.spans[i].critical,
            not tree.spans[i].failed,
            -tree.spans[i].self_ns,
            i,
        ),
    )
    chosen: set[int] = set()
    for i in ranked:
        line: list[int] = []
        at: int | None = i
        while at is not None and at not in chosen:
            line.append(at)
            at = tree.spans[at].parent
        if len(chosen) + len(line) <= limit:
            chosen.update(line)
        if len(chosen) >= limit:
            break
    return sorted(chosen)
