"""Who was turned away by a collector, and is that a fault to mend? Pure.

Refusals by which a full log or a quota slows senders down come and go; telemetry that was sent where it may
not be stored is lost until somebody corrects where it is sent.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from rootspan_cli.doctor.collector_status import CollectorStatus, Refused
from rootspan_cli.doctor.report import Check

__all__ = ["check_refusals"]

_RECENT_S: Final = 3600.0
_NEXT_STEPS: Final[Mapping[str, str]] = {
    "residency": (
        "data of that region must not be stored here: send it to the collector of its region, or set "
        "cloud.region right"
    ),
    "unauthenticated": "give the sender a token that the collector's tenants file knows",
}
"""By the reason that the collector counts it under; of other reasons the sender comes back by itself."""


def check_refusals(status: CollectorStatus, *, now_unix_s: float) -> Check:
    """Refused requests by sender and reason, the latest first.

    Not as it should be if one of the last hour has a next step: it is lost, and will be again.
    """
    found = _by_sender(status)
    if not found:
        return Check("refusals", True, "no request was turned away since the start", facts={"refused_by": []})
    recent = [one for one in found if one.reason in _NEXT_STEPS and now_unix_s - one.last_unix_s < _RECENT_S]
    shown = "; ".join(_words(one, now_unix_s) for one in (recent or found)[:3])
    more = len(recent or found) - 3
    said = shown + (f"; and {more} more" if more > 0 else "")
    facts = {
        "refused_by": [
            {
                **{"sender": one.sender, "reason": one.reason, "requests": one.requests, "items": one.items},
                **{"last_error": one.last_error, "last_unix_s": one.last_unix_s},
            }
            for one in found
        ]
    }
    return Check("refusals", not recent, said, _NEXT_STEPS[recent[0].reason] if recent else "", facts)


def _by_sender(status: CollectorStatus) -> Sequence[Refused]:
    together: dict[tuple[str, str], Refused] = {}
    for signal in status.signals.values():
        for one in signal.refused_by:
            before = together.get((one.sender, one.reason), one)
            last = max(before, one, key=lambda told: told.last_unix_s)
            so_far = (before.requests, before.items) if before is not one else (0, 0)
            together[one.sender, one.reason] = Refused(
                sender=one.sender,
                reason=one.reason,
                requests=so_far[0] + one.requests,
                items=so_far[1] + one.items,
                last_error=last.last_error,
                last_unix_s=last.last_unix_s,
            )
    return sorted(together.values(), key=lambda one: -one.last_unix_s)


def _words(one: Refused, now_unix_s: float) -> str:
    ago_s = max(0.0, now_unix_s - one.last_unix_s)
    when = f"{ago_s:.0f} s ago" if ago_s < 120 else f"{ago_s / 60:.0f} min ago"
    told = f", told {when}: {one.last_error}" if one.last_error else ""
    return f"{one.reason}: {one.requests:,} requests with {one.items:,} items of {one.sender}{told}"
