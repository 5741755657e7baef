"""What arrives of what instances record: by their own clocks, and nothing from those that are mute."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rootspan_demo.logs import LogLine
from rootspan_demo.plan import NEVER, Plan
from rootspan_demo.shapes import SpanBatch

__all__ = ["Senders"]


class Senders:
    """Clocks and silence by instance; upgraded instances, which come last, have neither."""

    def __init__(self, plan: Plan, instances: int, begin_ns: int) -> None:
        more = instances - len(plan.clock_s)
        self._ahead_ns = np.rint(np.append(plan.clock_s, np.zeros(more)) * 1e9).astype(np.int64)
        muted = np.append(plan.muted_s, np.full(more, NEVER))
        self._plain = not self._ahead_ns.any() and not np.isfinite(muted).any()
        never = np.iinfo(np.int64).max
        shown = np.where(np.isfinite(muted), muted, 0.0)
        self._muted_ns = np.where(np.isfinite(muted), begin_ns + np.rint(shown * 1e9).astype(np.int64), never)

    def spans(self, batch: SpanBatch) -> SpanBatch:
        """The batch as it arrives."""
        if self._plain:
            return batch
        rows = batch.rows
        kept = rows.end < self._muted_ns[rows.instance]
        ahead = self._ahead_ns[rows.instance[kept]]
        return SpanBatch(
            batch.template,
            replace(
                rows,
                instance=rows.instance[kept],
                trace=rows.trace[kept],
                slot=rows.slot[kept],
                parent=rows.parent[kept],
                start=rows.start[kept] + ahead,
                end=rows.end[kept] + ahead,
                columns={name: column[kept] for name, column in rows.columns.items()},
            ),
        )

    def lines(self, lines: Sequence[LogLine]) -> Iterator[LogLine]:
        """Log records as they arrive."""
        for one in lines:
            if self._plain:
                yield one
            elif one.at_unix_ns < self._muted_ns[one.instance]:
                yield replace(one, at_unix_ns=one.at_unix_ns + int(self._ahead_ns[one.instance]))
