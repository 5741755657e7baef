"""Looks at a collector's account of itself: version, log, health. Pure."""

from typing import Final

from rootspan_cli.doctor.collector_status import CollectorStatus
from rootspan_cli.doctor.report import Check

__all__ = ["check_collector", "check_log"]

_LOG_LIMIT_SHARE: Final = 0.8
_OLD_S: Final = 60.0
"""Pending for longer than this, the store is not keeping up or not there."""


def check_collector(status: CollectorStatus, address: str, *, own_version: str) -> Check:
    """Who answers, and whether it is of this program's version."""
    said = f"version {status.version} at {address}, up for {_duration(status.uptime_s)}"
    facts = {
        "collector_id": status.collector_id,
        "version": status.version,
        "uptime_s": round(status.uptime_s, 1),
        "workers": [one.collector_id for one in status.workers],
        "away": list(status.away),
    }
    if len(status.workers) > 1:
        said += f", {len(status.workers)} logs of workers"
    step = ""
    if status.away:
        step = f"worker {', '.join(status.away)} does not answer: it is being started again, its log says why"
    elif status.version != own_version:
        step = f"this program is {own_version}: restart the collector, or upgrade the older one"
    return Check("collector", not step, said, step, facts)


def check_log(status: CollectorStatus) -> Check:
    """The write-ahead log: how full, how old, and whether the disk takes it."""
    pending = sum(one.pending for one in status.signals.values())
    oldest_s = max((one.oldest_pending_age_s for one in status.signals.values()), default=0.0)
    malformed = sum(one.malformed_requests for one in status.signals.values())
    errors = [f"{name}: {one.log_error}" for name, one in status.signals.items() if one.log_error]
    share = status.wal_bytes / status.wal_max_bytes if status.wal_max_bytes else 0.0
    said = (
        f"{status.wal_bytes / 1e6:,.1f} MB of {status.wal_max_bytes / 1e6:,.0f} MB, {pending:,} items pending"
    )
    if pending:
        said += f", the oldest for {_duration(oldest_s)}"
    repeated = sum(one.repeated for one in status.signals.values())
    if repeated:
        said += f"; {repeated:,} items came again and were known"
    if malformed:
        said += f"; {malformed:,} malformed requests turned away"
    step = ""
    if errors:
        step = f"the disk refuses the log ({'; '.join(errors)}): free space, or repair the disk"
    elif oldest_s > _OLD_S or share > _LOG_LIMIT_SHARE:
        step = "the store is not keeping up: see the collector's log and the store's"
    facts = {
        "wal_bytes": status.wal_bytes,
        "wal_max_bytes": status.wal_max_bytes,
        "pending": pending,
        "oldest_pending_age_s": round(oldest_s, 3),
        "malformed_requests": malformed,
        "repeated": repeated,
    }
    return Check("log", not step, said, step, facts)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
