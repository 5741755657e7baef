"""Words and weights of an incident: what a breach says, how severe it is, and the one line on top.

Pure. Owns the thresholds of severity.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from rootspan_analysis.watch.cells import Series
from rootspan_analysis.watch.evaluate import Judgement
from rootspan_analysis.watch.grouping import Calls
from rootspan_analysis.watch.incident import Breach, ObjectiveKind, Severity
from rootspan_analysis.watch.objectives import KINDS
from rootspan_analysis.watch.usual import Usual

__all__ = ["breach_of", "ordered", "severity_of", "title_of", "worse"]

_LEVELS: Final[Sequence[Severity]] = ("minor", "major", "critical")
_ERRORS: Final = (0.02, 0.2)
"""Shares of failed requests from which on it is major, critical."""
_SLOWER: Final[Mapping[str, tuple[float, float]]] = {"latency_p99": (3.0, 10.0)}
_SLOWER_ELSE: Final = (2.0, 5.0)
"""Factors over the usual. The 99th percentile moves further by itself."""
_LESS: Final = (0.7, 0.1)
"""Parts of the usual goodput that are left."""


def breach_of(
    kind: ObjectiveKind, series: Series, judgement: Judgement, usual: Usual, *, configured: bool
) -> Breach:
    """A judgement as a breach with its sentence."""
    about = KINDS[kind]
    scale = 1e3 if about.unit == "ms" else 1.0
    observed, expected = judgement.observed * scale, (usual.limit if configured else usual.value) * scale
    who = f"job {series.job}" if series.job else f"{series.service} {series.operation}"
    against = "a limit of" if configured else "usually"
    if about.unit == "ms":
        values = f"{_ms(observed)}, {against} {_ms(expected)}"
    elif about.unit == "ratio":
        values = f"{observed:.2%}, {against} {expected:.2%}"
    else:
        values = f"{observed:.3g}, {against} {expected:.3g}"
    return Breach(
        kind=kind,
        service=series.service,
        operation=series.operation,
        job=series.job,
        observed=observed,
        expected=expected,
        unit=about.unit,
        since_ns=judgement.since_s * 1_000_000_000,
        configured=configured,
        text=f"{about.words} of {who} is {values}",
    )


def _ms(value: float) -> str:
    return f"{value / 1e3:.1f} s" if value >= 10_000 else f"{value:.1f} ms"


def severity_of(breaches: Sequence[Breach]) -> Severity:
    """The worst of them: from `minor` to `critical`."""
    return _LEVELS[max((_level(one) for one in breaches), default=0)]


def worse(one: Severity, other: Severity) -> Severity:
    """The worse of two."""
    return max(one, other, key=_LEVELS.index)


def _level(breach: Breach) -> int:
    if breach.unit == "score":
        return 0
    if breach.unit == "ratio":
        return sum(breach.observed >= one for one in _ERRORS)
    ratio = breach.observed / breach.expected if breach.expected else 1.0
    if breach.unit == "steps/s":
        return sum(ratio <= one for one in _LESS)
    return sum(ratio >= one for one in _SLOWER.get(breach.kind, _SLOWER_ELSE))


def ordered(breaches: Sequence[Breach], calls: Calls) -> tuple[Breach, ...]:
    """Worst first. Among equals the caller stands before the called, since a user is nearer to it."""
    services = {one.service for one in breaches}
    return tuple(
        sorted(
            breaches,
            key=lambda one: (
                -_level(one),
                -len(calls.get(one.service, frozenset()) & services),
                one.since_ns,
                one.key,
            ),
        )
    )


def title_of(causes: Sequence[Mapping[str, object]], lead: Breach) -> str:
    """The first cause in a line, or the symptom while there is none."""
    if not causes:
        return lead.text
    first = causes[0]
    entity = first.get("entity")
    names = dict(entity) if isinstance(entity, Mapping) else {}
    service, peer = names.pop("service.name", ""), names.pop("peer.service", "")
    parts = [f"{service} → {peer}" if peer else str(service), *(str(one) for one in names.values())]
    where = " ".join(part for part in parts if part)
    return f"{str(first.get('fault', '')).replace('_', ' ')}: {where}"[:200]
