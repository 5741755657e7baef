"""Which columns the pages' tables have: their names, units and explanations. Draws nothing."""

from typing import TYPE_CHECKING

import streamlit as st

from rootspan_dashboard.tables.draw import (
    count_column,
    ms_column,
    percent_column,
    rate_column,
    spark_column,
    text_column,
)

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

__all__ = [
    "arrival_columns",
    "edge_columns",
    "exemplar_columns",
    "incident_columns",
    "instance_columns",
    "job_cost_columns",
    "log_columns",
    "lost_columns",
    "model_cost_columns",
    "path_columns",
    "pending_columns",
    "phase_columns",
    "record_columns",
    "series_columns",
    "service_columns",
    "service_cost_columns",
    "straggler_columns",
    "template_columns",
    "trace_columns",
]


def service_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a table of services."""
    return {
        "service": text_column("Service", width="medium"),
        "hosts": count_column("Hosts"),
        "rate": rate_column("Served", help_text="Spans served a second, scaled up where senders sampled"),
        "errors": percent_column("Errors", help_text="Share of these spans with status Error"),
        "p50": ms_column("p50"),
        "p95": ms_column("p95"),
        "p99": ms_column("p99"),
        "course": spark_column("p95 over time"),
    }


def trace_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of traces."""
    return {
        "started": st.column_config.DatetimeColumn(
            "Started (UTC)", format="YYYY-MM-DD HH:mm:ss.SSS", width=166
        ),
        "duration": ms_column("Duration", width=78),
        "service": text_column("Service", width=85),
        "operation": text_column("Operation", width=120),
        "host": text_column("Host", width=62),
        "status": text_column("Status", width=50),
        "trace": text_column("Trace id", width=155),
    }


def path_columns(ours: str, others: str) -> dict[str, "ColumnConfig"]:
    """Columns of call paths of one set of traces against another."""
    signed = st.column_config.NumberColumn(
        "Difference", format="%+.2f ms", help="Self time, a trace", width=98
    )
    mean = st.column_config.NumberColumn
    return {
        "operation": text_column("Operation", width=140),
        "service": text_column("Service", width=85),
        "ours": mean(f"{ours}: self time", format="%.2f ms", width=105),
        "others": mean(f"{others}: self time", format="%.2f ms", width=112),
        "more": signed,
        "spans": mean(f"{ours}: spans", format="%.3g", width=84),
        "other_spans": mean(f"{others}: spans", format="%.3g", width=90),
        "callers": text_column("Called by", width=310, help_text="The nearest caller first"),
    }


def log_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a trace's logs."""
    return {
        "offset": ms_column("Offset", help_text="From the trace's start"),
        "severity": text_column("Severity", width=65),
        "service": text_column("Service", width=95),
        "host": text_column("Host", width=75),
        "body": text_column("Body", width=300),
    }


def incident_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of incidents."""
    return {
        "state": text_column("State", width=52),
        "severity": text_column("Severity", width=65),
        "title": text_column("What", width=185),
        "onset": st.column_config.DatetimeColumn("Onset (UTC)", format="YYYY-MM-DD HH:mm:ss", width=142),
        "lasted": text_column("Lasted", width=85),
        "services": text_column("Services", width=75),
        "hosts": count_column("Hosts", width=48),
        "regions": text_column("Regions", width=72),
        "verdict": text_column("Verdict", width=95),
        "symptom": text_column("Symptom", width=190),
    }


def record_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of log records."""
    return {
        "at": st.column_config.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss.SSS", width=166),
        "severity": text_column("Severity", width=65),
        "service": text_column("Service", width=95),
        "host": text_column("Host", width=72),
        "body": text_column("Body", width=230),
        "trace": text_column("Trace id", width=92),
    }


def template_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of kinds of log records."""
    return {
        "records": count_column("Records", width=62),
        "severity": text_column("Severity", width=65),
        "service": text_column("Service", width=95),
        "template": text_column("Kind of record", width=255),
        "course": spark_column("Over time", width=115),
        "hosts": count_column("Hosts", width=50, help_text="Most that wrote it within one bucket of time"),
        "last": st.column_config.DatetimeColumn("Last (UTC)", format="HH:mm:ss", width=80),
    }


def edge_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of calls between services."""
    return {
        "caller": text_column("Caller", width="medium"),
        "callee": text_column("Callee", width="medium"),
        "rate": rate_column("Calls"),
        "errors": percent_column("Failed"),
        "p50": ms_column("p50"),
        "p95": ms_column("p95"),
        "gap50": ms_column("Gap p50", help_text="The client's duration without the server's own"),
        "gap95": ms_column("Gap p95"),
    }


def series_columns(unit: str) -> dict[str, "ColumnConfig"]:
    """Columns of a metric's groups, in the metric's unit."""
    shown = f" ({unit})" if unit else ""
    return {
        "group": text_column("Group", width="medium"),
        **{
            name: st.column_config.NumberColumn(f"{label}{shown}", format="%.4g")
            for name, label in (("mean", "Mean"), ("least", "Least"), ("most", "Most"), ("last", "Last"))
        },
    }


def exemplar_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of exemplars."""
    return {
        "at": st.column_config.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss.SSS", width="medium"),
        "value": st.column_config.NumberColumn("Value", format="%.4g"),
        "group": text_column("Group"),
        "trace": text_column("Trace id", width="large"),
    }


def instance_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of what runs on a host."""
    seen = "YYYY-MM-DD HH:mm:ss"
    return {
        "service": text_column("Service", width="medium"),
        "version": text_column("Version"),
        "gpu": text_column("GPU"),
        "first": st.column_config.DatetimeColumn("First seen (UTC)", format=seen),
        "last": st.column_config.DatetimeColumn("Last seen (UTC)", format=seen),
    }


def phase_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a job's phases."""
    return {
        "phase": text_column("Phase", width="medium"),
        "mean": ms_column("Mean"),
        "median": ms_column("Median"),
        "most": ms_column("Most"),
        "share": st.column_config.NumberColumn("Share of the step", format="%.1f %%"),
    }


def straggler_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a ranking of ranks."""
    return {
        "rank": count_column("Rank"),
        "host": text_column("Host"),
        "op": text_column("Operation"),
        "ratio": st.column_config.NumberColumn("Against peers", format="%.2f ×"),
        "share": st.column_config.NumberColumn(
            "Slow steps",
            format="%.0f %%",
            help="Share of its steps that took at least 1.1 times the peers' median",
        ),
        "excess": st.column_config.NumberColumn("Excess", format="%.2f s"),
        "place": text_column("Place"),
        "verdict": text_column("Verdict", width="medium"),
    }


def lost_columns() -> dict[str, "ColumnConfig"]:
    """Columns of who costs a job its time."""
    return {
        "rank": count_column("Rank"),
        "host": text_column("Host"),
        "steps": count_column("Steps", help_text="In which it was the one that all waited for"),
        "excess": st.column_config.NumberColumn("Waited for it", format="%.1f s"),
        "hours": st.column_config.NumberColumn("GPU time lost", format="%.3f h"),
    }


def arrival_columns() -> dict[str, "ColumnConfig"]:
    """Columns of who comes last to collectives."""
    return {
        "rank": count_column("Rank"),
        "host": text_column("Host"),
        "op": text_column("Operation"),
        "group": text_column("Group"),
        "last": count_column("Times last"),
        "share": st.column_config.NumberColumn("Of its collectives", format="%.0f %%"),
        "mean": ms_column("Mean lateness", help_text="Against the median rank of the same collective"),
        "most": ms_column("Most"),
    }


def pending_columns() -> dict[str, "ColumnConfig"]:
    """Columns of what is pending in a job that hangs."""
    return {
        "rank": count_column("Rank"),
        "role": text_column("Role"),
        "waits_for": text_column("Waits for"),
        "host": text_column("Host"),
        "op": text_column("Operation"),
        "seq": count_column("Number"),
        "group": text_column("Group"),
        "since": st.column_config.DatetimeColumn("Since (UTC)", format="YYYY-MM-DD HH:mm:ss"),
    }


def _money(label: str, currency: str, *, digits: int = 2, width: int | None = None) -> "ColumnConfig":
    return st.column_config.NumberColumn(f"{label} ({currency})", format=f"%.{digits}f", width=width)


def service_cost_columns(currency: str) -> dict[str, "ColumnConfig"]:
    """Columns of what services cost."""
    return {
        "service": text_column("Service", width="medium"),
        "region": text_column("Region"),
        "gpus": count_column("GPUs"),
        "hours": st.column_config.NumberColumn("GPU time", format="%.2f h"),
        "idle": st.column_config.NumberColumn("Idle", format="%.1f %%", help="Minutes used below 5 %"),
        "used": st.column_config.NumberColumn("Utilisation", format="%.1f %%"),
        "cost": _money("Cost", currency),
        "requests": count_column("Requests", help_text="Served, scaled up where senders sampled"),
        "per_thousand": _money("Per 1k requests", currency, digits=4),
    }


def job_cost_columns(currency: str) -> dict[str, "ColumnConfig"]:
    """Columns of what training jobs cost, in the words of `rootspan cost`."""
    number = st.column_config.NumberColumn
    return {
        "job": text_column("Job", width=115),
        "ranks": count_column("Ranks", width=50),
        "hours": number("GPU time", format="%.2f h", width=75),
        "cost": _money("Cost", currency, width=65),
        "per_thousand": _money("Per 1k steps", currency, width=100),
        "per_million": _money("Per 1M tokens", currency, digits=4, width=110),
        "efficiency": number(
            "Scaling efficiency",
            format="%.0f %%",
            help="Of what as many GPUs do alone: measured against a smaller run, or at most the share of the "
            "time that computes, data and checkpoints aside",
            width=115,
        ),
        "basis": text_column("Measured", width=115, help_text="Against which run, or whether it is a bound"),
        "worth": number(
            "Worth", format="%.1f GPUs", help="GPUs that would do as much if none had to wait", width=80
        ),
        "wasted": _money("Wasted", currency, width=85),
        "communication": number(
            "Communication", format="%.0f %%", help="And the wait for others in it", width=100
        ),
        "bubbles": number("Bubbles", format="%.0f %%", help="Idle, or waiting for another stage", width=65),
        "lost": number("Slow ranks", format="%.2f h", help="GPU time lost waiting for them", width=80),
    }


def model_cost_columns(currency: str) -> dict[str, "ColumnConfig"]:
    """Columns of what models cost."""
    return {
        "model": text_column("Model", width=105),
        "service": text_column("Service", width=62),
        "region": text_column("Region", width=66),
        "hours": st.column_config.NumberColumn("GPU time", format="%.2f h", width=70),
        "cost": _money("Cost", currency, width=62),
        "requests": count_column("Requests", width=80),
        "per_thousand": _money("Per 1k requests", currency, digits=4, width=122),
        "tokens": count_column(
            "Tokens", width=98, help_text="Input and output tokens, where spans report them"
        ),
        "per_million": _money("Per 1M tokens", currency, digits=4, width=112),
    }
