"""How long each table keeps its rows: which class it is of, and the statement that makes it so.

The one list of tables with a retention. Counted from arrival (`InsertedAt`), so that a replayed old recording
stays. Tables that are in no class are kept for good: the ledger and the record of migrations.
"""

from importlib.resources import files
from string import Template

from rootspan_store.settings import RetentionSettings

__all__ = [
    "KEPT_TABLES",
    "RAW_TABLES",
    "ROLLUP_TABLES",
    "retention_days",
    "retention_statement",
    "ttl_clause",
]

RAW_TABLES = (
    "otel_traces",
    "otel_traces_trace_id_ts",
    "otel_logs",
    "otel_metrics_gauge",
    "otel_metrics_sum",
    "otel_metrics_histogram",
    "otel_metrics_exponential_histogram",
    "otel_metrics_summary",
    "otel_training_spans",
    "otel_spans_sampled",
)
KEPT_TABLES = (
    "otel_traces_kept",
    "otel_traces_trace_id_ts_kept",
    "otel_logs_kept",
    "otel_training_spans_kept",
    "rootspan_kept",
    "rootspan_kept_steps",
    "rootspan_retention",
)
ROLLUP_TABLES = (
    "otel_spans_1m",
    "otel_logs_1m",
    "otel_gauges_1m",
    "otel_instances",
    "rootspan_operations_1d",
)

_DAY_S = 86_400


def retention_days(settings: RetentionSettings) -> dict[str, float]:
    """Return the days to keep for every table that has a retention, raw tables first."""
    return {
        **dict.fromkeys(RAW_TABLES, settings.raw_days),
        **dict.fromkeys(KEPT_TABLES, float(settings.kept_days)),
        **dict.fromkeys(ROLLUP_TABLES, float(settings.rollup_days)),
    }


def retention_statement(table: str, days: float) -> str:
    """Return the ALTER that sets a table's TTL. ClickHouse then drops expired parts, old ones included."""
    text = files("rootspan_store").joinpath("sql", "retention.sql").read_text(encoding="utf-8")
    return Template(text).substitute(table=table, interval=_interval(days)).strip()


def ttl_clause(days: float) -> str:
    """Return the clause as `system.tables.engine_full` shows it once it is set."""
    return f"TTL InsertedAt + {_interval(days)}"


def _interval(days: float) -> str:
    if days == int(days):
        return f"toIntervalDay({int(days)})"
    return f"toIntervalSecond({round(days * _DAY_S)})"
