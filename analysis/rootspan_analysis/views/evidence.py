"""Runs the SQL behind a piece of evidence and reads its answer as courses: the suspect's and its peers'.

The engine's evidence queries share a few column names: a moment (`minute`, or `began` and `begin_ns` of a
job's steps), `suspect`, `calls` and one measure. What has no moment stays a table.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from rootspan_analysis.explanation import Evidence
from rootspan_analysis.gauge_words import GAUGES
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.fleet import Filters, fetch_gauge_cells
from rootspan_analysis.views.statements import ArrowClient
from rootspan_analysis.views.timespan import MINUTE_S, TimeSpan

__all__ = ["Course", "EvidenceCourses", "fetch_evidence", "read_courses"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A column that is drawn.

    Attributes:
        words, unit: Of the chart.
        suspect_name, peers_name: What to call the two lines; an empty name is that of who is accused.
        suspect: The column that tells both apart.
        beside: The column that holds the others' values, where a row has both.
        summed: Whether rows of one moment add up; else they are averaged by `calls`.
    """

    column: str
    words: str
    unit: str
    suspect_name: str = ""
    peers_name: str = "peers"
    suspect: str = "suspect"
    beside: str = ""
    summed: bool = False


MEASURES: Final = (
    Measure("mean_self_ms", "mean self time", "ms"),
    Measure("mean_tokens", "mean tokens a call", ""),
    Measure("mean_ms", "mean duration", "ms"),
    Measure("mean_wait_ms", "mean queue wait", "ms"),
    Measure("median_gap_ms", "median of client minus server time", "ms"),
    Measure("rate", "share of failed calls", "ratio"),
    Measure("share_with_it", "share of calls that make this call", "ratio"),
    Measure(
        "mean_ms_in_batches",
        "mean time in batches",
        "ms",
        "beside a large request",
        "other requests",
        "with_a_large_one",
    ),
    Measure(
        "lost_calls",
        "calls a minute, per host",
        "",
        "hosts that fell silent",
        "other hosts",
        beside="other_calls",
    ),
    Measure("records", "log records a minute", "", summed=True),
    Measure("events", "events a minute", "", summed=True),
    Measure("failed", "failed calls a minute", "", summed=True),
    Measure("mean", "mean", ""),
    Measure("took_ms", "time a step, median of the ranks", "ms"),
    Measure(
        "transfer_ratio",
        "transfer time, times the median group's",
        "times",
        "slow groups",
        "other groups",
    ),
    Measure("memory_bytes", "GPU memory in use", "By", peers_name="the job's other GPUs"),
    Measure("data_s", "data loading a step, median rank", "s"),
    Measure("slowest_s", "time a step", "s", "slowest rank", "median rank", beside="median_s"),
)
"""The first one that an answer has is drawn."""
MOMENTS: Final = ("minute", "began", "begin_ns")
WHOLE_STEPS: Final = "slowest_s"
"""How long a job's whole steps take; where writers are told, their saves."""
LAST_SECOND: Final = 2**40
"""Larger moments are nanoseconds."""


@dataclass(frozen=True, slots=True)
class Course:
    """One line: unix seconds, oldest first, and a value each."""

    seconds: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EvidenceCourses:
    """What a piece of evidence looks like over time.

    Attributes:
        measure: What is measured, in words.
        unit: `ms`, `ratio`, `Cel`, `By`, another unit, or empty for plain numbers.
        suspect: Course of what is accused.
        peers: The same of the others; None where the query does not look at them.
        of_steps: Whether it is how long a job's whole steps take, in seconds.
        suspect_name, peers_name: What to call them; an empty name is that of who is accused.
    """

    measure: str
    unit: str
    suspect: Course
    peers: Course | None
    suspect_name: str = ""
    peers_name: str = "peers"
    of_steps: bool = False


def fetch_evidence(client: ArrowClient, evidence: Evidence, hosts: tuple[str, ...]) -> EvidenceCourses | None:
    """Run the evidence's own SQL and read its courses; for a gauge of one host also those of its peers.

    Args:
        hosts: Hosts that are accused; tells suspects from others where the query does not.

    Returns:
        None when the answer is no course over time.
    """
    table = client.query_arrow(evidence.sql)
    courses = read_courses(table, hosts)
    if courses is None or evidence.signal != "metric" or "metric" not in table.column_names:
        return courses
    metric = str(table["metric"][0].as_py())
    peers = _gauge_peers(client, metric, table, hosts)
    name, unit = GAUGES.get(metric, (metric, ""))
    return EvidenceCourses(name, unit, courses.suspect, peers)


def read_courses(table: pa.Table, hosts: Sequence[str]) -> EvidenceCourses | None:
    """Courses of an evidence query's answer.

    None without a moment, without a measure, or without a suspect row.
    """
    known = next((one for one in MEASURES if one.column in table.column_names), None)
    moment = next((one for one in MOMENTS if one in table.column_names), None)
    if known is None or moment is None:
        return None
    groups: dict[bool, dict[int, list[tuple[float, float]]]] = {
        True: defaultdict(list),
        False: defaultdict(list),
    }
    for row in table.to_pylist():
        at, weight = _unix_s(row[moment]), float(row.get("calls", 1) or 1)
        if row[known.column] is not None:
            groups[_is_suspect(row, known, hosts)][at].append((float(row[known.column]), weight))
        if row.get(known.beside) is not None:
            groups[False][at].append((float(row[known.beside]), weight))
    if not groups[True]:
        return None
    courses = {which: _course(found, summed=known.summed) for which, found in groups.items()}
    return EvidenceCourses(
        known.words,
        known.unit,
        courses[True],
        courses[False] if groups[False] else None,
        known.suspect_name,
        known.peers_name,
        of_steps=known.column == WHOLE_STEPS and "writers" not in table.column_names,
    )


def _is_suspect(row: Mapping[str, object], known: Measure, hosts: Sequence[str]) -> bool:
    if known.suspect in row:
        return bool(row[known.suspect])
    return not hosts or row.get("host", hosts[0]) in hosts


def _unix_s(moment: object) -> int:
    # ClickHouse sends a DateTime over Arrow as seconds, or as a timestamp, depending on its version.
    if isinstance(moment, int | float):
        return int(moment) // NS_PER_S if moment > LAST_SECOND else int(moment)
    seconds: float = moment.timestamp()  # type: ignore[attr-defined]
    return round(seconds)


def _course(found: dict[int, list[tuple[float, float]]], *, summed: bool) -> Course:
    seconds = tuple(sorted(found))
    values = []
    for at in seconds:
        pairs = found[at]
        total = sum(value for value, _ in pairs)
        weights = sum(weight for _, weight in pairs)
        values.append(total if summed else sum(value * weight for value, weight in pairs) / weights)
    return Course(seconds, tuple(values))


def _gauge_peers(client: ArrowClient, metric: str, table: pa.Table, hosts: tuple[str, ...]) -> Course | None:
    seconds = [_unix_s(one) for one in table["minute"].to_pylist()]
    services = set(table["service"].to_pylist())
    if not hosts or len(services) != 1:
        return None
    span = TimeSpan(min(seconds) * NS_PER_S, (max(seconds) + MINUTE_S) * NS_PER_S)
    cells = fetch_gauge_cells(client, span, Filters(service=services.pop()), metric=metric, step_s=MINUTE_S)
    found: dict[int, list[float]] = defaultdict(list)
    for row in cells.to_pylist():
        if row["host"] not in hosts:
            found[row["at_s"]].append(row["mean_value"])
    medians = {at: sorted(values)[len(values) // 2] for at, values in found.items()}
    return Course(tuple(sorted(medians)), tuple(medians[at] for at in sorted(medians))) if medians else None
