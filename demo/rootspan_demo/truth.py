"""What was planted, and whether a named cause is that.

Owns the comparison with a cause of `rootspan why --json`. Never part of the telemetry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rootspan import semconv
from rootspan_demo.config import FaultName, ScenarioName

__all__ = ["PEER_SERVICE", "Truth"]

PEER_SERVICE: Final = "peer.service"
"""Service that a CLIENT span calls (an older OpenTelemetry name that every backend knows)."""

_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "slow-gpu": frozenset({"host", "gpu"}),
    "region-outage": frozenset({"region"}),
    "bad-version": frozenset({"version", "change"}),
    "network-delay": frozenset({"edge"}),
    "queue-saturation": frozenset({"host", "gpu", "queue"}),
    "error-burst": frozenset({"host", "gpu", "service"}),
    "failover": frozenset({"host"}),
    "model-slow": frozenset({"model"}),
    "noisy-neighbour": frozenset({"host"}),
    "distant-symptom": frozenset({"service", "operation"}),
    "config-change": frozenset({"service", "operation", "change"}),
    "network-partition": frozenset({"edge"}),
    "hot-instance": frozenset({"host", "queue"}),
    "code-path": frozenset({"service", "operation"}),
    "gpu-xid": frozenset({"host", "gpu"}),
    "slow-rollout": frozenset({"version", "change"}),
    "canary": frozenset({"version", "change"}),
    "intermittent": frozenset({"host", "gpu"}),
    "two-faults": frozenset({"host", "gpu"}),
    "late-telemetry": frozenset({"host", "gpu"}),
    "clock-skew": frozenset({"host", "gpu"}),
}
"""Levels at which a fault sits, unless the truth says so itself. What is nobody's fault has none."""
_SLOW_HOST: Final = frozenset({"slow-gpu", "intermittent", "late-telemetry", "clock-skew"})
_NARROWER_THAN_REGION: Final = (
    semconv.CLOUD_ZONE,
    semconv.HOST_RACK,
    semconv.HOST_NAME,
    semconv.SERVICE_VERSION,
)


@dataclass(frozen=True, slots=True)
class Truth:
    """The planted fault of one recording.

    Attributes:
        kind: The fault's name, `none` for a healthy recording.
        entity: Attributes that name what is at fault; empty for `none`.
        hosts: Hosts of which any is right as `host.name` (`queue-saturation`); else empty.
        onset_unix_ns: When it began; None for `none`.
        detail: Sizes of the fault, for people and reports.
        levels: Kinds of a cause that are right, where that depends on the recording.
        others: What is right as well: the second of two faults, or another name of the same machines.
    """

    kind: FaultName | ScenarioName
    entity: Mapping[str, str]
    hosts: tuple[str, ...] = ()
    onset_unix_ns: int | None = None
    detail: Mapping[str, float | str] = field(default_factory=dict)
    levels: frozenset[str] = frozenset()
    others: tuple["Truth", ...] = ()

    @property
    def is_harmless(self) -> bool:
        """Whether nothing is at fault, so that naming a cause is wrong."""
        return not self.levels and not _KINDS.get(self.kind)

    def matches(self, cause: Mapping[str, object]) -> bool:
        """Whether a cause of `why --json` (keys `kind`, `entity`, `fault`) names this fault.

        Strict in four ways:
        * `kind` must be the level at which the fault sits: a host or GPU for `slow-gpu`; a region for
          `region-outage`; a version (or change) for `bad-version`; an edge for `network-delay`; a host, GPU
          or queue for `queue-saturation`; a host, GPU or service for `error-burst`. Nothing matches `none`.
        * Every attribute of the truth's entity must be there with the same value, so an edge needs caller,
          callee and place. `region-outage` needs the region only.
        * `queue-saturation` needs `host.name`: one lost host or several (a list, or comma-separated), and
          every one of them lost.
        * What is said beyond that must not contradict: a region with a zone, rack, host or version beside it
          is refused, and so is a `fault` that speaks of errors or the network for a slow GPU, or that does
          not speak of errors for an error burst.
        """
        return self._is(cause) or any(one.matches(cause) for one in self.others)

    def _is(self, cause: Mapping[str, object]) -> bool:
        entity = cause.get("entity")
        levels = self.levels or _KINDS.get(self.kind, frozenset())
        if cause.get("kind") not in levels or not isinstance(entity, Mapping):
            return False
        named = all(entity.get(name) == value for name, value in self.entity.items())
        if self.hosts:
            named = named and _all_among(entity.get(semconv.HOST_NAME), self.hosts)
        if self.kind == "region-outage":
            named = named and not any(entity.get(name) for name in _NARROWER_THAN_REGION)
        fault = str(cause.get("fault", "")).lower()
        speaks_of_errors = "error" in fault or "exception" in fault
        if self.kind in _SLOW_HOST:
            return named and not speaks_of_errors and "network" not in fault
        return named and (speaks_of_errors or self.kind != "error-burst")


def _all_among(named: object, hosts: Sequence[str]) -> bool:
    """Whether `named` (one host, several by commas, or a list) is not empty and holds only `hosts`."""
    if isinstance(named, str):
        names = [part.strip() for part in named.split(",") if part.strip()]
    elif isinstance(named, Sequence):
        names = [str(part) for part in named]
    else:
        return False
    return bool(names) and set(names) <= set(hosts)
