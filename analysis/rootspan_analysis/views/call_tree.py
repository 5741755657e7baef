"""Merges traces into one tree of call paths, and compares two such trees: flame views and differences.

A call path is the chain of (service, operation) from a root. Its time is self time, so that parts add up to
the whole: parallel work counts as often as it was done. Pure but for `fetch_call_forest`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rootspan_analysis.views.statements import ArrowClient, run_statement
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_tree import build_tree

__all__ = ["MAX_FOREST_SPANS", "CallPath", "compare_forests", "fetch_call_forest"]

Ints = NDArray[np.int64]
MAX_FOREST_SPANS: Final = 60_000
"""Arranging as many takes a third of a second."""
MOST_SECONDS: Final = 20_000


@dataclass(frozen=True, slots=True)
class CallPath:
    """One path in a set of traces, and in another set that it is compared with.

    Attributes:
        parent: Index of the path above, which comes earlier; -1 for roots.
        spans, self_ns, errors: A trace, on average.
        other_spans, other_self_ns: The same in the other set; 0 where there is none, or it has no such path.
        hosts: Different hosts on which it ran, in both sets.
    """

    service: str
    operation: str
    parent: int
    depth: int
    spans: float
    self_ns: float
    errors: float
    other_spans: float
    other_self_ns: float
    hosts: int


def fetch_call_forest(client: ArrowClient, trace_ids: Sequence[str], span: TimeSpan) -> pa.Table:
    """Spans of the traces that lie in the range, without attributes; at most `MAX_FOREST_SPANS` of them.

    Returns:
        The columns of `traces.fetch_trace_spans`, and `trace_id`.
    """
    return run_statement(
        client,
        "forest_spans",
        trace_ids=list(trace_ids),
        from_ns=span.from_ns,
        to_ns=span.to_ns,
        seconds=_seconds_of(client, trace_ids),
        limit=MAX_FOREST_SPANS,
    )


def _seconds_of(client: ArrowClient, trace_ids: Sequence[str]) -> list[int]:
    """In which seconds their spans begin, so that no others are read; none where these are very many."""
    seconds: set[int] = set()
    for row in run_statement(client, "trace_seconds", trace_ids=list(trace_ids)).to_pylist():
        if row["last_s"] - row["first_s"] + len(seconds) > MOST_SECONDS:
            return []
        seconds.update(range(row["first_s"], row["last_s"] + 1))
    return sorted(seconds)


def compare_forests(spans: pa.Table, other: pa.Table | None = None) -> tuple[CallPath, ...]:
    """Call paths of `spans`, parents before children, siblings by self time of all that is below them.

    Args:
        spans, other: As `fetch_call_forest` gives them; of the other set the paths are matched by name.
    """
    parts = [one for one in (spans, other) if one is not None and one.num_rows]
    if not parts:
        return ()
    sets = np.concatenate([np.full(one.num_rows, int(one is other), dtype=np.int64) for one in parts])
    table = pa.concat_tables([one.combine_chunks() for one in parts])
    counts = [max(1, pc.count_distinct(one["trace_id"]).as_py()) for one in (spans, other or spans)]
    both = pc.binary_join_element_wise(pc.cast(pa.array(sets), pa.string()), table["trace_id"], "/")
    own = pc.binary_join_element_wise(both, table["span_id"], "/")
    above = pc.if_else(
        pc.equal(table["parent_id"], ""), "", pc.binary_join_element_wise(both, table["parent_id"], "/")
    )
    columns = {name: table[name] for name in table.column_names if name != "trace_id"}
    columns |= {"span_id": own, "parent_id": above}
    columns["spans_in_trace"] = pa.array(np.full(table.num_rows, table.num_rows))
    tree = build_tree(pa.table(columns))
    if tree is None:
        return ()
    of_other = pc.starts_with(tree.texts["span_id"], "1/").to_numpy().astype(np.int64)
    path, firsts = _paths(tree.parent, tree.depth, tree.texts)
    size = len(firsts)

    def per_trace(weights: NDArray[np.float64], which: int) -> NDArray[np.float64]:
        sums = np.bincount(path, weights=weights * (of_other == which), minlength=size)
        return np.asarray(sums / counts[which], dtype=np.float64)

    ones = np.ones(len(path))
    figures = {
        "spans": per_trace(ones, 0),
        "self_ns": per_trace(tree.self_ns.astype(np.float64), 0),
        "errors": per_trace(tree.failed.astype(np.float64), 0),
        "other_spans": per_trace(ones, 1),
        "other_self_ns": per_trace(tree.self_ns.astype(np.float64), 1),
    }
    host = tree.texts["host"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    pairs = np.unique(path * (int(host.max()) + 1) + host) // (int(host.max()) + 1)
    hosts = np.bincount(pairs, minlength=size)
    parents = np.where(tree.parent[firsts] >= 0, path[tree.parent[firsts]], -1)
    order = _order(parents, figures["self_ns"] + figures["other_self_ns"])
    place = np.empty(size, dtype=np.int64)
    place[order] = np.arange(size)
    return tuple(
        CallPath(
            service=tree.texts["service"][int(firsts[i])].as_py(),
            operation=tree.texts["operation"][int(firsts[i])].as_py(),
            parent=int(place[parents[i]]) if parents[i] >= 0 else -1,
            depth=int(tree.depth[firsts[i]]),
            hosts=int(hosts[i]),
            **{name: float(values[i]) for name, values in figures.items()},
        )
        for i in order.tolist()
    )


def _paths(parent: Ints, depth: Ints, texts: pa.Table) -> tuple[Ints, Ints]:
    """The path of each span as a number, and a span of each path; level by level, so parents have theirs."""
    names = pc.binary_join_element_wise(texts["service"], texts["operation"], "\x00")
    name: Ints = names.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    width = int(name.max()) + 1
    path = np.full(len(parent), -1, dtype=np.int64)
    firsts: list[Ints] = []
    known = 0
    for level in range(int(depth.max()) + 1):
        here = np.flatnonzero(depth == level)
        above = path[parent[here]] if level else np.full(len(here), -1, dtype=np.int64)
        _, first, which = np.unique((above + 1) * width + name[here], return_index=True, return_inverse=True)
        path[here] = known + which.reshape(-1)
        firsts.append(here[first])
        known += len(first)
    return path, np.concatenate(firsts)


def _order(parents: Ints, weight: NDArray[np.float64]) -> Ints:
    """Paths depth first, siblings by the weight of all that is below them, the largest first."""
    whole = weight.tolist()
    above = parents.tolist()
    for i in range(len(above) - 1, -1, -1):
        if above[i] >= 0:
            whole[above[i]] += whole[i]
    children: dict[int, list[int]] = {}
    for i, a in enumerate(above):
        children.setdefault(a, []).append(i)
    order: list[int] = []
    stack = sorted(children.get(-1, []), key=lambda i: whole[i])
    while stack:
        i = stack.pop()
        order.append(i)
        stack += sorted(children.get(i, []), key=lambda k: whole[k])
    return np.array(order, dtype=np.int64)
