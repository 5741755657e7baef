"""What of a fleet differs from a healthy one: numbers by ranker, store, link and moment.

Owns the types that faults are planned in. Nothing downstream looks at the fault's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rootspan_demo.config import FleetConfig
from rootspan_demo.fleet import Fleet
from rootspan_demo.truth import Truth

__all__ = [
    "NEVER",
    "Crowd",
    "Cut",
    "Edge",
    "Floats",
    "Mix",
    "Note",
    "Plan",
    "Scene",
    "SlowEdge",
    "SlowNode",
    "Surge",
    "healthy_plan",
]

NEVER: Final = np.inf
Edge = Literal["gateway-balancer", "balancer-ranker", "ranker-store"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SlowEdge:
    """A link that delays requests (not replies): from callers in region `region` to callees in `zones`."""

    edge: Edge
    region: int
    zones: frozenset[int]
    from_s: float
    delay_s: float
    jitter_s: float

    def extra_s(
        self, at_s: Floats, caller_region: Ints, callee_zone: Ints, rng: np.random.Generator
    ) -> Floats:
        """Delay of requests that leave at `at_s`; zero off the link and before the onset."""
        on = (at_s >= self.from_s) & (caller_region == self.region) & np.isin(callee_zone, list(self.zones))
        drawn = self.delay_s + self.jitter_s * rng.standard_normal(len(at_s))
        return np.where(on, np.maximum(drawn, 0.2 * self.delay_s), 0.0)


@dataclass(frozen=True, slots=True)
class SlowNode:
    """A network node that delays all that reaches the rankers behind it, and all that they send."""

    behind: Mask
    from_s: float
    delay_s: float

    def extra_s(self, at_s: Floats, ranker: Ints, rng: np.random.Generator) -> Floats:
        """Delay of messages to or from `ranker`."""
        on = (at_s >= self.from_s) & self.behind[ranker]
        drawn = self.delay_s * (1 + 0.25 * rng.standard_normal(len(at_s)))
        return np.where(on, np.maximum(drawn, 0.2 * self.delay_s), 0.0)


@dataclass(frozen=True, slots=True)
class Cut:
    """A link that swallows a share of requests: from balancers of `region` to rankers in `zone`."""

    region: int
    zone: int
    from_s: float
    share: float

    def swallows(
        self, at_s: Floats, caller_region: Ints, callee_zone: Ints, rng: np.random.Generator
    ) -> Mask:
        """Which requests never arrive."""
        on = (at_s >= self.from_s) & (caller_region == self.region) & (callee_zone == self.zone)
        return np.asarray(on & (rng.random(len(at_s)) < self.share))


@dataclass(frozen=True, slots=True)
class Crowd:
    """A balancer's fault: `share` of its region's requests go to one ranker, whatever its queue."""

    ranker: int
    share: float
    from_s: float


@dataclass(frozen=True, slots=True)
class Surge:
    """More requests of the usual kind."""

    from_s: float
    factor: float


@dataclass(frozen=True, slots=True)
class Mix:
    """Other requests: of another model's share, or longer."""

    from_s: float
    wide_share: float
    tokens_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Note:
    """A line that a process writes about itself or its machine.

    Attributes:
        event: Name of the event, for records that are events.
    """

    second: float
    instance: int
    severity: str
    body: str
    event: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs from a healthy fleet. Arrays are by ranker; times are seconds of the recording.

    Attributes:
        dies_s: From when a ranker no longer answers (infinite: never).
        ejected_s: From when the balancer sends it nothing.
        changed_s: From when the factors below hold.
        pulse_s: They hold for so long, then not for as long, and so on; 0: they hold for good.
        embed_factor, forward_factor: Times of the two GPU stages.
        model_factor: Times of the forward pass by model, from the earliest `changed_s` on.
        clock_factor: GPU clock.
        heat_c: Added to the GPU's temperature.
        throttled: Whether the driver reports throttling.
        upgraded_s: From when it runs `new_version`.
        error_share: Share of its requests that fail in `model.forward`.
        skip_share: Share of its requests for which it no longer asks the feature store.
        store_changed_s, store_factor, store_error_share: Same by instance of the feature store, region by
            region.
        muted_s: By instance (upgraded ones are not muted), from when nothing that it sends arrives.
        clock_s: By instance, how far its clock is ahead.
    """

    dies_s: Floats
    ejected_s: Floats
    changed_s: Floats
    embed_factor: Floats
    forward_factor: Floats
    clock_factor: Floats
    heat_c: Floats
    throttled: Mask
    upgraded_s: Floats
    error_share: Floats
    skip_share: Floats
    store_changed_s: Floats
    store_factor: Floats
    store_error_share: Floats
    muted_s: Floats
    clock_s: Floats
    truth: Truth
    new_version: str = ""
    pulse_s: float = 0.0
    model_factor: tuple[float, ...] = ()
    slow_edge: SlowEdge | None = None
    slow_node: SlowNode | None = None
    cut: Cut | None = None
    crowd: Crowd | None = None
    surge: Surge | None = None
    mix: Mix | None = None
    notes: tuple[Note, ...] = ()

    def is_changed(self, at_s: Floats, ranker: Ints | None = None) -> Mask:
        """Whether rankers' factors hold at `at_s`; `ranker` None: for all, (moments, rankers)."""
        since = at_s[:, None] - self.changed_s if ranker is None else at_s - self.changed_s[ranker]
        on = since >= 0
        if self.pulse_s:
            on &= np.where(on, since, 0.0) // self.pulse_s % 2 == 0
        return np.asarray(on)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a planner draws from."""

    config: FleetConfig
    fleet: Fleet
    load: float
    onset_s: float
    rng: np.random.Generator

    @property
    def onset_unix_ns(self) -> int:
        """The onset as a stamp."""
        return self.config.start_unix_ns + round(self.onset_s * 1e9)

    def truth(
        self, entity: Mapping[str, str], detail: Mapping[str, float | str], hosts: tuple[str, ...] = ()
    ) -> Truth:
        """A truth of this recording's fault."""
        return Truth(self.config.fault, entity, hosts, self.onset_unix_ns, detail)

    def host(self, ranker: int) -> str:
        """Name of a ranker's host."""
        return self.fleet.instances[int(self.fleet.rankers[ranker])].host


def healthy_plan(fleet: Fleet) -> Plan:
    """Nothing differs."""
    rankers, stores, instances = len(fleet.rankers), sum(map(len, fleet.stores)), len(fleet.instances)
    return Plan(
        dies_s=np.full(rankers, NEVER),
        ejected_s=np.full(rankers, NEVER),
        changed_s=np.full(rankers, NEVER),
        embed_factor=np.ones(rankers),
        forward_factor=np.ones(rankers),
        clock_factor=np.ones(rankers),
        heat_c=np.zeros(rankers),
        throttled=np.zeros(rankers, dtype=np.bool_),
        upgraded_s=np.full(rankers, NEVER),
        error_share=np.zeros(rankers),
        skip_share=np.zeros(rankers),
        store_changed_s=np.full(stores, NEVER),
        store_factor=np.ones(stores),
        store_error_share=np.zeros(stores),
        muted_s=np.full(instances, NEVER),
        clock_s=np.zeros(instances),
        truth=Truth("none", {}),
    )
