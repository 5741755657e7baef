"""Incidents as another watcher writes them: for those who look on. Only reads."""

from typing import Final, Literal

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.reader import Reader
from rootspan_analysis.watch.incident import Incident
from rootspan_analysis.watch.records import incidents

__all__ = ["Event", "Follower"]

Event = Literal["opened", "updated", "closed"]
_LOOK_BACK_S: Final = 3600


class Follower:
    """Says what changed since the last look. For one thread."""

    def __init__(self, client: Reader) -> None:
        self._client = client
        self._seen: dict[str, Incident] | None = None

    def look(self, now_ns: int) -> list[tuple[Event, Incident]]:
        """What happened since the last look, oldest first. The first look tells what is open.

        Raises:
            StoreError: The store did not answer.
        """
        found = incidents(self._client, from_ns=now_ns - _LOOK_BACK_S * NS_PER_S)
        known = self._seen or {}
        events: list[tuple[Event, Incident]] = []
        for one in sorted(found, key=lambda each: each.updated_ns):
            before = known.get(one.id)
            if before is None:
                if one.state == "open" or self._seen is not None:
                    events.append(("opened", one))
                if one.state == "closed" and self._seen is not None:
                    events.append(("closed", one))
            elif one.state == "closed" and before.state == "open":
                events.append(("closed", one))
            elif _telling(one) != _telling(before):
                events.append(("updated", one))
        self._seen = {one.id: one for one in found}
        return events

    @property
    def open(self) -> tuple[Incident, ...]:
        """Incidents that were open at the last look."""
        return tuple(one for one in (self._seen or {}).values() if one.state == "open")


def _telling(one: Incident) -> tuple[object, ...]:
    """What a person wants to hear of; costs grow all the time."""
    return one.severity, one.verdict, one.title, len(one.breaches)
