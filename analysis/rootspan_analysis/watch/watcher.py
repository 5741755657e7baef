"""The watcher: looks at objectives every few seconds, and opens, explains, updates and closes incidents.

Owns the order of a look. State that matters is in the store, so a watcher may be killed and started again at
any time; of several only one acts (see lease.py).
"""

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final, Protocol

from rootspan_analysis.changes import ChangeFinder
from rootspan_analysis.errors import StoreError
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.rows import Client, rows_of
from rootspan_analysis.watch.asking import Asking
from rootspan_analysis.watch.evaluate import STEP_S
from rootspan_analysis.watch.grouping import Calls, fetch_calls, group, related
from rootspan_analysis.watch.incident import Breach, Incident
from rootspan_analysis.watch.judging import Judged, Judging, Quarantine
from rootspan_analysis.watch.lease import Lease, holder_name
from rootspan_analysis.watch.live import Live, begun, first_cause, resumed
from rootspan_analysis.watch.measures import Measures
from rootspan_analysis.watch.objectives import WatchSettings
from rootspan_analysis.watch.queries import run
from rootspan_analysis.watch.reach import fetch_reach
from rootspan_analysis.watch.records import incident, incidents, write_incident

__all__ = ["Look", "Tell", "Watcher", "run_until"]

WRITE_EVERY_S: Final = 30.0
"""An open incident's row is written at least so often; at once when it opens, changes its cause or closes."""
SILENT_S: Final = 60
AFTERMATH_S: Final = 180


class Tell(Protocol):
    """Takes incidents to people."""

    def offer(self, incident: Incident) -> None:
        """Take an incident's state; never blocks, never raises."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look did.

    Attributes:
        acts: Whether this watcher is the one that acts; otherwise the lists are empty.
        opened, updated, closed: Incidents whose row was written.
        open: All that are open now.
        suspected: Breaches that were not believed yet.
        series: Series looked at.
        silent_s: Seconds since the newest telemetry.
        took_ms: Time it took, questions to the engine included.
        asked_ms: Of that the engine's part.
    """

    acts: bool
    opened: tuple[Incident, ...] = ()
    updated: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()
    open: tuple[Incident, ...] = ()
    suspected: tuple[Breach, ...] = ()
    series: int = 0
    silent_s: int = 0
    took_ms: int = 0
    asked_ms: int = 0


class Watcher:
    """Looks when told to. For one thread."""

    def __init__(
        self, client: Client, settings: WatchSettings, *, holder: str | None = None, tell: Tell | None = None
    ) -> None:
        self._client, self._settings, self._tell = client, settings, tell
        self._lease = Lease(client, holder or holder_name())
        self._measures = Measures(client, history_s=settings.history_s, late_s=settings.late_s)
        self._judging = Judging(settings)
        self._live: dict[str, Live] = {}
        self._past: list[Quarantine] = []
        self._asking = Asking(client, settings)
        self._changes = ChangeFinder(client)
        self._calls: Calls = {}
        self._acts = False
        self._version = version("rootspan")

    def look(self, now_ns: int) -> Look:
        """Look once.

        Raises:
            StoreError: The store did not answer; the next look catches up.
        """
        began, asked_ms = time.monotonic(), self._asking.took_ms
        try:
            found = self._look(now_ns)
        except StoreError:
            # What was not written is not known to have happened: the store's word counts from here on.
            self._acts = False
            raise
        return replace(
            found,
            took_ms=round((time.monotonic() - began) * 1e3),
            asked_ms=self._asking.took_ms - asked_ms,
        )

    def _look(self, now_ns: int) -> Look:
        if not self._lease.renew(now_ns):
            self._acts = False
            return Look(False)
        if self._measures.look(now_ns):
            self._judging.forget()
        self._changes.look(now_ns)
        if not self._acts:
            self._take_over(now_ns)
        judged = self._judging.look(self._measures, self._quarantines(), self._alive())
        opened, suspected = self._follow(judged, now_ns)
        opened += self._sweep(judged, now_ns)
        written = self._settle(judged, set(opened), now_ns)
        return Look(
            acts=True,
            opened=tuple(one for one in written if one.id in opened and one.state == "open"),
            updated=tuple(one for one in written if one.id not in opened and one.state == "open"),
            closed=tuple(one for one in written if one.state == "closed"),
            open=tuple(one.incident for one in self._live.values()),
            suspected=tuple(suspected),
            series=judged.series,
            silent_s=self._measures.silent_s,
        )

    def leave(self, now_ns: int) -> None:
        """Let another watcher act at once. Safe to repeat.

        Raises:
            StoreError: The store did not answer.
        """
        self._acts = False
        self._lease.release(now_ns)

    def _take_over(self, now_ns: int) -> None:
        """Go on where the last watcher was."""
        since_ns = now_ns - int(self._settings.history_s * NS_PER_S)
        self._live, self._past = {}, []
        for listed in incidents(self._client, from_ns=since_ns):
            if listed.state == "open":
                whole = incident(self._client, listed.id) or listed
                self._live[listed.id] = resumed(whole, end_s=self._measures.end_s)
            else:
                self._past += resumed(listed, end_s=0).quarantines()
        self._judging.forget()
        self._acts = True

    def _quarantines(self) -> list[Quarantine]:
        oldest_s = self._measures.end_s - self._settings.history_s
        self._past = [one for one in self._past if one.to_s >= oldest_s]
        found = list(self._past)
        for live in self._live.values():
            found += live.quarantines()
        return found

    def _alive(self) -> frozenset[str]:
        """Jobs that had steps, have none now, and still say something."""
        recent, end_s = self._measures.recent, self._measures.end_s
        silent = sorted(
            series.job
            for series in self._measures.history
            if series.measure == "steps" and not any(at >= end_s - STEP_S for at in recent.get(series, ()))
        )
        if not silent:
            return frozenset()
        table = run(self._client, "jobs_alive", {"from_s": end_s - 45, "to_s": end_s + 60, "jobs": silent})
        return frozenset(str(row["job"]) for row in rows_of(table))

    def _follow(self, judged: Judged, now_ns: int) -> tuple[list[str], list[Breach]]:
        """Give breaches to their incidents, open new ones for the rest: their ids, and what is not sure."""
        end_s = self._measures.end_s
        known = {key for live in self._live.values() for key in live.keys}
        fresh = [one for key, one in judged.breaches.items() if key not in known]
        services = {one.service for one in fresh} | {key[1] for key in known}
        if fresh and len(services) > 1:
            self._calls = fetch_calls(self._client, end_s=end_s, spans_per_s=self._spans_per_s())
        calls = self._calls
        rest: list[Breach] = []
        joining: dict[str, list[Breach]] = {}
        for breach in fresh:
            home = next((live for live in self._live.values() if _belongs(breach, live, calls)), None)
            if home is None:
                rest.append(breach)
            else:
                joining.setdefault(home.incident.id, []).append(breach)
        for live in self._live.values():
            live.grow(judged.over, joining.get(live.incident.id, []), calls, end_s=end_s)
        opened: list[str] = []
        suspected: list[Breach] = []
        groups = group(rest, calls)
        for held in groups:
            live = begun(held, calls, now_ns=now_ns, end_s=end_s, version=self._version)
            alone = len(groups) == 1 and not self._live
            if not self._asking.believes(live, judged.severe, alone=alone, now_ns=now_ns, end_s=end_s):
                suspected += held
            elif (twin := self._same_cause(live)) is not None:
                twin.grow(judged.over, held, calls, end_s=end_s)
            else:
                opened.append(self._open(live))
        self._asking.forget_but(judged.breaches.keys())
        return opened, suspected

    def _open(self, live: Live) -> str:
        self._live[live.incident.id] = live
        self._judging.forget()
        return live.incident.id

    def _sweep(self, judged: Judged, now_ns: int) -> list[str]:
        """With nothing open and nothing missed: ask whether a part is ill all the same."""
        end_s = self._measures.end_s
        is_blind = not judged.series or self._measures.silent_s > SILENT_S
        # The engine looks for an onset a while before its window: what is over must not be found again.
        is_fresh = any(one.to_s + AFTERMATH_S > end_s for one in self._past)
        if self._live or judged.breaches or is_blind or is_fresh:
            return []
        found = self._asking.sweep(hinted=judged.hinted, now_ns=now_ns, end_s=end_s)
        if found is None:
            return []
        breach, answer = found
        live = begun([breach], self._calls, now_ns=now_ns, end_s=end_s, version=self._version)
        live.explained(answer, now_ns=now_ns, end_s=end_s)
        return [self._open(live)]

    def _spans_per_s(self) -> float:
        cells = [one for held in self._measures.recent.values() for one in held.values()]
        # A request of a service is about two spans: the caller's and its own.
        return 2 * sum(one.n for one in cells) / 180

    def _same_cause(self, live: Live) -> Live | None:
        cause = first_cause(live.incident)
        if cause is None:
            return None
        return next((one for one in self._live.values() if first_cause(one.incident) == cause), None)

    def _settle(self, judged: Judged, new: AbstractSet[str], now_ns: int) -> list[Incident]:
        """Ask again, count what it costs, close what is over, write and tell. What was written."""
        end_s = self._measures.end_s
        written: list[Incident] = []
        for name, live in list(self._live.items()):
            is_due = now_ns - live.incident.updated_ns >= WRITE_EVERY_S * NS_PER_S
            is_over = live.is_over(
                judged.fine,
                end_s=end_s,
                silent_s=self._measures.silent_s,
                quiet_s=self._settings.quiet_s,
            )
            is_accepted = now_ns - live.incident.opened_ns >= self._settings.accept_s * NS_PER_S
            if not is_over and name not in new and live.wants_answer(now_ns):
                self._asking.about(live, alone=len(self._live) == 1, now_ns=now_ns, end_s=end_s)
            if is_over or is_accepted:
                live.close()
                del self._live[name]
                # What was accepted is the usual from now on.
                self._past += live.quarantines() if is_over else []
                self._judging.forget()
            if live.dirty or is_due:
                self._count(live, now_ns)
                write_incident(self._client, live.incident)
                live.dirty = False
                written.append(live.incident)
                if self._tell is not None:
                    self._tell.offer(live.incident)
        return written

    def _count(self, live: Live, now_ns: int) -> None:
        found = live.incident
        reach = fetch_reach(
            self._client,
            found.breaches,
            self._judging.usuals,
            from_s=found.onset_ns // NS_PER_S,
            to_s=max(live.last_bad_s, found.onset_ns // NS_PER_S) + 1,
        )
        impact = replace(reach.impact, gpu_hours=found.impact.gpu_hours)
        # A series that came by restart may have no usual yet: what was counted before is kept then.
        if impact.requests == 0:
            impact, reach = found.impact, replace(reach, blast=found.blast)
        live.incident = replace(found, impact=impact, blast=reach.blast, updated_ns=now_ns)


def _belongs(breach: Breach, live: Live, calls: Calls) -> bool:
    """Whether a further breach is part of an incident: the same job, or services that call each other."""
    return any(
        breach.job == one.job and (bool(breach.job) or related(breach.service, one.service, calls))
        for one in live.incident.breaches
    )


def run_until(
    watcher: Watcher,
    *,
    every_s: float,
    stopped: Callable[[float], bool],
    on_look: Callable[[Look], None],
    on_trouble: Callable[[StoreError], None],
    clock_ns: Callable[[], int] = time.time_ns,
) -> None:
    """Look every `every_s` until told to stop. A store that is away is waited for.

    Args:
        stopped: Waits for so many seconds; True ends it.
        on_look: Told of each look.
        on_trouble: Told when the store did not answer.
    """
    due = time.monotonic()
    while True:
        try:
            on_look(watcher.look(clock_ns()))
        except StoreError as error:
            on_trouble(error)
        due = max(due + every_s, time.monotonic())
        if stopped(max(0.0, due - time.monotonic())):
            return
