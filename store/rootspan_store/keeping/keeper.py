"""Copies what matters before raw retention takes it: a window of arrival after the other, each exactly once.

A window is planned, decided, copied and settled. Every step is one statement under a token of its window, so
a keeper that dies anywhere is followed by one that repeats the steps: what was done is recognised. Two that
work at once do the same and are told so by the store; a plan that another holder made lately is left to it.
Reads no span itself.
"""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rootspan_store.client import store_errors
from rootspan_store.keeping.statements import COPIED, query_settings, statement, write_settings
from rootspan_store.keeping.windows import LONGEST_S, Window, next_window
from rootspan_store.settings import RetentionSettings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Keeper", "KeptWindow"]

_LOG = logging.getLogger(__name__)
# A window that its planner did not finish in this time is taken over.
_TAKE_OVER_S = 300
# Spans of a trace mostly arrive within seconds of one another; those of others are looked up one by one.
_RUN_UP_S = 120
# What arrives for a kept trace within this time goes with it.
_LATE_S = 86_400
# A trace without a known root may have begun this long before the window; one with an early span, then.
_REACH_S = 86_400


@dataclass(frozen=True, slots=True)
class KeptWindow:
    """What came of a window; counts are of rows that arrived in it, traces of those it found a reason for."""

    window: Window
    spans: int
    kept_spans: int
    kept_traces: int
    logs: int
    kept_logs: int


class Keeper:
    """Keeps for one database. Not thread-safe.

    Args:
        client: On the database, which has this program's schema.
        settings: What matters, and when it is judged.
        holder: Name of this keeper, unlike any other's; None makes one up.
        before: Called with the name of each step of a window before it runs; for tests that interrupt.
    """

    def __init__(
        self,
        client: "Client",
        settings: RetentionSettings,
        *,
        holder: str | None = None,
        before: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._holder = holder or uuid.uuid4().hex
        self._before = before

    def keep_next(self, *, at_least_s: int = 1) -> KeptWindow | None:
        """Deal with the next window; None if none is closed yet, or another keeper has it.

        Args:
            at_least_s: A window that is not full is left until it is this long.

        Raises:
            StoreUnreachable, StoreRejected: The store's answer; repeating it later copies nothing twice.
        """
        with store_errors():
            window = self._plan(at_least_s)
            return self._keep(window) if window is not None else None

    def _plan(self, at_least_s: int) -> Window | None:
        newest = self._rows("position")
        if newest and not newest[0][2]:
            begin_s, end_s, _, holder, age_s, blocks = newest[0]
            if str(holder) != self._holder and _whole(age_s) < _TAKE_OVER_S:
                return None
            return Window(_whole(begin_s), _whole(end_s), _whole(blocks))
        position_s = _whole(newest[0][1]) if newest else 0
        ((arrival, now),) = self._rows("next_arrival", {"from": position_s})
        begin_s, closed_s = _whole(arrival), _whole(now) - self._settings.quiet_s
        if begin_s == 0 or closed_s - begin_s < at_least_s:
            return None
        bounds = {"from": begin_s, "to": min(begin_s + LONGEST_S, closed_s)}
        arrivals = [(_whole(second), _whole(count)) for second, count in self._rows("arrivals", bounds)]
        wanted = next_window(begin_s, closed_s, arrivals)
        self._write("plan", f"{position_s}:plan", wanted, holder=self._holder)
        # Of two that planned at once the store took one.
        begin_s, end_s, _, holder, _, blocks = self._rows("position")[0]
        if str(holder) != self._holder:
            return None
        return Window(_whole(begin_s), _whole(end_s), _whole(blocks))

    def _keep(self, window: Window) -> KeptWindow:
        began_s = time.monotonic()
        self._write("steps", "steps", window)
        self._write("decide", "decide", window)
        earliest_s = self._earliest_of_suspects(window)
        for table in COPIED:
            for block in range(window.blocks):
                self._write("copy", f"{table}:{block}", window, table=table, block=block)
            if earliest_s is not None:
                self._write("copy_earlier", f"{table}:earlier", window, table=table, earliest=earliest_s)
        self._write("copy_incident_logs", "incident_logs", window)
        self._write("operations", "operations", window)
        took_ms = round((time.monotonic() - began_s) * 1e3)
        self._write("done", "done", window, holder=self._holder, took_ms=took_ms)
        return self._outcome(window)

    def _earliest_of_suspects(self, window: Window) -> int | None:
        """When the first span can have begun that arrived before the run-up; None: there is none such."""
        ((suspects, earliest),) = self._rows("measure", self._parameters(window))
        if not _whole(suspects):
            return None
        return max(0, min(_whole(earliest), window.begin_s - _REACH_S))

    def _outcome(self, window: Window) -> KeptWindow:
        ((spans, kept_spans, traces, logs, kept_logs),) = self._rows("outcome", {"from": window.begin_s})
        kept = KeptWindow(
            window, _whole(spans), _whole(kept_spans), _whole(traces), _whole(logs), _whole(kept_logs)
        )
        _LOG.info(
            "kept %d of %d spans that arrived from %s to %s", kept.kept_spans, kept.spans,
            window.begin_s, window.end_s,
        )  # fmt: skip
        return kept

    def _parameters(self, window: Window) -> dict[str, object]:
        settings = self._settings
        return {
            "from": window.begin_s,
            "to": window.end_s,
            "blocks": window.blocks,
            "run_up_s": _RUN_UP_S,
            "late_s": _LATE_S,
            "lead_s": settings.incident_lead_s,
            "slow_factor": settings.slow_factor,
            "rare_traces": settings.rare_traces,
            "one_in": settings.ordinary_one_in,
        }

    def _write(self, name: str, token: str, window: Window, *, table: str = "", **more: object) -> None:
        self._before(name if not table else f"{name} {table}")
        self._client.command(
            statement(name, table),
            parameters={**self._parameters(window), **more},
            settings=write_settings(f"kept:{window.begin_s}:{token}"),
        )

    def _rows(self, name: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        result = self._client.query(
            statement(name), parameters=dict(parameters or {}), settings=query_settings()
        )
        return [tuple(row) for row in result.result_rows]


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the store answered {value!r} where a whole number belongs")
    return value
