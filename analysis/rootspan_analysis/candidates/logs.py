"""Log templates that are new, far more frequent, or gone, given how often their operation ran.

Owns the rule for code faults without an error status. Counting against the operation's own calls takes out
shifts of mix, which otherwise look like new templates. An error that stops is a recovery, never a finding.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import anscombe_z, normal_p
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["KEYS", "LEAST", "find_log_shifts"]

KEYS: Final = ("service", "operation", "severity", "template", "example")
LEAST: Final = 3
"""Templates seen less often than this are not fetched."""
MIN_Z: Final = 3.5
MAX_P: Final = 0.05
"""After Bonferroni's correction for all templates."""
MIN_CALLS: Final = 5.0
"""Calls of the operation in the incident; fewer say nothing of what a call writes."""
MIN_PAST_CALLS: Final = 20.0
MIN_RATIO: Final = 3.0
_BAD: Final = frozenset({"ERROR", "FATAL", "WARN"})


def find_log_shifts(records: Cells, cells: Cells, scene: Scene) -> list[Finding]:
    """The most telling template of each service, if it passes the rule.

    Args:
        records: Counts of templates, by `KEYS`.
        cells: Components, for the calls of each operation.
    """
    calls = _calls(cells)
    interval = scene.incident
    span = slice(interval.start, interval.stop)
    best: dict[str, Finding] = {}
    for row in range(len(records)):
        service, operation = records.keys["service"][row], records.keys["operation"][row]
        ran = calls.get((service, operation))
        if ran is None or ran[scene.base].sum() < MIN_PAST_CALLS or ran[span].sum() < MIN_CALLS:
            continue
        n = records.values["n"][row]
        rate = float(n[scene.base].sum() / ran[scene.base].sum())
        expected, seen = rate * float(ran[span].sum()), float(n[span].sum())
        severity = records.keys["severity"][row]
        z = float(anscombe_z(np.array(seen), np.array(expected))) / _scatter(
            n[scene.base], ran[scene.base], rate
        )
        p = min(1.0, normal_p(float(abs(z))) * max(1, len(records)))
        if not _telling(severity, seen, expected) or abs(z) < MIN_Z or p > MAX_P:
            continue
        known = best.get(service)
        if known is None or abs(z) > known.z:
            best[service] = Finding(
                signal="logs",
                kind="service",
                entity={"service.name": service},
                fault="error" if severity in _BAD else "code_path",
                service=service,
                peer="",
                operation=operation,
                hosts=frozenset(),
                shift=float(np.log((seen + 1) / (expected + 1))),
                z=abs(float(z)),
                p_value=p,
                interval=interval,
                errors=max(0.0, seen - expected) if severity in _BAD else 0.0,
                requests=float(ran[span].sum()),
                detail={"seen": seen, "expected": expected},
                words={"template": records.keys["template"][row], "example": records.keys["example"][row]},
            )
    return list(best.values())


def _calls(cells: Cells) -> Mapping[tuple[str, str], Floats]:
    found: dict[tuple[str, str], Floats] = {}
    for service, operation, n in zip(
        cells.keys["service"], cells.keys["operation"], cells.values["n"], strict=True
    ):
        for key in ((service, operation), (service, "")):
            found[key] = found[key] + n if key in found else n.copy()
    return found


def _telling(severity: str, seen: float, expected: float) -> bool:
    if severity in _BAD:
        return seen >= MIN_RATIO * (expected + 0.5)
    return expected >= MIN_RATIO * (seen + 0.5) or seen >= MIN_RATIO * (expected + 2)


def _scatter(n: Floats, ran: Floats, rate: float) -> float:
    """How much more the counts of quiet buckets scatter than Poisson's; at least 1."""
    active = ran > 0
    z = anscombe_z(n[active], rate * ran[active])
    return max(1.0, float(np.std(z))) if len(z) > 1 else 1.0
