"""The views that readers read: raw rows while they last, the kept ones beyond. Pure.

A kept row has a twin in the raw table for as long as that lives, so each view takes what arrived after one
moment from the raw table alone, and what arrived before from the kept one alone. That moment lies a little
before raw rows expire: a part that ClickHouse drops early in a query's life is none that it still needs.
"""

from collections.abc import Mapping
from importlib.resources import files
from string import Template

from rootspan_store.settings import RetentionSettings

__all__ = ["WHOLE_VIEWS", "view_statement", "views_to_make"]

WHOLE_VIEWS: Mapping[str, tuple[str, str]] = {
    "rootspan_spans": ("otel_traces", "otel_traces_kept"),
    "rootspan_logs": ("otel_logs", "otel_logs_kept"),
    "rootspan_trace_times": ("otel_traces_trace_id_ts", "otel_traces_trace_id_ts_kept"),
    "rootspan_training_spans": ("otel_training_spans", "otel_training_spans_kept"),
}


def view_statement(view: str, settings: RetentionSettings) -> str:
    """Return the statement that makes a view, or makes it anew in one step."""
    raw, kept = WHOLE_VIEWS[view]
    text = files("rootspan_store").joinpath("sql", "whole_view.sql").read_text(encoding="utf-8")
    return Template(text).substitute(view=view, raw=raw, kept=kept, raw_s=settings.read_raw_s).strip()


def views_to_make(shown: Mapping[str, str], settings: RetentionSettings) -> list[str]:
    """Return the views whose text is not theirs under these settings.

    Args:
        shown: By view, its `system.tables.create_table_query`; those that are not there are missing.
    """
    boundary = f"toIntervalSecond({settings.read_raw_s})"
    return [view for view in WHOLE_VIEWS if shown.get(view, "").count(boundary) != 2]
