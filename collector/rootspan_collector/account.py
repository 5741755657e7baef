"""A collector's account of itself as plain values: of one log, of a worker, of all workers together.

Counts are in items. What was accepted is stored, pending or quarantined; summing accounts keeps that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

__all__ = ["Account", "RefusedBy", "Roll", "SignalAccount"]


@dataclass(frozen=True, slots=True)
class RefusedBy:
    """What one sender was refused for one reason, since the start.

    Attributes:
        last_error: What it was told last.
        last_unix_s: When.
    """

    sender: str
    reason: str
    requests: int
    items: int
    last_error: str = ""
    last_unix_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SignalAccount:
    """Of one signal; see `rootspan_collector.ledger.Counts` for the first six.

    Attributes:
        malformed_requests: Refused because they do not frame, since the start.
        oldest_pending_age_s: Of the oldest segment that is not stored yet; 0 if there is none.
        log_error: Why the log takes no writes; empty while it does.
    """

    accepted: int = 0
    stored: int = 0
    pending: int = 0
    quarantined: int = 0
    refused: int = 0
    repeated: int = 0
    malformed_requests: int = 0
    oldest_pending_age_s: float = 0.0
    log_error: str = ""
    refused_by: tuple[RefusedBy, ...] = ()

    def __add__(self, other: SignalAccount) -> SignalAccount:
        counts = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        return SignalAccount(
            **counts,
            oldest_pending_age_s=max(self.oldest_pending_age_s, other.oldest_pending_age_s),
            log_error="; ".join(filter(None, (self.log_error, other.log_error))),
            refused_by=_together((*self.refused_by, *other.refused_by)),
        )


_SUMMED = tuple(one.name for one in fields(SignalAccount) if one.type == "int")


def _together(refused: Sequence[RefusedBy]) -> tuple[RefusedBy, ...]:
    found: dict[tuple[str, str], RefusedBy] = {}
    for one in refused:
        key = (one.sender, one.reason)
        before = found.get(key, RefusedBy(*key, 0, 0))
        last = max(before, one, key=lambda told: told.last_unix_s)
        found[key] = replace(last, requests=before.requests + one.requests, items=before.items + one.items)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Account:
    """Of one log folder, and of those of its regions.

    Attributes:
        worker: Number of the worker whose folder it is; empty if there is one only.
    """

    collector_id: str
    version: str
    uptime_s: float
    wal_bytes: int
    wal_max_bytes: int
    signals: Mapping[str, SignalAccount]
    regions: Mapping[str, Account] = field(default_factory=dict)
    worker: str = ""

    def to_json(self) -> bytes:
        """Return it as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Account:
        """Read what `to_json` made. Raises ValueError, KeyError or TypeError if it did not."""
        return cls._of(json.loads(text))

    @classmethod
    def _of(cls, said: Mapping[str, object]) -> Account:
        told = dict(said)
        signals: Mapping[str, Mapping[str, object]] = told.pop("signals")  # type: ignore[assignment]
        regions: Mapping[str, Mapping[str, object]] = told.pop("regions")  # type: ignore[assignment]
        return cls(
            signals={name: _signal_of(one) for name, one in signals.items()},
            regions={name: cls._of(one) for name, one in regions.items()},
            **told,  # type: ignore[arg-type]
        )


def _signal_of(said: Mapping[str, object]) -> SignalAccount:
    refused: Sequence[Mapping[str, object]] = said["refused_by"]  # type: ignore[assignment]
    told = {**said, "refused_by": tuple(RefusedBy(**one) for one in refused)}  # type: ignore[arg-type]
    return SignalAccount(**told)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Roll:
    """The accounts of all workers that answered.

    Attributes:
        accounts: At least one.
        away: Numbers of workers that did not answer: they are being started again.
    """

    accounts: tuple[Account, ...]
    away: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the sum, as one account; with several, each by itself under `workers`, too."""
        together = _summed(self.accounts)
        several = self.accounts if len(self.accounts) > 1 or self.away else ()
        return {**together, "workers": [asdict(one) for one in several], "away": list(self.away)}


def _summed(accounts: Sequence[Account]) -> dict[str, object]:
    first = accounts[0]
    signals: dict[str, SignalAccount] = {}
    for account in accounts:
        for name, one in account.signals.items():
            signals[name] = signals.get(name, SignalAccount()) + one
    regions = {name: None for account in accounts for name in account.regions}
    return {
        "collector_id": first.collector_id,
        "version": first.version,
        "uptime_s": first.uptime_s,
        "wal_bytes": sum(one.wal_bytes for one in accounts),
        "wal_max_bytes": sum(one.wal_max_bytes for one in accounts),
        "signals": {name: asdict(one) for name, one in signals.items()},
        "regions": {
            name: _summed([account.regions[name] for account in accounts if name in account.regions])
            for name in regions
        },
    }
