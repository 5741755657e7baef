"""What several stores' answers say together: is one region ill, or all of them? Pure.

Stores of regions that keep their data answer each for itself, and no row leaves its region. Answers may: what
is slow in one region and as ever in the others is that region's matter, not the service's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rootspan_analysis.explanation import Cause, Explanation

__all__ = ["Regional", "tell_regional"]


@dataclass(frozen=True, slots=True)
class Regional:
    """A fault of one store's region alone.

    Attributes:
        store: The store's name.
        others: Stores that had enough to tell, and do not have it.
        cause: The first cause in that store.
        text: One sentence.
    """

    store: str
    others: tuple[str, ...]
    cause: Cause
    text: str

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {
            "store": self.store,
            "others": list(self.others),
            "entity": dict(self.cause.entity),
            "fault": self.cause.fault,
            "text": self.text,
        }


def tell_regional(answers: Mapping[str, Explanation]) -> tuple[Regional, ...]:
    """Faults that one store alone has, by store, in the order of the answers.

    A store's first cause counts if at least one other store had enough telemetry to tell, and none names the
    same service with any fault. Empty for a single store.
    """
    found = []
    for name, answer in answers.items():
        if not answer.causes:
            continue
        first = answer.causes[0]
        others = {
            other: one for other, one in answers.items() if other != name and one.verdict != "not_enough_data"
        }
        if others and not any(_names(one, first) for one in others.values()):
            found.append(Regional(name, tuple(others), first, _sentence(name, first, others)))
    return tuple(found)


def _names(answer: Explanation, cause: Cause) -> bool:
    service = cause.entity.get("service.name")
    return any(one.entity.get("service.name") == service for one in answer.causes)


def _sentence(name: str, cause: Cause, others: Mapping[str, Explanation]) -> str:
    what = ", ".join(cause.entity.values())
    well = [other for other, one in others.items() if not one.causes]
    rest = [other for other in others if other not in well]
    told = [f"nothing is wrong in {', '.join(well)}"] if well else []
    told += [f"{', '.join(rest)} has another fault"] if rest else []
    return f"{name} alone: {cause.fault.replace('_', ' ')} ({what}); {'; '.join(told)}"
