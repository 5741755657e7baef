"""Where in a range a list of traces is looked for first: a small part that most often holds all of it.

A list of a hundred of twenty million spans must not sort them. Each attempt reads more than the one before
it, and the last one all; whoever asks stops at the first that has the whole list. Every list but a random one
is the same as the last attempt's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rootspan_analysis.views.statements import ArrowClient, Parameter, run_statement
from rootspan_analysis.views.timespan import TimeSpan, pick_slices
from rootspan_analysis.views.trace_filter import TraceFilter, TraceOrder

__all__ = ["Attempt", "attempts"]

FEW_SPANS: Final = 300_000
"""Ranges with no more of them are read at once."""
ROWS_A_TRACE: Final = 16
"""So many times the list's length are spans looked at first: a trace may have several that match."""
PARTS: Final = (32, 4)
"""Of what is newest, this fraction of the range's end is read first."""
LONGEST_SPANS: Final = (16, 512, 8192)
"""Times the list's length: as many of the longest spans are read first.

Many of them may be of few traces: steps of training jobs are long.
"""
RANDOM_SPANS: Final = 150_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A part of the range to read.

    Attributes:
        from_ns: From here to the range's end.
        seconds: Unix seconds of it; empty: all.
        floor_ns: Spans of at least this duration.
        rows: At most so many matching spans, the first ones in the list's order; 0: all.
    """

    from_ns: int
    seconds: tuple[int, ...] = ()
    floor_ns: int = 0
    rows: int = 0

    def covers(self, span: TimeSpan) -> bool:
        """Whether it reads every span of the range, but for the limit of rows."""
        return not self.seconds and not self.floor_ns and self.from_ns <= span.from_ns

    def parameters(self) -> dict[str, Parameter]:
        """Of the statement `trace_list`."""
        found: dict[str, Parameter] = {
            "from_ns": self.from_ns,
            "seconds": list(self.seconds),
            "floor_ns": self.floor_ns,
        }
        return found | {"rows": self.rows} if self.rows else found


def attempts(
    client: ArrowClient, span: TimeSpan, only: TraceFilter, *, order: TraceOrder, limit: int
) -> Iterator[Attempt]:
    """Parts of the range, the last one whole. The store is asked for their sizes only if it comes to that."""
    rows = limit * ROWS_A_TRACE
    (row,) = run_statement(client, "span_count", from_s=span.from_s, to_s=span.to_s).to_pylist()
    if row["spans"] > FEW_SPANS:
        if order == "slowest":
            for floor_ns in _floors_ns(client, span, only, [limit * times for times in LONGEST_SPANS]):
                yield Attempt(span.from_ns, floor_ns=floor_ns)
        elif order == "random":
            slices = pick_slices(span, spans=row["spans"], most=RANDOM_SPANS)
            yield Attempt(span.from_ns, seconds=slices.seconds, rows=rows)
        else:
            for part in PARTS:
                yield Attempt(span.to_ns - (span.to_ns - span.from_ns) // part, rows=rows)
    if order != "slowest":
        yield Attempt(span.from_ns, rows=rows)
    yield Attempt(span.from_ns)


def _floors_ns(
    client: ArrowClient, span: TimeSpan, only: TraceFilter, numbers: Sequence[int]
) -> Iterator[int]:
    """For each of ascending numbers the largest duration that about as many spans reach, by the rollup.

    Ends early where there are not that many.
    """
    table = run_statement(
        client,
        "duration_buckets",
        from_s=span.from_s,
        to_s=span.to_s,
        service=only.service,
        host=only.host,
        region=only.region,
        operation=only.operation,
    )
    wanted, seen = list(numbers), 0
    for bucket, spans in zip(table["bucket"].to_pylist(), table["spans"].to_pylist(), strict=True):
        begins_ns = int(2 ** (bucket / 8))
        if begins_ns <= only.max_duration_ns:
            seen += spans
        reached = [one for one in wanted if one <= seen]
        if reached:
            wanted = wanted[len(reached) :]
            yield max(0, begins_ns - 1)
