"""Is every accepted item accounted for: accepted = stored + pending + quarantined, by the engine's own count?

Counters of a collector in the store lag by seconds, and everything moves while it is read. So the ledger is
read between two accounts of the collector, and the engine's count has to lie between what these allow: all
that was settled by the first, at most all that was accepted by the second. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rootspan_analysis.telemetry import Balance, CollectorCounters, SignalBalance
from rootspan_cli.doctor.collector_status import CollectorStatus, SignalStatus
from rootspan_cli.doctor.report import Check

__all__ = ["Snapshot", "check_balance"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger, and the account of the collector that answered, if any, before and after it was read."""

    before: CollectorStatus | None
    ledger: Balance
    after: CollectorStatus | None


def check_balance(snapshot: Snapshot) -> list[Check]:
    """One check a signal."""
    return [_check_signal(signal, snapshot) for signal in snapshot.ledger.by_signal]


def _check_signal(signal: str, snapshot: Snapshot) -> Check:
    first = _overlaid(signal, snapshot.ledger, snapshot.before)
    last = _overlaid(signal, snapshot.ledger, snapshot.after)
    stored = snapshot.ledger.by_signal[signal].stored
    least = first.accepted - first.pending - first.quarantined
    most = last.accepted - last.quarantined
    parts = f"{stored:,} stored + {last.pending:,} pending + {last.quarantined:,} quarantined"
    said = f"{last.accepted:,} accepted = {parts}"
    step = ""
    if stored < least:
        said = said.replace("=", "≠", 1) + f": {least - stored:,} missing"
        step = (
            "was the store's data folder replaced or cut? compare the collector's log folder with this store"
        )
    elif stored > most:
        said = said.replace("=", "≠", 1) + f": {stored - most:,} too many"
        step = "does something else write into this store, or was a collector's log folder removed?"
    elif last.quarantined:
        step = "the store rejected some items: the reasons are in `quarantine` of the collector's log folder"
    if last.refused:
        said += f"; {last.refused:,} refused"
    facts = {**last.to_json(), "missing": least - stored if stored < least else min(0, most - stored)}
    collectors = {
        one.collector_id: {"accepted": one.accepted, "stored": one.stored, "pending": one.pending}
        for one in snapshot.ledger.collectors
        if one.signal == signal
    }
    return Check(
        f"{signal} balance", least <= stored <= most, said, step, {**facts, "collectors": collectors}
    )


def _overlaid(signal: str, ledger: Balance, live: CollectorStatus | None) -> SignalBalance:
    """The ledger's counters, with those of a collector that was asked itself in place of its last report."""
    counters: Mapping[str, CollectorCounters] = {
        one.collector_id: one for one in ledger.collectors if one.signal == signal
    }
    own = live.signals.get(signal) if live is not None else None
    others = [one for key, one in counters.items() if own is None or live is None or key != live.collector_id]
    rows: list[CollectorCounters | SignalStatus] = [*others]
    if own is not None:
        rows.append(own)
    return SignalBalance(
        accepted=sum(one.accepted for one in rows),
        stored=ledger.by_signal[signal].stored,
        pending=sum(one.pending for one in rows),
        quarantined=sum(one.quarantined for one in rows),
        refused=sum(one.refused for one in rows),
    )
