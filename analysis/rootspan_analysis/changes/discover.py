"""Finds changes that nobody told: hosts that say something else of themselves than before.

Owns which attributes count. A version of a service needs no finding: `changes_near` reads it off the
inventory. Reads slices of time, so that a look costs little: a host is seen once one of its spans or gauges
falls into a slice.
"""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from rootspan_analysis.changes.change import Change
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.rows import Client, rows_of, run, timestamp, write

__all__ = ["FACTS", "ChangeFinder", "write_changes"]

FACTS: Final[Mapping[str, str]] = {
    "hw.driver_version": "driver",
    "gpu.driver.version": "driver",
    "nvidia.driver.version": "driver",
    "cuda.version": "driver",
    "nccl.version": "driver",
    "os.version": "kernel",
    "os.kernel.release": "kernel",
    "host.kernel.version": "kernel",
    "host.image.version": "kernel",
    "network.switch": "topology",
    "host.rack": "topology",
    "cloud.availability_zone": "topology",
}
"""Resource attributes that are facts of a host, and the kind of a change of each."""
EVERY_S: Final = 20.0
SLICE_S: Final = 2
GAUGES_S: Final = 20
LATE_S: Final = 10
MANY_HOSTS: Final = 10
"""So many hosts with the same change at a time are also a change of the fleet."""
_PACKAGE: Final = "rootspan_analysis.changes"


class ChangeFinder:
    """Compares what hosts say with what they said. For one thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], str] | None = None
        self._looked_ns = 0

    def look(self, now_ns: int) -> tuple[Change, ...]:
        """Look at a slice of telemetry, at most every `EVERY_S`; store and return what changed.

        Raises:
            StoreError: The store did not answer.
        """
        if now_ns - self._looked_ns < EVERY_S * NS_PER_S:
            return ()
        self._looked_ns = now_ns
        if self._known is None:
            rows = rows_of(run(self._client, _PACKAGE, "known_facts", {}))
            self._known = {(str(row["host"]), str(row["name"])): str(row["value"]) for row in rows}
        to_ns = now_ns - LATE_S * NS_PER_S
        table = run(
            self._client,
            _PACKAGE,
            "facts",
            {
                "names": list(FACTS),
                "from_ns": to_ns - SLICE_S * NS_PER_S,
                "gauges_from_ns": to_ns - GAUGES_S * NS_PER_S,
                "to_ns": to_ns,
            },
        )
        changes: list[Change] = []
        facts: list[dict[str, object]] = []
        for row in sorted(rows_of(table), key=lambda one: int(str(one["last_ns"]))):
            host, name, value = str(row["host"]), str(row["name"]), str(row["value"])
            before = self._known.get((host, name))
            if before == value:
                continue
            self._known[host, name] = value
            first_ns = int(str(row["first_ns"]))
            facts.append(
                {
                    "Host": host,
                    "Name": name,
                    "Value": value,
                    "FirstSeen": timestamp(first_ns),
                    "LastSeen": timestamp(int(str(row["last_ns"]))),
                }
            )
            if before is not None:
                changes.append(_changed(host, name, before, value, first_ns))
        changes += _of_the_fleet(changes)
        write(self._client, "rootspan_host_facts", facts)
        write_changes(self._client, changes)
        return tuple(changes)


def _changed(host: str, name: str, before: str, value: str, time_ns: int) -> Change:
    return Change(
        id=_id(host, name, before, value, str(time_ns // (3600 * NS_PER_S))),
        time_ns=time_ns,
        kind=FACTS[name],
        scope={"host.name": host, name: value},
        text=f"{name} of {host} is {value}",
        previous=before,
        author="",
        source="telemetry",
    )


def _of_the_fleet(changes: list[Change]) -> list[Change]:
    """One more change for each that many hosts went through at a time."""
    alike = Counter((one.kind, _what(one), one.previous) for one in changes)
    found: list[Change] = []
    for (kind, (name, value), before), hosts in alike.items():
        if hosts < MANY_HOSTS:
            continue
        first_ns = min(one.time_ns for one in changes if _what(one) == (name, value))
        text = f"{name} of {hosts} hosts is {value}"
        id_ = _id("", name, before, value, str(first_ns // (3600 * NS_PER_S)))
        found.append(Change(id_, first_ns, kind, {}, text, before, "", "telemetry"))
    return found


def _what(change: Change) -> tuple[str, str]:
    return next((name, value) for name, value in change.scope.items() if name != "host.name")


def _id(*parts: str) -> str:
    return "found-" + sha256("\0".join(parts).encode()).hexdigest()[:16]


def write_changes(client: Client, changes: list[Change]) -> None:
    """Store changes; one that is there already is replaced by its id.

    Raises:
        StoreError: The store did not take them.
    """
    rows: list[dict[str, object]] = [
        {
            "Id": one.id,
            "Time": timestamp(one.time_ns),
            "Kind": one.kind,
            "Service": one.scope.get("service.name", ""),
            "Scope": dict(one.scope),
            "Text": one.text,
            "Previous": one.previous,
            "Author": one.author,
            "Source": one.source,
        }
        for one in changes
    ]
    write(client, "rootspan_changes", rows)
