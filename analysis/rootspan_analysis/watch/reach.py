"""How far an incident reaches and what it cost so far, counted from the rollup.

Owns the counting; what is usual is handed in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rootspan_analysis.contrast import anscombe_z
from rootspan_analysis.reader import Reader, numbers, strings
from rootspan_analysis.watch.cells import BINS_PER_OCTAVE
from rootspan_analysis.watch.incident import BlastRadius, Breach, IncidentImpact
from rootspan_analysis.watch.objectives import KINDS
from rootspan_analysis.watch.queries import run
from rootspan_analysis.watch.usual import Usual

__all__ = ["Reach", "fetch_reach"]

MOST_BREACHES: Final = 8
"""Further ones are of the same requests."""
MIN_Z: Final = 3.0


@dataclass(frozen=True, slots=True)
class Reach:
    """Impact and blast radius of one incident."""

    impact: IncidentImpact
    blast: BlastRadius


def fetch_reach(
    client: Reader,
    breaches: Sequence[Breach],
    usuals: Mapping[tuple[str, str, str], Mapping[str, Usual]],
    *,
    from_s: int,
    to_s: int,
) -> Reach:
    """Count from the onset's minute to the present one.

    Args:
        usuals: By (service, operation, job), then by kind of objective.

    Raises:
        StoreError: The store did not answer.
    """
    impact, hosts, regions = IncidentImpact(), set[str](), set[str]()
    for breach in [one for one in breaches if one.kind in KINDS and KINDS[one.kind].measure == "requests"][
        :MOST_BREACHES
    ]:
        known = usuals.get((breach.service, breach.operation, breach.job), {})
        usual = known.get(breach.kind)
        if usual is None:
            continue
        failing = known.get("error_rate")
        limit_ns = max(usual.limit * 1e9, 1.0)
        is_errors = KINDS[breach.kind].quantile is None
        table = run(
            client,
            "reach",
            {
                "from_s": from_s // 60 * 60,
                "to_s": to_s,
                "service": breach.service,
                "operation": breach.operation,
                "limit_bin": 0 if is_errors else math.floor(math.log2(limit_ns) * BINS_PER_OCTAVE) + 1,
            },
        )
        n, weighted = numbers(table, "n"), numbers(table, "weighted")
        failed, slow, total_s = numbers(table, "failed"), numbers(table, "slow"), numbers(table, "total_s")
        if not len(n):
            continue
        scale = weighted / np.maximum(n, 1)
        bad = failed if is_errors else slow
        surplus = bad - n * usual.share
        errors = failed - n * (failing.share if failing else 0.0)
        own = IncidentImpact(
            requests=round(float(weighted.sum())),
            bad_requests=max(0, round(float((surplus * scale).sum()))),
            errors=max(0, round(float((errors * scale).sum()))),
            excess_s=max(0.0, float(((total_s - n * usual.mean_s) * scale).sum())),
        )
        impact = _larger(impact, own)
        hit = (anscombe_z(bad, n * usual.share) >= MIN_Z) & (surplus > 0.5 * n * usual.share)
        hosts |= {str(one) for one in strings(table, "host")[hit] if one}
        regions |= {str(one) for one in strings(table, "region")[hit] if one}
    services = tuple(sorted({one.service for one in breaches if one.service}))
    return Reach(impact, BlastRadius(services, len(hosts), tuple(sorted(regions))))


def _larger(one: IncidentImpact, other: IncidentImpact) -> IncidentImpact:
    return replace(
        one,
        requests=max(one.requests, other.requests),
        bad_requests=max(one.bad_requests, other.bad_requests),
        errors=max(one.errors, other.errors),
        excess_s=max(one.excess_s, other.excess_s),
    )
