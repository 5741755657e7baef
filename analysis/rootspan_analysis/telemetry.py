"""The balance of the telemetry: does what collectors accepted match what the engine stored?

Reads the ledger tables; changes nothing. Counters of a collector reach the store every few seconds, the
engine's own count is always current: under load the two are seconds apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final, Protocol

__all__ = ["SIGNALS", "Balance", "CollectorCounters", "QueryClient", "SignalBalance", "balance"]

SIGNALS: Final = ("traces", "logs", "metrics")


class QueryResult(Protocol):
    """The part of a clickhouse-connect result that is read here."""

    @property
    def result_rows(self) -> Sequence[Sequence[object]]:
        """Rows in the order of the SELECT."""
        ...


class QueryClient(Protocol):
    """The part of a clickhouse-connect client that is used here."""

    def query(self, query: str) -> QueryResult:
        """Run a SELECT."""
        ...


@dataclass(frozen=True, slots=True)
class CollectorCounters:
    """What one collector last said of one signal, in items since its log folder was made.

    Attributes:
        reported_unix_ms: When it said so, by its own clock.
    """

    collector_id: str
    signal: str
    accepted: int
    stored: int
    pending: int
    quarantined: int
    refused: int
    version: str
    reported_unix_ms: int


@dataclass(frozen=True, slots=True)
class SignalBalance:
    """One signal over all collectors, in items.

    Attributes:
        accepted: Acknowledged to senders, by the collectors.
        stored: Counted by the engine, not by the collectors.
        pending: In a collector's log, not yet stored. Never more than the engine's count leaves, since the
            collectors' last word may be older than the inserts.
        quarantined: Set aside by a collector, with a reason.
        refused: Turned away with a status that told the sender; never part of `accepted`.
        dropped: Left out by rules (drop, sample), counted by the engine.
    """

    accepted: int = 0
    stored: int = 0
    pending: int = 0
    quarantined: int = 0
    refused: int = 0
    dropped: int = 0

    @property
    def missing(self) -> int:
        """Accepted, and nowhere (not stored, pending, quarantined, dropped); below 0: stored unaccepted."""
        return self.accepted - self.stored - self.pending - self.quarantined - self.dropped

    def to_json(self) -> dict[str, int]:
        """The counters by name."""
        return {
            "accepted": self.accepted,
            "stored": self.stored,
            "pending": self.pending,
            "quarantined": self.quarantined,
            "refused": self.refused,
            "dropped": self.dropped,
        }


@dataclass(frozen=True, slots=True)
class Balance:
    """All signals.

    Attributes:
        by_signal: `traces`, `logs` and `metrics`, always all three.
        dropped_by_senders: Items that senders report to have dropped before any collector saw them.
        collectors: One entry a collector and signal.
        ruled_out: Items that rules left out, by signal and rule.
    """

    by_signal: Mapping[str, SignalBalance]
    dropped_by_senders: int
    collectors: tuple[CollectorCounters, ...]
    ruled_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> SignalBalance:
        """The sum over the signals."""
        parts = self.by_signal.values()
        return SignalBalance(
            accepted=sum(one.accepted for one in parts),
            stored=sum(one.stored for one in parts),
            pending=sum(one.pending for one in parts),
            quarantined=sum(one.quarantined for one in parts),
            refused=sum(one.refused for one in parts),
            dropped=sum(one.dropped for one in parts),
        )

    def to_json(self) -> dict[str, int]:
        """The `telemetry` object of `rootspan why --json`."""
        return {**self.total.to_json(), "dropped_by_senders": self.dropped_by_senders}


def balance(client: QueryClient) -> Balance:
    """Read the ledger.

    Args:
        client: A clickhouse-connect client of the store's database, or anything with its `query`.

    Returns:
        The balance as the tables have it now; all zero where nothing was ever sent.

    Raises:
        Whatever `client.query` raises.
    """
    counters = tuple(_counters(row) for row in client.query(_statement("counters")).result_rows)
    stored = {str(row[0]): _whole(row[1]) for row in client.query(_statement("stored")).result_rows}
    ruled_out = _ruled_out(client)
    dropped = sum(_whole(row[0]) for row in client.query(_statement("dropped")).result_rows)
    by_signal = {
        signal: _of_signal(signal, counters, stored.get(signal, 0), sum(ruled_out.get(signal, {}).values()))
        for signal in SIGNALS
    }
    return Balance(by_signal, dropped, counters, ruled_out)


def _ruled_out(client: QueryClient) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for signal, rule, items in client.query(_statement("ruled_out")).result_rows:
        found.setdefault(str(signal), {})[str(rule)] = _whole(items)
    return found


def _counters(row: Sequence[object]) -> CollectorCounters:
    collector_id, signal, accepted, stored, pending, quarantined, refused, version, reported_unix_ms = row
    return CollectorCounters(
        collector_id=str(collector_id),
        signal=str(signal),
        accepted=_whole(accepted),
        stored=_whole(stored),
        pending=_whole(pending),
        quarantined=_whole(quarantined),
        refused=_whole(refused),
        version=str(version),
        reported_unix_ms=_whole(reported_unix_ms),
    )


def _of_signal(
    signal: str, counters: Sequence[CollectorCounters], stored: int, dropped: int
) -> SignalBalance:
    said = [one for one in counters if one.signal == signal]
    accepted = sum(one.accepted for one in said)
    quarantined = sum(one.quarantined for one in said)
    return SignalBalance(
        accepted=accepted,
        stored=stored,
        pending=min(sum(one.pending for one in said), max(0, accepted - quarantined - stored - dropped)),
        quarantined=quarantined,
        refused=sum(one.refused for one in said),
        dropped=dropped,
    )


def _statement(name: str) -> str:
    return files("rootspan_analysis").joinpath("sql", "telemetry", f"{name}.sql").read_text(encoding="utf-8")


def _whole(value: object) -> int:
    """A number out of a result's column."""
    if isinstance(value, int | float):
        return round(value)
    raise TypeError(f"expected a number in the ledger, got {value!r}")
