"""Which rows of a trace's tree a screen shows: what matters most of a large one, what is not folded away.

Pure. Places are indices into the tree, in its order.
"""

from collections.abc import Collection

import numpy as np

from rootspan_analysis.views.trace_tree import TraceTree

__all__ = ["choose_drawn", "unfolded"]


def choose_drawn(tree: TraceTree, *, limit: int) -> list[int]:
    """Places of the spans to draw: all if they fit, else what matters most, with their ancestors.

    First the root, then the critical path, then failed spans, then those with the longest self time.
    """
    count = len(tree)
    if count <= limit:
        return list(range(count))
    places = np.arange(count)
    on_path = np.isin(places, np.fromiter(tree.critical, dtype=np.int64, count=len(tree.critical)))
    ranked = np.lexsort((places, -tree.self_ns, ~tree.failed, ~on_path, places != tree.root)).tolist()
    parent = tree.parent.tolist()
    chosen: set[int] = set()
    for i in ranked:
        line: list[int] = []
        at = i
        while at >= 0 and at not in chosen:
            line.append(at)
            at = parent[at]
        if len(chosen) + len(line) <= limit:
            chosen.update(line)
        if len(chosen) >= limit:
            break
    return sorted(chosen)


def unfolded(tree: TraceTree, folded: Collection[str]) -> list[int]:
    """All places but those below a folded span."""
    shut = {place for place in map(tree.find, folded) if place is not None}
    if not shut:
        return list(range(len(tree)))
    below = tree.below.tolist()
    places: list[int] = []
    i = 0
    while i < len(below):
        places.append(i)
        i += 1 + (below[i] if i in shut else 0)
    return places
