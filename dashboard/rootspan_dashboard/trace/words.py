"""What the trace page says, from its read models: rows, facts, sentences. Pure; draws nothing."""

import json
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from rootspan_analysis.views.clock_skew import ClockSkew
from rootspan_analysis.views.trace_tree import TraceTree
from rootspan_analysis.views.traces import SpanDetail
from rootspan_dashboard.words.formats import format_count, format_ms, format_ratio, format_time
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import key_values

__all__ = [
    "attribute_lines",
    "left_out",
    "logs_frame",
    "skew_words",
    "span_html",
    "trace_facts",
    "traces_frame",
]

NS_PER_MS = 1_000_000
MOST_CLOCKS = 3


def traces_frame(table: pa.Table) -> pd.DataFrame:
    """`started, duration, service, operation, host, status, trace`."""
    frame = table.to_pandas()
    return pd.DataFrame(
        {
            "started": pd.to_datetime(frame["start_ns"], unit="ns", utc=True).dt.tz_localize(None),
            "duration": frame["duration_ns"] / NS_PER_MS,
            "service": frame["service"],
            "operation": frame["operation"],
            "host": frame["host"],
            "status": [
                _status(status, message)
                for status, message in zip(frame["status"], frame["status_message"], strict=True)
            ],
            "trace": frame["trace_id"],
        }
    )


def _status(status: str, message: str) -> str:
    """A span's status for a person: one that nobody set is not an error."""
    told = "failed" if status == "Error" else "ok"
    return f"{told}: {message}" if message else told


def trace_facts(tree: TraceTree) -> list[tuple[str, str]]:
    """A trace in one line."""
    root = tree.spans[tree.root]
    pairs = [
        ("Root", f"{root.operation} · {root.service}"),
        ("Duration", format_ms((tree.end_ns - tree.start_ns) / NS_PER_MS)),
        ("Started", f"{format_time(tree.start_ns, date=True, fraction=3)} UTC"),
        ("Spans", format_count(tree.total)),
        ("Services", format_count(len(tree.distinct("service")))),
        ("Hosts", format_count(len(tree.distinct("host")))),
        ("Failed spans", format_count(int(tree.failed.sum()))),
    ]
    slowest = max(tree.critical, key=lambda place: (tree.critical_ns(place), -place), default=tree.root)
    share = tree.critical_ns(slowest) / max(1, root.duration_ns)
    span = tree.spans[slowest]
    pairs.append(("Most of the critical path", f"{span.operation} · {span.service} {format_ratio(share)}"))
    return pairs


def left_out(tree: TraceTree, drawn: int, *, folding: bool) -> list[str]:
    """What a reader must know of the drawing, a sentence each.

    Args:
        drawn: Rows that there are.
        folding: Whether rows are missing only because a person folded them.
    """
    said = []
    if tree.total > len(tree):
        said.append(f"The trace has {tree.total:,} spans; only the {len(tree):,} longest were read.")
    if drawn < len(tree) and not folding:
        said.append(
            f"{drawn:,} of {len(tree):,} spans are drawn: the critical path, failed spans, "
            "then those with the most self time, each with its ancestors."
        )
    lost = int(tree.lost_parent.sum())
    if lost:
        said.append(
            f"{lost:,} span{'s name' if lost > 1 else ' names'} a parent that is not in the trace "
            "(not sampled, lost, or still to come)."
        )
    if tree.skewed:
        many = tree.skewed > 1
        said.append(
            f"{tree.skewed:,} {'spans reach' if many else 'span reaches'} beyond the parent: "
            "the hosts' clocks differ, or work went on after the answer."
        )
    return said


def skew_words(skews: Sequence[ClockSkew]) -> str:
    """Which hosts' clocks differ from the root's, and by how much."""
    told = []
    for one in skews[:MOST_CLOCKS]:
        way = "behind" if one.offset_ns > 0 else "ahead"
        unsure = "" if one.consistent else ", though its calls contradict each other"
        told.append(
            f"{one.host} is {format_ms(abs(one.offset_ns) / NS_PER_MS)} {way} "
            f"(± {format_ms(one.error_ns / NS_PER_MS)}{unsure})"
        )
    more = f", and {len(skews) - MOST_CLOCKS} more hosts" if len(skews) > MOST_CLOCKS else ""
    return f"Clocks differ: {'; '.join(told)}{more}. Told by calls that would end before they began."


def logs_frame(table: pa.Table, start_ns: int) -> pd.DataFrame:
    """`offset, severity, service, host, body`, oldest first."""
    frame = table.to_pandas()
    return pd.DataFrame(
        {
            "offset": (frame["at_ns"] - start_ns) / NS_PER_MS,
            "severity": frame["severity"],
            "service": frame["service"],
            "host": frame["host"],
            "body": frame["body"],
        }
    )


def span_html(span: SpanDetail, self_ns: int, critical_ns: int, start_ns: int) -> str:
    """Everything about one span. Escaped."""
    failed = span.status == "Error"
    status = (
        f'<div class="failed">failed{": " if span.status_message else ""}{escape(span.status_message)}</div>'
    )
    parts = [
        f'<div class="rs-span"><h3>{escape(span.operation) or "(no name)"}</h3>',
        f'<div class="rs-note">{escape(span.service)}{" on " if span.host else ""}{escape(span.host)}'
        f" · {escape(span.kind.lower())}</div>",
        status if failed else "",
        key_values(
            [
                ("Duration", format_ms(span.duration_ns / NS_PER_MS)),
                ("Self time", format_ms(self_ns / NS_PER_MS)),
                ("On the critical path", format_ms(critical_ns / NS_PER_MS)),
                ("Starts at", format_ms((span.start_ns - start_ns) / NS_PER_MS)),
                ("Span id", span.span_id),
            ]
        ),
        _block("Attributes", list(span.attributes.items())),
        _events(span, start_ns),
        _block("Resource", list(span.resource.items())),
        _dropped(span),
        "</div>",
    ]
    return "".join(parts)


def _block(title: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"<h4>{escape(title)} ({len(pairs)})</h4>{key_values(pairs)}" if pairs else ""


def _events(span: SpanDetail, start_ns: int) -> str:
    pairs = [
        (f"{format_ms((one.at_ns - start_ns) / NS_PER_MS)}  {one.name}", attribute_lines(one.attributes))
        for one in span.events
    ]
    return _block("Events", pairs)


def attribute_lines(text: str) -> str:
    """Attributes, told as a JSON object, as `name = value`, a line each."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return (
        "\n".join(f"{name} = {value}" for name, value in found.items()) if isinstance(found, dict) else text
    )


def _dropped(span: SpanDetail) -> str:
    counts = (
        ("attributes", span.dropped_attributes),
        ("events", span.dropped_events),
        ("links", span.dropped_links),
    )
    words = ", ".join(f"{count} {name}" for name, count in counts if count)
    return f'<div class="rs-note">Its sender dropped {words}.</div>' if words else ""
