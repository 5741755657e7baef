"""Is every accepted item accounted for: accepted = stored + pending + quarantined + dropped by rules?

Stored and dropped are the engine's own counts. Everything moves while it is read, and the counters that a
collector tells the store are seconds old. So the engine's count has to lie between two readings of the
collectors: it holds all that was settled by the earlier one, and at most what was accepted by the later one.
Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rootspan_analysis.telemetry import Balance, CollectorCounters, SignalBalance
from rootspan_cli.doctor.collector_status import CollectorStatus, SignalStatus
from rootspan_cli.doctor.report import Check

__all__ = ["Reading", "check_balance", "is_balanced"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The ledger, and the account of the collector that was asked itself, if one answered."""

    ledger: Balance
    live: CollectorStatus | None

    def of(self, signal: str) -> SignalBalance:
        """The ledger's counters, the live collector's own word in place of its last report."""
        asked = {one.collector_id: one for one in self.live.by_log} if self.live is not None else {}
        own = {name: one.signals[signal] for name, one in asked.items() if signal in one.signals}
        rows: list[CollectorCounters | SignalStatus] = [
            one for one in self.ledger.collectors if one.signal == signal and one.collector_id not in own
        ]
        rows += own.values()
        return SignalBalance(
            accepted=sum(one.accepted for one in rows),
            stored=self.ledger.by_signal[signal].stored,
            pending=sum(one.pending for one in rows),
            quarantined=sum(one.quarantined for one in rows),
            refused=sum(one.refused for one in rows),
            dropped=self.ledger.by_signal[signal].dropped,
        )


def is_balanced(earlier: Reading, later: Reading) -> bool:
    """Whether no signal lacks or has too much of anything."""
    return all(_missing(signal, earlier, later) == 0 for signal in earlier.ledger.by_signal)


def check_balance(earlier: Reading, later: Reading) -> list[Check]:
    """One check a signal.

    Args:
        earlier: The collector's account was taken before the ledger was read.
        later: Taken after it, the other way round; `earlier` itself where nothing can have moved.
    """
    return [_check_signal(signal, earlier, later) for signal in earlier.ledger.by_signal]


def _missing(signal: str, earlier: Reading, later: Reading) -> int:
    """Items that should be stored and are not; below 0: stored, and accepted by nobody."""
    first, last = earlier.of(signal), later.of(signal)
    least = first.accepted - first.pending - first.quarantined
    most = last.accepted - last.quarantined
    settled = first.stored + first.dropped
    return max(0, least - settled) or min(0, most - settled)


def _check_signal(signal: str, earlier: Reading, later: Reading) -> Check:
    missing, shown = _missing(signal, earlier, later), later.of(signal)
    parts = f"{shown.stored:,} stored + {shown.pending:,} pending + {shown.quarantined:,} quarantined"
    if shown.dropped:
        parts += f" + {shown.dropped:,} dropped by rules"
    # What moved between the readings is no fault, but the sum does not add up to the item either.
    relation = "=" if shown.missing == 0 else "≈"
    step = ""
    if missing:
        relation = "≠"
        parts += f": {abs(missing):,} {'missing' if missing > 0 else 'too many'}"
    if missing > 0:
        step = (
            "was the store's data folder replaced or cut? compare the collector's log folder with this store"
        )
    elif missing < 0:
        step = "does something else write into this store, or was a collector's log folder removed?"
    elif shown.quarantined:
        step = "the store rejected some items: the reasons are in `quarantine` of the collector's log folder"
    said = f"{shown.accepted:,} accepted {relation} {parts}"
    if shown.refused:
        said += f"; {shown.refused:,} refused"
    facts = {
        **shown.to_json(),
        "missing": missing,
        "dropped_by_rule": dict(later.ledger.ruled_out.get(signal, {})),
        "collectors": _by_collector(signal, later.ledger.collectors),
    }
    return Check(f"{signal} balance", missing == 0, said, step, facts)


def _by_collector(signal: str, rows: Sequence[CollectorCounters]) -> dict[str, dict[str, int]]:
    return {
        one.collector_id: {
            "accepted": one.accepted,
            "stored": one.stored,
            "pending": one.pending,
            "quarantined": one.quarantined,
        }
        for one in rows
        if one.signal == signal
    }
