"""What a comparison of call paths says: sentence, facts, rows. Pure."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rootspan_analysis.views.call_tree import CallPath
from rootspan_dashboard.words.formats import format_count, format_ms, format_time

__all__ = ["comparison_facts", "comparison_words", "paths_frame"]

NS_PER_MS = 1_000_000
UP = " ‹ "


def _duration_ns(spans: pa.Table) -> int:
    """From the first span's start to the last one's end."""
    ends = pc.add(pc.cast(spans["start_ns"], pa.int64()), pc.cast(spans["duration_ns"], pa.int64()))
    return int(pc.max(ends).as_py() - pc.min(spans["start_ns"]).as_py())


def comparison_words(ours: pa.Table, theirs: pa.Table, paths: Sequence[CallPath]) -> str:
    """One sentence: how long each took, and the path that makes most of the difference."""
    here, there = _duration_ns(ours), _duration_ns(theirs)
    said = f"It took {format_ms(here / NS_PER_MS)}, the other {format_ms(there / NS_PER_MS)}."
    most = max(paths, key=lambda one: abs(one.self_ns - one.other_self_ns), default=None)
    if most is None or most.self_ns == most.other_self_ns:
        return said
    more = most.self_ns - most.other_self_ns
    way = "longer" if more > 0 else "shorter"
    return (
        f"{said} Most of the difference: {most.operation} of {most.service} works "
        f"{format_ms(abs(more) / NS_PER_MS)} {way} itself."
    )


def comparison_facts(ours: pa.Table, theirs: pa.Table) -> list[tuple[str, str]]:
    """Both at a glance."""
    pairs = []
    for name, spans in (("This", ours), ("Other", theirs)):
        failed = pc.sum(pc.equal(spans["status"], "Error")).as_py()
        pairs.append(
            (
                name,
                f"{format_time(pc.min(spans['start_ns']).as_py(), date=True, fraction=3)} UTC, "
                f"{format_count(spans.num_rows)} spans, {format_count(failed)} failed",
            )
        )
    return pairs


def paths_frame(paths: Sequence[CallPath]) -> pd.DataFrame:
    """`operation, service, ours, others, more, spans, other_spans, callers`, largest difference first.

    Times are milliseconds of self time a trace. The nearest caller stands first: it tells paths apart.
    """
    callers: list[tuple[str, ...]] = []
    for one in paths:
        above = (paths[one.parent].operation, *callers[one.parent]) if one.parent >= 0 else ()
        # A call is often two spans of the same name, its client's and its server's.
        callers.append(above[1:] if above[:1] == above[1:2] else above)
    frame = pd.DataFrame(
        [
            {
                "operation": one.operation,
                "service": one.service,
                "ours": one.self_ns / NS_PER_MS,
                "others": one.other_self_ns / NS_PER_MS,
                # No minus before what rounds to nothing.
                "more": round((one.self_ns - one.other_self_ns) / NS_PER_MS, 2) + 0.0,
                "spans": one.spans,
                "other_spans": one.other_spans,
                "callers": UP.join(above),
            }
            for one, above in zip(paths, callers, strict=True)
        ],
        columns=["operation", "service", "ours", "others", "more", "spans", "other_spans", "callers"],
    )
    return frame.sort_values("more", key=abs, ascending=False, ignore_index=True)
