"""What the logs page says, from its read models: rows and series. Pure; draws nothing."""

import pandas as pd
import pyarrow as pa

__all__ = ["SEVERITIES", "records_frame", "severity_series", "templates_frame"]

SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def severity_series(table: pa.Table) -> dict[str, tuple[list[int], list[float]]]:
    """Seconds and counts by severity, the least severe first."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row in table.to_pylist():
        seconds, counts = found.setdefault(row["severity"], ([], []))
        seconds.append(row["at_s"])
        counts.append(row["records"])
    order = {name: place for place, name in enumerate(SEVERITIES)}
    return dict(sorted(found.items(), key=lambda pair: (order.get(pair[0], -1), pair[0])))


def templates_frame(table: pa.Table, starts_s: range) -> pd.DataFrame:
    """`records, severity, service, template, course, hosts, first, last`; a course has all buckets."""
    rows = []
    for row in table.to_pylist():
        course = dict(zip(row["course_at_s"], row["course"], strict=True))
        rows.append(
            {
                "records": row["records"],
                "severity": row["severity"],
                "service": row["service"],
                "template": row["template"],
                "course": [course.get(at, 0) for at in starts_s],
                "hosts": row["hosts"],
                "first": pd.Timestamp(row["first_ns"], unit="ns"),
                "last": pd.Timestamp(row["last_ns"], unit="ns"),
                "example": row["example"],
            }
        )
    return pd.DataFrame(rows)


def records_frame(table: pa.Table) -> pd.DataFrame:
    """`at, severity, service, host, body, trace`, in the order of the table."""
    frame = table.to_pandas()
    return pd.DataFrame(
        {
            "at": pd.to_datetime(frame["at_ns"], unit="ns"),
            "severity": frame["severity"],
            "service": frame["service"],
            "host": frame["host"],
            "body": frame["body"],
            "trace": frame["trace_id"],
        }
    )
