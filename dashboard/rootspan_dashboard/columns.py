"""Which columns the pages' tables have: their names, units and explanations. Draws nothing."""

from typing import TYPE_CHECKING

import streamlit as st

from rootspan_dashboard.tables import (
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
    "edge_columns",
    "exemplar_columns",
    "incident_columns",
    "instance_columns",
    "log_columns",
    "record_columns",
    "series_columns",
    "service_columns",
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
            "Started (UTC)", format="YYYY-MM-DD HH:mm:ss.SSS", width="medium"
        ),
        "duration": ms_column("Duration"),
        "service": text_column("Service"),
        "operation": text_column("Operation", width="medium"),
        "host": text_column("Host"),
        "status": text_column("Status"),
        "trace": text_column("Trace id", width="medium"),
    }


def log_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a trace's logs."""
    return {
        "offset": ms_column("Offset", help_text="From the trace's start"),
        "severity": text_column("Severity", width="small"),
        "service": text_column("Service", width="small"),
        "host": text_column("Host", width="small"),
        "body": text_column("Body", width="large"),
    }


def incident_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of incidents."""
    return {
        "state": text_column("State", width="small"),
        "severity": text_column("Severity", width="small"),
        "title": text_column("What", width="large"),
        "onset": st.column_config.DatetimeColumn("Onset (UTC)", format="YYYY-MM-DD HH:mm:ss"),
        "lasted": st.column_config.NumberColumn("Lasted", format="%.1f min"),
        "symptom": text_column("Symptom", width="medium"),
        "services": text_column("Services"),
        "hosts": count_column("Hosts"),
        "regions": text_column("Regions"),
        "verdict": text_column("Verdict"),
        "id": text_column("Id", width="small"),
    }


def record_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of log records."""
    return {
        "at": st.column_config.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss.SSS", width="medium"),
        "severity": text_column("Severity", width="small"),
        "service": text_column("Service", width="small"),
        "host": text_column("Host", width="small"),
        "body": text_column("Body", width="large"),
        "trace": text_column("Trace id", width="small"),
    }


def template_columns() -> dict[str, "ColumnConfig"]:
    """Columns of a list of kinds of log records."""
    return {
        "records": count_column("Records"),
        "severity": text_column("Severity", width="small"),
        "service": text_column("Service", width="small"),
        "template": text_column("Kind of record", width="large"),
        "course": spark_column("Over time"),
        "hosts": count_column("Hosts", help_text="Most that wrote it within one bucket of time"),
        "last": st.column_config.DatetimeColumn("Last (UTC)", format="HH:mm:ss"),
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
