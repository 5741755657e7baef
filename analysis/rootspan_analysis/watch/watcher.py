"""The watcher: looks at objectives every few seconds, and opens, explains, updates and closes incidents.

Owns the order of a look. State that matters is in the store, so a watcher may be killed and started again at
any time; of several only one acts (see lease.py).
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final, Protocol

from rootspan_analysis.changes import ChangeFinder
from rootspan_analysis.engine import explain
from rootspan_analysis.errors import StoreError
from rootspan_analysis.explanation import Explanation
from rootspan_analysis.question import NS_PER_S, Question
from rootspan_analysis.rows import Client, rows_of
from rootspan_analysis.watch.evaluate import STEP_S
from rootspan_analysis.watch.grouping import Calls, fetch_calls, group, related
from rootspan_analysis.watch.incident import Breach, Incident
from rootspan_analysis.watch.judging import Judged, Judging, Key, Quarantine
from rootspan_analysis.watch.lease import Lease, holder_name
from rootspan_analysis.watch.live import Live, begun, first_cause, question_for, resumed
from rootspan_analysis.watch.measures import Measures
from rootspan_analysis.watch.objectives import WatchSettings
from rootspan_analysis.watch.queries import run
from rootspan_analysis.watch.reach import fetch_reach
from rootspan_analysis.watch.records import incident, incidents, write_incident
from rootspan_analysis.watch.sweep import Sweep, sweep_question

__all__ = ["Look", "Tell", "Watcher", "run_until"]

WRITE_EVERY_S: Final = 30.0
"""An open incident's row is written at least so often; at once when it opens, changes its cause or closes."""
SUSPECT_EVERY_S: Final = 10.0
UNANSWERED_S: Final = 30.0
SILENT_S: Final = 60
AFTERMATH_S: Final = 180
log = logging.getLogger(__name__)


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


@dataclass(slots=True)
class _Suspicion:
    """Breaches that the engine was not convinced of."""

    first_ns: int
    asked_ns: int
    took_ms: int


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
        self._sweep = Sweep(settings.sweep_s)
        self._changes = ChangeFinder(client)
        self._suspicions: dict[frozenset[Key], _Suspicion] = {}
        self._calls: Calls = {}
        self._acts = False
        self._asked_ms = 0
        self._version = version("rootspan")

    def look(self, now_ns: int) -> Look:
        """Look once.

        Raises:
            StoreError: The store did not answer; the next look catches up.
        """
        began = time.monotonic()
        self._asked_ms = 0
        acts = self._lease.renew(now_ns)
        if not acts:
            self._acts = False
            return Look(False, took_ms=round((time.monotonic() - began) * 1e3))
        if self._measures.look(now_ns):
            self._judging.forget()
        self._changes.look(now_ns)
        if not self._acts:
            self._take_over(now_ns)
        judged = self._judging.look(self._measures, self._quarantines(now_ns), self._alive())
        opened, suspected = self._follow(judged, now_ns)
        opened += self._sweep_for(judged, now_ns)
        updated, closed = self._settle(judged, opened, now_ns)
        return Look(
            acts=True,
            opened=tuple(opened),
            updated=tuple(updated),
            closed=tuple(closed),
            open=tuple(one.incident for one in self._live.values()),
            suspected=tuple(suspected),
            series=judged.series,
            silent_s=self._measures.silent_s,
            took_ms=round((time.monotonic() - began) * 1e3),
            asked_ms=self._asked_ms,
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

    def _quarantines(self, now_ns: int) -> list[Quarantine]:
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

    def _follow(self, judged: Judged, now_ns: int) -> tuple[list[Incident], list[Breach]]:
        """Give breaches to the incidents that they belong to; open new ones for the rest."""
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
        opened: list[Incident] = []
        suspected: list[Breach] = []
        groups = group(rest, calls)
        for held in groups:
            live = begun(held, calls, now_ns=now_ns, end_s=end_s, version=self._version)
            alone = len(groups) == 1 and not self._live
            if not self._is_believed(live, judged, alone=alone, now_ns=now_ns):
                suspected += held
            elif (twin := self._same_cause(live)) is not None:
                twin.grow(judged.over, held, calls, end_s=end_s)
            else:
                opened.append(self._open(live))
        self._suspicions = {
            keys: one for keys, one in self._suspicions.items() if keys & judged.breaches.keys()
        }
        return opened, suspected

    def _open(self, live: Live) -> Incident:
        self._live[live.incident.id] = live
        self._judging.forget()
        return live.incident

    def _sweep_for(self, judged: Judged, now_ns: int) -> list[Incident]:
        """With nothing open and nothing missed: ask whether a part is ill all the same."""
        end_s = self._measures.end_s
        is_blind = not judged.series or self._measures.silent_s > SILENT_S
        # The engine looks for an onset a while before its window: what is over must not be found again.
        is_fresh = any(one.to_s + AFTERMATH_S > end_s for one in self._past)
        if self._live or judged.breaches or is_blind or is_fresh or not self._sweep.is_due(now_ns):
            return []
        answer = self._answer(sweep_question(end_s), "a sweep")
        breach = self._sweep.take(answer, now_ns=now_ns)
        if breach is None or answer is None:
            return []
        live = begun([breach], self._calls, now_ns=now_ns, end_s=end_s, version=self._version)
        live.explained(answer, now_ns=now_ns, end_s=end_s)
        return [self._open(live)]

    def _spans_per_s(self) -> float:
        cells = [one for held in self._measures.recent.values() for one in held.values()]
        # A request of a service is about two spans: the caller's and its own.
        return 2 * sum(one.n for one in cells) / 180

    def _is_believed(self, live: Live, judged: Judged, *, alone: bool, now_ns: int) -> bool:
        """Ask the engine about new breaches. Whether they make an incident."""
        breaches = live.incident.breaches
        keys = frozenset(live.keys)
        held = next((one for known, one in self._suspicions.items() if known & keys), None)
        if held and now_ns - held.asked_ns < max(SUSPECT_EVERY_S * NS_PER_S, 20 * held.took_ms * 1_000_000):
            return False
        answer = self._ask(live, alone=alone)
        if answer is not None:
            live.explained(answer, now_ns=now_ns, end_s=self._measures.end_s)
        sure = (
            any(one.configured for one in breaches) or bool(keys & judged.severe) or not self._settings.agree
        )
        if sure or (answer is not None and _agrees(answer)):
            return True
        first_ns = held.first_ns if held else now_ns
        self._suspicions[keys] = _Suspicion(first_ns, now_ns, answer.took_ms if answer else 0)
        # An engine that cannot answer has not disagreed.
        insist_s = (
            self._settings.insist_s if answer is not None else min(UNANSWERED_S, self._settings.insist_s)
        )
        return now_ns - first_ns >= insist_s * NS_PER_S

    def _ask(self, live: Live, *, alone: bool) -> Explanation | None:
        end_s = self._measures.end_s
        question: Question = question_for(
            live.incident.breaches, last_bad_s=live.last_bad_s, end_s=end_s, alone=alone
        )
        return self._answer(question, live.incident.id)

    def _answer(self, question: Question, what: str) -> Explanation | None:
        try:
            answer = explain(self._client, question)
        except StoreError as error:
            log.warning("could not explain %s: %s", what, error)
            return None
        self._asked_ms += answer.took_ms
        return answer

    def _same_cause(self, live: Live) -> Live | None:
        cause = first_cause(live.incident)
        if cause is None:
            return None
        return next((one for one in self._live.values() if first_cause(one.incident) == cause), None)

    def _settle(
        self, judged: Judged, opened: Sequence[Incident], now_ns: int
    ) -> tuple[list[Incident], list[Incident]]:
        """Ask again, count what it costs, close what is over, write and tell."""
        new = {one.id for one in opened}
        updated: list[Incident] = []
        closed: list[Incident] = []
        for name, live in list(self._live.items()):
            is_due = now_ns - live.incident.updated_ns >= WRITE_EVERY_S * NS_PER_S
            over = live.is_over(
                judged.fine,
                end_s=self._measures.end_s,
                silent_s=self._measures.silent_s,
                quiet_s=self._settings.quiet_s,
            )
            accepted = now_ns - live.incident.opened_ns >= self._settings.accept_s * NS_PER_S
            if not over and name not in new and live.wants_answer(now_ns):
                answer = self._ask(live, alone=len(self._live) == 1)
                if answer is not None:
                    live.explained(answer, now_ns=now_ns, end_s=self._measures.end_s)
            if over or accepted:
                live.close()
                del self._live[name]
                # What was accepted is the usual from now on.
                self._past += [] if accepted and not over else live.quarantines()
                self._judging.forget()
            if not (live.dirty or is_due):
                continue
            self._count(live, now_ns)
            write_incident(self._client, live.incident)
            live.dirty = False
            if self._tell is not None:
                self._tell.offer(live.incident)
            if over or accepted:
                closed.append(live.incident)
            elif name not in new:
                updated.append(live.incident)
        opened_now = {one.incident.id: one.incident for one in self._live.values()}
        if isinstance(opened, list):
            opened[:] = [opened_now.get(one.id, one) for one in opened]
        return updated, closed

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


def _agrees(answer: Explanation) -> bool:
    """Whether the engine sees it too: a cause, load, a configuration, or at least the symptom."""
    if answer.verdict in ("cause_found", "load", "configuration"):
        return True
    return answer.symptom is not None and answer.symptom.kind != "none"


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
