"""Components that became slow or began to fail: self time and the origin of errors, by place and build.

Queues are in `waits`. Owns the rules for services, operations, hosts, GPUs, versions, models and places. Self
time excludes children and queue wait, so a victim of something slower below or of a queue does not look slow
itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from rootspan_analysis.assess import Family, Hit, Rule, assess
from rootspan_analysis.candidates.sizes import find_larger, without_size
from rootspan_analysis.cells import Cells, codes
from rootspan_analysis.contrast import expected_rate, without_outliers
from rootspan_analysis.explanation import CauseKind
from rootspan_analysis.finding import Finding, SignalName
from rootspan_analysis.hierarchy import WHOLE, Description
from rootspan_analysis.reader import Floats, Strings
from rootspan_analysis.scene import Place, Scene

__all__ = [
    "DIMENSIONS",
    "FAILING",
    "MIN_ERRORS",
    "MIN_ROOT_SHARE",
    "SLOW",
    "Slice",
    "cost_of",
    "find_errors",
    "find_slow",
    "finding_of",
    "slices",
    "units_of",
]

DIMENSIONS: Final = (
    ("host",),
    ("version",),
    ("rack",),
    ("switch",),
    ("zone",),
    ("region",),
    ("model",),
    (WHOLE,),
)
_ATTRIBUTE: Final[Mapping[str, str]] = {
    "host": "host.name",
    "version": "service.version",
    "rack": "host.rack",
    "switch": "network.switch",
    "zone": "cloud.availability_zone",
    "region": "cloud.region",
    "model": "gen_ai.request.model",
}
SLOW: Final = Rule(min_z=6.0, min_shift=float(np.log(1.15)))
"""15 %: the upper end of the usual floor of 5-15 % for a relative shift. z: many groups are scanned."""
FAILING: Final = Rule(min_z=4.5, min_shift=0.005, is_rate=True)
MIN_ERRORS: Final = 5.0
MIN_ERROR_RATIO: Final = 3.0
MIN_ROOT_SHARE: Final = 0.03
"""A call must become slower by this share of a usual request, or nobody could notice."""
SEVERAL: Final = 2
UNDIMINISHED: Final = 0.8
"""Of its shift, that a new build keeps in the latest bucket unless it is merely warming up, which costs less
with each call: caches fill, and connections are open."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The cells of one operation, and what they are by dimension."""

    service: str
    operation: str
    cells: Cells
    units: Mapping[str, Strings]


def units_of(cells: Cells, scene: Scene) -> Mapping[str, Strings]:
    """Columns by dimension; rack and switch come from the inventory, place too where a span does not say."""
    place = [scene.places.get(host, Place()) for host in cells.keys["host"]]

    def column(values: list[str]) -> Strings:
        found = np.empty(len(values), dtype=np.object_)
        found[:] = values
        return found

    return {
        "host": cells.keys["host"],
        "gpu": cells.keys["gpu"],
        "version": cells.keys["version"],
        "model": cells.keys["model"],
        "zone": cells.keys["zone"],
        "region": cells.keys["region"],
        "rack": column([one.rack for one in place]),
        "switch": column([one.switch for one in place]),
    }


def slices(cells: Cells, scene: Scene) -> Iterator[Slice]:
    """The cells of each operation."""
    number = codes([cells.keys["service"], cells.keys["operation"]])
    for one in range(int(number.max(initial=-1)) + 1):
        part = cells.where(number == one)
        yield Slice(part.keys["service"][0], part.keys["operation"][0], part, units_of(part, scene))


def find_slow(cells: Cells, scene: Scene) -> list[Finding]:
    """Operations whose self time rose, by the place, build or model that it rose for."""
    findings = []
    for one in slices(cells, scene):
        n, self_ms = one.cells.values["n"], one.cells.values["self_ms"]
        log_sum = without_size(one.cells, scene)
        findings += find_larger(one.cells, scene, one.service, one.operation)
        strata = _strata(one)
        expected = expected_rate(without_outliers(log_sum, n, scene.base), n, scene.base, strata)
        expected_ms = expected_rate(self_ms, n, scene.base, strata)
        known = np.isfinite(expected)
        excess = np.where(known[:, None], log_sum - n * np.nan_to_num(expected)[:, None], 0.0)
        count = np.where(known[:, None], n, 0.0)
        beyond_ms = np.where(known[:, None], self_ms - n * np.nan_to_num(expected_ms)[:, None], 0.0)
        for hit in assess(Family(one.units, DIMENSIONS, scene.noise, SLOW, scene), excess, count):
            rows = hit.description.members
            cost = cost_of(one, rows, hit, beyond_ms)
            if cost["excess_ms_a_call"] < MIN_ROOT_SHARE * scene.root_ms:
                continue
            span = slice(hit.interval.start, hit.interval.stop)
            now = float(self_ms[rows, span].sum() / max(n[rows, span].sum(), 1.0))
            detail = {
                **cost,
                "usual_ms": now - cost["excess_ms_a_call"],
                "ratio": float(np.exp(hit.description.shift)),
                "new": float(_is_new(one, hit, scene)),
                "alike_s": _alike_s(one, hit, excess, scene),
            }
            findings.append(finding_of(one, hit, scene, signal="slow", fault="slow", detail=detail))
    return findings


def find_errors(cells: Cells, scene: Scene) -> list[Finding]:
    """Operations in which more errors begin than before, by the place or build in which they do."""
    findings = []
    for one in slices(cells, scene):
        n, errors = one.cells.values["n"], one.cells.values["errors"]
        if errors.sum() < MIN_ERRORS:
            continue
        strata = np.zeros(len(n), dtype=np.int64)
        usual = np.nan_to_num(expected_rate(errors, n, scene.base, strata))
        overall = float(errors[:, scene.base].sum() / max(n[:, scene.base].sum(), 1.0))
        excess = errors - n * usual[:, None]

        def noise(_: Floats, count: Floats, rate: float = overall) -> Floats:
            return np.full(len(count), rate)

        for hit in assess(Family(one.units, DIMENSIONS, noise, FAILING, scene), excess, n):
            ratio = (hit.amount / max(hit.calls, 1.0) + overall) / max(overall, 1e-4)
            if hit.amount < MIN_ERRORS or ratio < MIN_ERROR_RATIO:
                continue
            cost = cost_of(one, hit.description.members, hit, np.zeros_like(n))
            scale = cost["requests"] / max(hit.calls, 1.0)
            detail = {**cost, "usual_rate": overall, "rate": hit.description.shift + overall}
            finding = finding_of(one, hit, scene, signal="errors", fault="error", detail=detail)
            findings.append(finding.costing(errors=hit.amount * scale))
    return findings


def _is_new(one: Slice, hit: Hit, scene: Scene) -> bool:
    """Whether it is a version that was first seen where the incident may lie."""
    if hit.description.dimensions != ("version",):
        return False
    seen = scene.first_seen_ns.get((one.service, hit.description.values[0]), 0)
    return seen >= scene.timeline.at_ns(scene.search.start)


def _alike_s(one: Slice, hit: Hit, excess: Floats, scene: Scene) -> float:
    """For how long several machines that got a new build have been slow, each by its own calls, to the end.

    What has just begun may be slow until it is warm. 0 if they are not, or it is no new build.
    """
    if not _is_new(one, hit, scene):
        return 0.0
    n, shift, host = one.cells.values["n"], hit.description.shift, one.units["host"]
    since, held = slice(hit.interval.start, None), hit.description.members

    def mean(rows: np.ndarray, when: slice) -> float:
        return float(excess[rows, when].sum() / max(n[rows, when].sum(), 1.0))

    called = np.flatnonzero(n[held, since].sum(axis=0) > 0)
    slow = [name for name in set(host[held].tolist()) if mean(held & (host == name), since) >= shift / 2]
    if len(slow) < SEVERAL or mean(held, slice(-1, None)) < UNDIMINISHED * shift:
        return 0.0
    return float(len(called) * scene.timeline.bucket_s)


def _strata(one: Slice) -> np.ndarray:
    """Cells that should take equally long: one model of one operation."""
    return codes([one.cells.keys["model"]])


def cost_of(one: Slice, rows: np.ndarray, hit: Hit, beyond_ms: Floats) -> dict[str, float]:
    """Calls and milliseconds within the interval, scaled up by the sampling weight."""
    span = slice(hit.interval.start, hit.interval.stop)
    n = one.cells.values["n"][rows, span]
    weight = one.cells.values["weight"][rows, span]
    scale = float(weight.sum() / max(n.sum(), 1.0))
    return {
        "calls": float(n.sum()),
        "requests": float(weight.sum()),
        "excess_ms": float(beyond_ms[rows, span].sum()) * scale,
        "excess_ms_a_call": float(beyond_ms[rows, span].sum() / max(n.sum(), 1.0)),
    }


def finding_of(
    one: Slice, hit: Hit, scene: Scene, *, signal: SignalName, fault: str, detail: Mapping[str, float]
) -> Finding:
    """A hit in the words of a finding; `detail` says what it cost."""
    found = hit.description
    kind, entity = name_of(one, found, scene)
    whole = found.dimensions in ((WHOLE,), ("model",))
    return Finding(
        signal=signal,
        kind=kind,
        entity=entity,
        fault=fault,
        service=one.service,
        peer="",
        operation=one.operation,
        hosts=frozenset() if whole else frozenset(one.cells.keys["host"][found.members].tolist()) - {""},
        shift=found.shift,
        z=hit.z,
        p_value=hit.p_value,
        interval=hit.interval,
        excess_s=max(0.0, detail.get("excess_ms", 0.0)) / 1e3,
        requests=detail.get("requests", 0.0),
        detail=detail,
    )


def name_of(one: Slice, found: Description, scene: Scene) -> tuple[CauseKind, dict[str, str]]:
    """Kind and entity of a description: the service, what was found, and for one host its places."""
    entity = {"service.name": one.service}
    dimension = found.dimensions[0]
    if dimension == WHOLE:
        entity["span.name"] = one.operation
        return "operation", entity
    entity[_ATTRIBUTE[dimension]] = found.values[0]
    if dimension == "host":
        place = scene.places.get(found.values[0], Place())
        entity |= {
            name: value
            for name, value in (("cloud.region", place.region), ("cloud.availability_zone", place.zone))
            if value
        }
    return cast(CauseKind, dimension), entity
