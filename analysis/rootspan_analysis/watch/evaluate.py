"""Says of one objective whether it is met: three windows in a row, or two where most requests suffer.

Pure: cells and a limit in, a judgement out. Opens nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from rootspan_analysis.contrast import anscombe_z
from rootspan_analysis.watch.cells import Cell, merged
from rootspan_analysis.watch.incident import ObjectiveKind
from rootspan_analysis.watch.objectives import KINDS, Kind
from rootspan_analysis.watch.usual import Usual

__all__ = ["STEP_S", "WIDTHS_S", "Judgement", "judge", "width_of"]

STEP_S: Final = 10
"""Length of a cell of the last minutes; windows are multiples of it."""
WIDTHS_S: Final = (10, 20, 30, 60, 120, 300)
MIN_SUPPORT: Final = 20
WINDOWS: Final = 3
STEPS: Final = 4.0
FAST_WINDOWS: Final = 2
FAST_SHARE: Final = 0.5
FAST_ERRORS: Final = 0.25
MIN_Z: Final = 2.0
"""Of each window; three in a row are rarer than their product says, since windows share no request."""
MIN_POOLED_Z: Final = 6.0
"""Of all windows together: hundreds of series are looked at thousands of times a day."""
HINT_Z: Final = 4.5
"""Of the last two windows together, for a hint that the objective is unlike itself: one in 300,000 by counts
alone, though real traffic scatters more. A hint opens nothing; it makes the engine look."""
LOOK_BACK: Final = 60
"""Cells that an onset is looked for in."""

Outcome = Literal["breach", "over", "fine", "unknown"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How an objective does.

    Attributes:
        outcome: `breach`: it is sure. `over`: missed in the last window only, or not surely. `fine`: met.
            `unknown`: too little data in the last window.
        observed: Seconds, a share, or steps a second, over the windows that were looked at.
        share: Requests beyond the limit, 0-1 (of goodput: what is missing).
        since_s: Begin of the first bad cell, unix seconds; 0 unless over.
        severe: Whether most requests suffer.
        width_s: Length of a window.
        hint: Whether it is unlike itself, missed or not: requests beyond the limit came more often than usual
            twice in a row, as when a few of many machines are ill.
    """

    outcome: Outcome
    observed: float = 0.0
    share: float = 0.0
    since_s: int = 0
    severe: bool = False
    width_s: int = STEP_S
    hint: bool = False


def width_of(usual: Usual, kind: Kind) -> int | None:
    """Shortest window that is expected to hold enough requests; None if even the longest doesn't.

    Steps of a job end together: a window holds some of them, or its count is one of two extremes.
    """
    least_s = STEPS * usual.mean_s if kind.measure == "steps" else 0.0
    return next((one for one in WIDTHS_S if usual.per_s * one >= MIN_SUPPORT and one >= least_s), None)


@dataclass(frozen=True, slots=True)
class _Window:
    """One window's count: `bad` of `n` beyond the limit, `expected` by history."""

    n: float
    bad: float
    expected: float
    missed: bool
    z: float


def judge(cells: Mapping[int, Cell], kind_name: ObjectiveKind, usual: Usual, *, end_s: int) -> Judgement:
    """Look at the last windows before `end_s`.

    Args:
        cells: By begin, `STEP_S` long each; cells without requests are left out.
        end_s: End of the last whole cell.
    """
    kind = KINDS[kind_name]
    width = width_of(usual, kind)
    if width is None:
        return Judgement("unknown")
    spans = [(end_s - (i + 1) * width, end_s - i * width) for i in range(WINDOWS)]
    held = [merged(_between(cells, *span)) for span in spans]
    windows = [_window(one, kind, usual, width) for one in held]
    newest = windows[0]
    if newest is None:
        return Judgement("unknown", width_s=width)
    known = [one for one in windows if one is not None]
    pair = known[:FAST_WINDOWS]
    hint = (
        all(one.z >= MIN_Z for one in pair) and len(pair) == FAST_WINDOWS and _pooled_z(pair, kind) >= HINT_Z
    )
    if not newest.missed:
        return Judgement(
            "fine",
            _observed(held[0], kind, width),
            newest.bad / max(newest.n, 1),
            width_s=width,
            hint=hint,
        )
    severe_share = FAST_ERRORS if kind.quantile is None else FAST_SHARE
    severe = len(pair) == FAST_WINDOWS and all(
        one.missed and one.bad / max(one.n, 1) >= severe_share for one in pair
    )
    taken = pair if severe else known
    sure = severe or (len(known) == WINDOWS and all(one.missed for one in known))
    pooled = _pooled_z(taken, kind)
    seen = merged(
        cell for cell, window in zip(held, windows, strict=True) if window is not None and window.missed
    )
    bad = sum(one.bad for one in taken) / max(sum(one.n for one in taken), 1)
    return Judgement(
        outcome="breach" if sure and pooled >= MIN_POOLED_Z else "over",
        observed=_observed(seen, kind, width * sum(1 for one in known if one.missed)),
        share=bad,
        since_s=_onset(cells, kind, usual, end_s, width),
        severe=severe,
        width_s=width,
        hint=hint,
    )


def _between(cells: Mapping[int, Cell], begin_s: int, end_s: int) -> list[Cell]:
    return [cells[at] for at in range(begin_s, end_s, STEP_S) if at in cells]


def _window(cell: Cell, kind: Kind, usual: Usual, width: int) -> _Window | None:
    """The count of one window; None where it holds too little to tell."""
    if kind.unit == "steps/s":
        expected = usual.per_s * width
        missing = max(0.0, expected - cell.n)
        z = _z(expected, float(cell.n))
        return _Window(expected, missing, 0.0, cell.n / width < usual.limit and z >= MIN_Z, z)
    if cell.n < MIN_SUPPORT:
        return None
    bad = float(cell.errors) if kind.quantile is None else cell.above(usual.limit)
    expected = cell.n * usual.share
    allowed = usual.limit if kind.quantile is None else 1 - kind.quantile
    z = _z(bad, expected)
    return _Window(cell.n, bad, expected, bad / cell.n > allowed and z >= MIN_Z, z)


def _pooled_z(windows: Sequence[_Window], kind: Kind) -> float:
    if kind.unit == "steps/s":
        return _z(sum(one.n for one in windows), sum(one.n - one.bad for one in windows))
    return _z(sum(one.bad for one in windows), sum(one.expected for one in windows))


def _z(seen: float, expected: float) -> float:
    return float(anscombe_z(np.array([seen]), np.array([max(expected, 0.0)]))[0])


def _observed(cell: Cell, kind: Kind, width: int) -> float:
    if kind.unit == "steps/s":
        return cell.n / max(width, 1)
    if not cell.n:
        return 0.0
    return cell.errors / cell.n if kind.quantile is None else cell.quantile_s(kind.quantile)


def _onset(cells: Mapping[int, Cell], kind: Kind, usual: Usual, end_s: int, width: int) -> int:
    """Begin of the run of bad cells that reaches to the end; one good (or empty) cell may lie within."""
    since, good = end_s - width, 0
    for at in range(end_s - STEP_S, end_s - LOOK_BACK * STEP_S, -STEP_S):
        if _is_bad(cells.get(at), kind, usual):
            since, good = min(since, at), 0
        else:
            good += 1
            if good > max(1, width // STEP_S):
                break
    return since


def _is_bad(cell: Cell | None, kind: Kind, usual: Usual) -> bool:
    if kind.unit == "steps/s":
        return (cell.n if cell else 0) / STEP_S < usual.limit
    if cell is None or not cell.n:
        return False
    if kind.quantile is None:
        return cell.errors / cell.n > usual.limit
    return cell.above(usual.limit) / cell.n > 1 - kind.quantile
