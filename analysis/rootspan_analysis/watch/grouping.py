"""Which breaches belong together: those that overlap in time and whose services call each other.

Owns the call relation and the grouping. What has the same first cause is merged later, by the watcher.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rootspan_analysis.reader import Reader
from rootspan_analysis.rows import rows_of
from rootspan_analysis.watch.incident import Breach
from rootspan_analysis.watch.queries import run

__all__ = ["Calls", "fetch_calls", "group", "related"]

SAMPLE_S: Final = 60
SAMPLE_SPANS: Final = 200_000

Calls = Mapping[str, frozenset[str]]
"""Services that a service calls, directly or through others."""


def fetch_calls(client: Reader, *, end_s: int, spans_per_s: float) -> Calls:
    """Read who calls whom from the last minute, out of about 200,000 spans at most.

    Raises:
        StoreError: The store did not answer.
    """
    modulus = max(1, round(spans_per_s * SAMPLE_S / SAMPLE_SPANS))
    table = run(client, "calls", {"from_s": end_s - SAMPLE_S, "to_s": end_s, "modulus": modulus})
    direct: dict[str, set[str]] = {}
    for row in rows_of(table):
        direct.setdefault(str(row["caller"]), set()).add(str(row["callee"]))
    return {service: _reached(service, direct) for service in direct}


def _reached(service: str, direct: Mapping[str, Iterable[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [service]
    while waiting:
        for callee in direct.get(waiting.pop(), ()):
            if callee not in found:
                found.add(callee)
                waiting.append(callee)
    return frozenset(found)


def related(one: str, other: str, calls: Calls) -> bool:
    """Whether one of two services is the other, or reaches it by calls."""
    return one == other or other in calls.get(one, ()) or one in calls.get(other, ())


def group(breaches: Sequence[Breach], calls: Calls) -> list[list[Breach]]:
    """Cut breaches of one moment into groups. Those of one training job are one group."""
    groups: list[list[Breach]] = []
    for breach in breaches:
        near = [held for held in groups if any(_kin(breach, one, calls) for one in held)]
        joined = [breach, *(one for held in near for one in held)]
        groups = [held for held in groups if held not in near]
        groups.append(joined)
    return groups


def _kin(one: Breach, other: Breach, calls: Calls) -> bool:
    if one.job or other.job:
        return one.job == other.job
    return related(one.service, other.service, calls)
