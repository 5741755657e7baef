"""Which description fits best what shifted: one host, a version, a rack, a region, or the whole service.

Pure. A parent is named when its members shift alike, a child when it stands alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.reader import Floats, Ints, Strings

__all__ = ["INDIVIDUAL", "WHOLE", "Description", "Groups", "best_description", "groups_of"]

WHOLE: Final = "whole"
"""The dimension that has one value: everything of the service or edge."""
MIN_PRECISION: Final = 0.8
"""Share of a parent's members that must shift for the parent to be named."""
UNCLEAR: Final = 2.0
"""Standard errors below the parent's mean at which a member is clearly not like it."""
INDIVIDUAL: Final = frozenset({"host", "callee_host", "caller_host"})
"""Dimensions whose values are things themselves; one that stands alone is still named."""
TIE: Final = 0.05
"""Descriptions whose fit differs by less are equally good; the earlier dimension wins."""


@dataclass(frozen=True, slots=True)
class Description:
    """A set of units that have one value in one dimension, or several.

    Attributes:
        dimensions: Names, such as `("host",)`; `("whole",)` for all units.
        values: The value in each.
        members: Mask of units.
        shift: Mean shift of the members.
        precision: Share of the members, by weight, that shift like it.
        recall: Share of all shift that lies within.
    """

    dimensions: tuple[str, ...]
    values: tuple[str, ...]
    members: np.ndarray
    shift: float
    precision: float
    recall: float


def best_description(
    units: Mapping[str, Strings],
    dimensions: Sequence[tuple[str, ...]],
    shift: Floats,
    weight: Floats,
    *,
    noise: Floats | None = None,
    least: float = MIN_PRECISION,
) -> Description | None:
    """Find the description that explains most of the units' shifts.

    Of a description D with weight W and mean shift m, W·m² is the sum of squares that "D shifts by m, nothing
    else does" takes away. Members are held against half of m, so that a few cannot carry the rest.

    Args:
        units: Columns of what the units are, by dimension; an empty value means unknown.
        dimensions: Those to try, narrowest first.
        shift: By unit; only upwards counts.
        weight: By unit, such as calls.
        noise: Standard error of each unit's shift; a unit is held against a parent only where that is clear.
        least: Precision that it has to have.

    Returns:
        None when nothing shifts upwards.
    """
    up = np.maximum(shift, 0.0)
    total = float((weight * up).sum())
    if total <= 0:
        return None
    doubt = np.zeros(len(up)) if noise is None else noise
    carried = weight * shift
    best: tuple[float, Description] | None = None
    for names in dimensions:
        for values, rows in _groups(units, names, len(up)):
            held = float(weight[rows].sum())
            if held <= 0:
                continue
            mean = float(carried[rows].sum() / held)
            if mean <= 0:
                continue
            alike = (shift[rows] > mean / 2) | (mean - shift[rows] < UNCLEAR * doubt[rows])
            precision = float(weight[rows][alike].sum() / held)
            if precision < least:
                continue
            fit = held * mean * mean
            if best is None or fit > best[0] * (1 + TIE):
                recall = min(1.0, float((weight * up)[rows].sum() / total))
                members = np.zeros(len(up), dtype=np.bool_)
                members[rows] = True
                best = fit, Description(names, values, members, mean, precision, recall)
    return best[1] if best else None


@dataclass(frozen=True, slots=True)
class Groups:
    """All different sets of units that a description can name.

    Attributes:
        rows: Units, group after group; a unit is in several.
        starts: Where each group begins in `rows`.
    """

    rows: Ints
    starts: Ints

    def sums(self, values: Floats) -> Floats:
        """Of (units, buckets): sums by (group, bucket)."""
        return np.asarray(np.add.reduceat(values[self.rows], self.starts, axis=0))


def groups_of(units: Mapping[str, Strings], dimensions: Sequence[tuple[str, ...]], size: int) -> Groups:
    """Sets of units that have a value in common, each once. Never empty if `size` is not."""
    found: list[Ints] = []
    seen: set[bytes] = set()
    for dimension in dimensions:
        for _, rows in _groups(units, dimension, size):
            key = rows.tobytes()
            if key not in seen:
                seen.add(key)
                found.append(rows)
    if not found:
        found.append(np.arange(size))
    starts = np.cumsum([0, *(len(rows) for rows in found[:-1])])
    return Groups(np.concatenate(found), starts.astype(np.int64))


def _groups(
    units: Mapping[str, Strings], names: tuple[str, ...], size: int
) -> list[tuple[tuple[str, ...], Ints]]:
    """Values, and the units that have them, ascending."""
    if names == (WHOLE,):
        return [(("",), np.arange(size))]
    found: dict[tuple[str, ...], list[int]] = {}
    for i, values in enumerate(zip(*(units[name] for name in names), strict=True)):
        if all(values):
            found.setdefault(values, []).append(i)
    # What all units share tells none from another: the one version there is is not what went wrong.
    if len(found) == 1 and names[0] not in INDIVIDUAL and len(next(iter(found.values()))) == size:
        return []
    return [(values, np.array(rows, dtype=np.int64)) for values, rows in found.items()]
