"""Evaluates all objectives on what was measured: those that people set, and those found from history.

Owns which series have which objectives, and what is usual for each. Opens no incident.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rootspan_analysis.watch.cells import Series
from rootspan_analysis.watch.describe import breach_of
from rootspan_analysis.watch.evaluate import STEP_S, Judgement, judge
from rootspan_analysis.watch.incident import Breach, ObjectiveKind
from rootspan_analysis.watch.measures import Measures
from rootspan_analysis.watch.objectives import KINDS, WatchSettings
from rootspan_analysis.watch.usual import Usual, usual_of

__all__ = ["Judged", "Judging", "Key", "Quarantine"]

MAX_SERIES: Final = 1000
"""Series that are watched, the busiest; beyond them operations' names are likely to hold identifiers."""
RECENT_S: Final = 120
"""The usual is taken from before this: what begins now must not be part of it."""

Key = tuple[str, str, str, str]
"""Kind of objective, service, operation, job."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A time in which a series was not as usual: an incident's.

    Attributes:
        from_s, to_s: Unix seconds, half-open.
        limits: By kind: from where on it was a breach, for a watcher that has no other history.
    """

    service: str
    operation: str
    job: str
    from_s: int
    to_s: int
    limits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one look found.

    Attributes:
        breaches: Objectives that are surely missed.
        over: All that are missed in the last window, those above included.
        fine: Met, with enough data to tell.
        severe: Of the breaches those where most requests suffer.
        series: Number of series looked at.
        hinted: Whether one is unlike itself, missed or not.
    """

    breaches: Mapping[Key, Breach]
    over: Mapping[Key, Breach]
    fine: frozenset[Key]
    severe: frozenset[Key]
    series: int
    hinted: bool = False


class Judging:
    """Keeps what is usual; learns anew when a minute is over. For one thread."""

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        self._usuals: dict[tuple[str, str, str], dict[str, Usual]] = {}
        self._learnt: set[Series] = set()

    @property
    def usuals(self) -> Mapping[tuple[str, str, str], Mapping[str, Usual]]:
        """By (service, operation, job), then by kind."""
        return self._usuals

    def forget(self) -> None:
        """Learn anew at the next look: a minute is over, or an incident began or ended."""
        self._learnt.clear()

    def look(self, measures: Measures, quarantines: Iterable[Quarantine], alive: frozenset[str]) -> Judged:
        """Evaluate everything.

        Args:
            alive: Silent jobs that still say something.
        """
        aside = tuple(quarantines)
        breaches: dict[Key, Breach] = {}
        over: dict[Key, Breach] = {}
        fine: set[Key] = set()
        severe: set[Key] = set()
        hinted = False
        watched = self._watched(measures)
        for series in watched:
            self._learn(series, measures, aside)
            cells = measures.recent.get(series, {})
            known = self._usuals.get((series.service, series.operation, series.job), {})
            for kind, usual in known.items():
                name = _as_kind(kind)
                if KINDS[name].measure != series.measure:
                    continue
                key = (kind, *series[1:])
                if self._settings.ignores(*key):
                    continue
                said = judge(cells, name, usual, end_s=measures.end_s)
                if name == "goodput" and not any(at >= measures.end_s - said.width_s for at in cells):
                    said = said if series.job in alive else Judgement("unknown")
                hinted = hinted or said.hint
                if said.outcome == "fine":
                    fine.add(key)
                if said.outcome not in ("breach", "over"):
                    continue
                configured = self._settings.limit_of(*key) is not None
                over[key] = breach_of(name, series, said, usual, configured=configured)
                if said.outcome == "breach":
                    breaches[key] = over[key]
                    if said.severe:
                        severe.add(key)
        return Judged(breaches, over, frozenset(fine), frozenset(severe), len(watched), hinted)

    def _watched(self, measures: Measures) -> list[Series]:
        """Series of the last minutes, and jobs that were there before and are silent now."""
        busy = {series: sum(cell.n for cell in cells.values()) for series, cells in measures.recent.items()}
        for series in measures.history:
            if series.measure == "steps":
                busy.setdefault(series, 0)
        return sorted(busy, key=lambda one: (-busy[one], one))[:MAX_SERIES]

    def _learn(self, series: Series, measures: Measures, aside: tuple[Quarantine, ...]) -> None:
        if series in self._learnt:
            return
        self._learnt.add(series)
        names = (series.service, series.operation, series.job)
        own = [one for one in aside if (one.service, one.operation, one.job) == names]
        spans = [(one.from_s, one.to_s) for one in own]
        limits = {name: limit for one in own for name, limit in one.limits.items()}
        minutes = measures.usual_minutes(series, measures.end_s - RECENT_S, spans)
        known = self._usuals.setdefault(names, {})
        for name, kind in KINDS.items():
            if kind.measure != series.measure:
                continue
            limit = self._settings.limit_of(name, *names)
            usual = (
                usual_of(minutes, kind, limit=limit)
                if limit is not None or self._settings.automatic
                else None
            )
            if usual is None and limit is not None:
                usual = _without_history(name, limit, series, measures)
            if usual is None and name not in known and name in limits:
                usual = _without_history(name, limits[name], series, measures)
            if usual is not None:
                known[name] = usual
            elif not spans:
                # With an incident in all of its short history, what was learnt before it stays.
                known.pop(name, None)


def _without_history(name: ObjectiveKind, limit: float, series: Series, measures: Measures) -> Usual | None:
    """For a limit that a person set: half of what it allows is taken as usual, the rate as it is now."""
    cells = measures.recent.get(series, {})
    if not cells:
        return None
    per_s = sum(cell.n for cell in cells.values()) / max(measures.end_s - min(cells), STEP_S)
    kind = KINDS[name]
    if kind.unit == "steps/s":
        return Usual(limit, limit, 0.0, max(per_s, limit), 0.0)
    allowed = limit if kind.quantile is None else 1 - kind.quantile
    total = sum(cell.n for cell in cells.values())
    mean_s = sum(cell.total_s for cell in cells.values()) / max(total, 1)
    return Usual(limit, limit, allowed / 2, per_s, mean_s)


def _as_kind(name: str) -> ObjectiveKind:
    return next(one for one in KINDS if one == name)
