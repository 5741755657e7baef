"""Read models of the logs page: how many by severity, which kinds of records, the records themselves."""

from dataclasses import asdict, dataclass

import pyarrow as pa

from rootspan_analysis.views.statements import ArrowClient, Parameter, run_statement
from rootspan_analysis.views.timespan import TimeSpan

__all__ = ["LogFilter", "fetch_log_records", "fetch_log_series", "fetch_log_templates"]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which records to look at; an empty text means all.

    Attributes:
        severity: One of `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`.
        text: Part of the body, whatever the case.
        template: A template that `fetch_log_templates` returned.
    """

    service: str = ""
    host: str = ""
    region: str = ""
    severity: str = ""
    text: str = ""
    template: str = ""


def _scope(span: TimeSpan, only: LogFilter) -> dict[str, Parameter]:
    return {"from_ns": span.from_ns, "to_ns": span.to_ns, **asdict(only)}


def fetch_log_series(client: ArrowClient, span: TimeSpan, only: LogFilter, *, step_s: int) -> pa.Table:
    """`severity, at_s, records`, oldest first within a severity."""
    return run_statement(client, "log_series", step_s=step_s, **_scope(span, only))


def fetch_log_templates(
    client: ArrowClient, span: TimeSpan, only: LogFilter, *, step_s: int, limit: int
) -> pa.Table:
    """Kinds of records, the most frequent first.

    Returns:
        `template, service, severity, records, example, first_ns, last_ns, hosts, course_at_s, course`.
        `hosts` is the most that wrote it within one bucket.
    """
    return run_statement(client, "log_templates", step_s=step_s, limit=limit, **_scope(span, only))


def fetch_log_records(client: ArrowClient, span: TimeSpan, only: LogFilter, *, limit: int) -> pa.Table:
    """`at_ns, severity, service, host, body, trace_id, span_id`, newest first."""
    return run_statement(client, "log_records", limit=limit, **_scope(span, only))
