"""The questions themselves: functions of plain values that return plain values, for whatever protocol asks.

Reads only. Every answer is bounded in rows and in characters, and says so when it was cut.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rootspan_analysis import Question, explain
from rootspan_analysis.telemetry import balance
from rootspan_analysis.views.fleet import Filters, fetch_entries, fetch_group_totals, fetch_totals
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import Condition, TraceFilter
from rootspan_analysis.views.trace_search import fetch_trace_list
from rootspan_cli.times import parse_duration_ns, parse_time_ns
from rootspan_store.client import StoreUrl, connect, store_errors

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["MOST_CHARS", "MOST_ROWS", "Answer", "Questions"]

MOST_ROWS: Final = 200
MOST_CHARS: Final = 500
"""Of one text in an answer: what is longer is cut, and ends in an ellipsis."""
_SQL_LIMITS: Final = {"readonly": "2", "max_execution_time": "20", "max_memory_usage": str(2 << 30)}
_TELLS: Final = re.compile(r"\s*(SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN)\b", re.IGNORECASE)
"""Statements that are no SELECT and change nothing."""
_NS_PER_MS: Final = 1_000_000

Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions to one store. Each opens a connection of its own, so that they may run side by side."""

    store: StoreUrl

    @contextmanager
    def _client(self) -> Iterator["Client"]:
        with store_errors(self.store):
            client = connect(self.store)
            try:
                yield client
            finally:
                client.close()

    def why(self, begin: str, end: str, service: str, job: str, top: int) -> Answer:
        """Ranked causes of what went wrong in a window, as `rootspan why --json` gives them."""
        from_ns, to_ns = _window(begin, end)
        question = Question(from_ns, to_ns, service=service or None, job=job or None, top=top)
        with self._client() as client:
            found = replace(explain(client, question), telemetry=balance(client).to_json())
        return found.to_json()

    def search_traces(
        self,
        begin: str,
        end: str,
        *,
        service: str,
        operation: str,
        attributes: Mapping[str, str],
        min_duration_ms: float,
        failed: bool,
        limit: int,
    ) -> Answer:
        """Traces with a span that matches, longest first."""
        only = TraceFilter(
            service=service,
            operation=operation,
            min_duration_ns=int(min_duration_ms * _NS_PER_MS),
            failed=failed,
            where=tuple(Condition(key, "=", value) for key, value in sorted(attributes.items())),
        )
        with self._client() as client:
            table = fetch_trace_list(
                client, TimeSpan(*_window(begin, end)), only, order="slowest", limit=_rows(limit) + 1
            )
        return _bounded(table.to_pylist(), limit)

    def fleet(self, begin: str, end: str) -> Answer:
        """Requests, errors and latency of the fleet, of each service and of each region."""
        span = TimeSpan(*_window(begin, end))
        with self._client() as client:
            entries = fetch_entries(client, span)
            totals = fetch_totals(client, span, Filters(), entries)
            services = fetch_group_totals(client, span, Filters(), (), dimension="service")
            regions = fetch_group_totals(client, span, Filters(), entries, dimension="region")
        if totals is None:
            return {"hosts": 0, "note": "no span lies in this window; try a longer one"}
        return {
            "hosts": totals.hosts,
            "requests": totals.requests,
            "errors": totals.errors,
            "p50_ms": totals.p50_ms,
            "p95_ms": totals.p95_ms,
            "p99_ms": totals.p99_ms,
            "services": _bounded(services.drop_columns("at_s").to_pylist(), MOST_ROWS),
            "regions": _bounded(regions.drop_columns("at_s").to_pylist(), MOST_ROWS),
        }

    def sql(self, query: str, limit: int) -> Answer:
        """Rows of one statement, which can neither write nor run for long."""
        # Only a SELECT can stand in a SELECT. The setting keeps a server from reading files and other
        # servers; the embedded store has it fixed.
        text = query if _TELLS.match(query) else f"SELECT * FROM (\n{query}\n) LIMIT {_rows(limit) + 1}"
        with self._client() as client:
            known = client.server_settings
            bounds = {name: value for name, value in _SQL_LIMITS.items() if not known[name].readonly}
            result = client.query(text, settings=bounds)
            rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
        return _bounded(rows, limit)


def _window(begin: str, end: str) -> tuple[int, int]:
    now_ns = time.time_ns()
    to_ns = parse_time_ns(end, now_ns=now_ns) if end else now_ns
    if begin:
        return parse_time_ns(begin, now_ns=now_ns), to_ns
    return to_ns - parse_duration_ns("15m"), to_ns


def _rows(limit: int) -> int:
    return max(1, min(limit, MOST_ROWS))


def _bounded(rows: list[dict[str, object]], limit: int) -> Answer:
    most = _rows(limit)
    shown = [{name: _cut(value) for name, value in row.items()} for row in rows[:most]]
    return {"rows": shown, "cut": len(rows) > most}


def _cut(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"
