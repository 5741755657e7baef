"""What the watcher knows: cells of the last minutes, minutes of the last hour, and how they are kept up.

Owns which telemetry is read when, so that a look costs little: the last minute from raw spans, the past from
the rollup, and again what of it has grown since. Cells of the last minute are read again at every look, so
telemetry that comes late counts; after a silence everything since is read again.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from rootspan_analysis.reader import Reader, Value
from rootspan_analysis.rows import rows_of
from rootspan_analysis.watch.cells import Cell, Cells, Series, cells_of
from rootspan_analysis.watch.evaluate import STEP_S
from rootspan_analysis.watch.queries import run

__all__ = ["Measures"]

MINUTE_S: Final = 60
REREAD_S: Final = 60
"""Telemetry that is later than this is left to the rollup's history, unless nothing at all had come."""
KEPT_S: Final = 900
"""Cells are kept for the longest three windows, which jobs with long steps need."""
FIRST_READ_S: Final = 180
CATCH_UP_S: Final = 600
SLICE_S: Final = 2
"""Which operations tell waits is looked for in so much of each minute."""
BACKFILL_S: Final = 1800


class Measures:
    """Cells and history of all series. For one thread."""

    def __init__(self, client: Reader, *, history_s: float, late_s: float) -> None:
        self._client = client
        self._history_s, self._late_s = int(history_s), late_s
        self._others: list[str] = []
        self._carriers: set[tuple[str, str]] = set()
        self._minute_s = 0
        self._counts: dict[int, int] = {}
        self._grows = True
        self._newest_s = 0
        self.recent: Cells = {}
        self.history: Cells = {}
        self.end_s = 0
        """End of the last whole cell."""

    @property
    def silent_s(self) -> int:
        """Seconds since the last cell that holds anything; 0 before the first look."""
        return self.end_s - self._newest_s if self._newest_s else 0

    def look(self, now_ns: int) -> bool:
        """Read what is new. Returns whether there is more history than before.

        Raises:
            StoreError: The store did not answer; the next look reads what this one missed.
        """
        now_s = now_ns / 1e9
        end_s = int((now_s - self._late_s) // STEP_S) * STEP_S
        minute_s = int((now_s - self._late_s) // MINUTE_S) * MINUTE_S
        moved = minute_s > self._minute_s
        # A past that still arrives, as after an outage or at a first start, is followed until it is there.
        if moved or self._grows:
            moved = self._look_back(minute_s) or moved
        self.end_s = max(self.end_s, end_s)
        self._look_at(self._from_s(end_s), end_s)
        return moved

    def _from_s(self, end_s: int) -> int:
        if not self.recent:
            return end_s - FIRST_READ_S
        # Nothing newer than this was there before: what came since may be as old.
        known = min(self._newest_s, end_s - REREAD_S) if self._newest_s else end_s - REREAD_S
        return max(known, end_s - CATCH_UP_S) // STEP_S * STEP_S

    def _look_at(self, from_s: int, end_s: int) -> None:
        span: dict[str, Value] = {"from_s": from_s, "to_s": end_s, "step_s": STEP_S}
        found = cells_of(run(self._client, "recent", {**span, "others": self._others}), "requests")
        found |= cells_of(run(self._client, "steps", span), "steps")
        found |= self._attributes(span)
        for series, cells in found.items():
            held = self.recent.setdefault(series, {})
            # Only what is there replaces what was: the store counts every row once.
            held.update(cells)
            self._newest_s = max(self._newest_s, *(at + STEP_S for at in cells))
        _forget(self.recent, end_s - KEPT_S)

    def _attributes(self, span: Mapping[str, Value]) -> Cells:
        if not self._carriers:
            return {}
        names: dict[str, Value] = {
            "services": sorted({service for service, _ in self._carriers}),
            "operations": sorted({operation for _, operation in self._carriers}),
        }
        return cells_of(run(self._client, "attributes", {**span, **names}))

    def _look_back(self, minute_s: int) -> bool:
        """Whole minutes before `minute_s`, from the first that holds more than it did. Whether one does."""
        start_s = minute_s - self._history_s
        counted = run(self._client, "counts", {"from_s": start_s, "to_s": minute_s})
        counts = {int(str(row["minute_s"])): int(str(row["spans"])) for row in rows_of(counted)}
        grown = [minute for minute, spans in counts.items() if spans != self._counts.get(minute)]
        if grown:
            self._read_minutes(min(grown), minute_s, start_s)
        _forget(self.history, start_s)
        self._minute_s, self._counts, self._grows = minute_s, counts, bool(grown) or not counts
        return bool(grown)

    def _read_minutes(self, from_s: int, minute_s: int, start_s: int) -> None:
        others = run(self._client, "others", {"from_s": minute_s - 600, "to_s": minute_s + MINUTE_S})
        self._others = sorted(str(row["service"]) for row in rows_of(others))
        past: dict[str, Value] = {"from_s": from_s, "to_s": minute_s}
        found = cells_of(run(self._client, "minutes", {**past, "others": self._others}), "requests")
        seen = run(self._client, "carriers", {"from_s": minute_s - 10 - SLICE_S, "to_s": minute_s - 10})
        carriers = {(str(row["service"]), str(row["operation"])) for row in rows_of(seen)}
        fresh = not carriers <= self._carriers
        self._carriers |= carriers
        back_s = max(start_s, minute_s - BACKFILL_S)
        span: dict[str, Value] = {
            "from_s": back_s if fresh else max(back_s, from_s),
            "to_s": minute_s,
            "step_s": MINUTE_S,
        }
        found |= self._attributes(span)
        found |= cells_of(run(self._client, "steps", span), "steps")
        for series, cells in found.items():
            self.history.setdefault(series, {}).update(cells)

    def usual_minutes(
        self, series: Series, before_s: int, without: Iterable[tuple[int, int]]
    ) -> dict[int, Cell]:
        """History of a series before a time, without the minutes that touch one of the spans of time."""
        spans = list(without)
        return {
            minute: cell
            for minute, cell in self.history.get(series, {}).items()
            if minute + MINUTE_S <= before_s
            and not any(begin < minute + MINUTE_S and minute < end for begin, end in spans)
        }


def _forget(cells: Cells, before_s: int) -> None:
    """Drop old cells, and series that have none left."""
    for series in list(cells):
        held = cells[series]
        for at in [at for at in held if at < before_s]:
            del held[at]
        if not held:
            del cells[series]
