"""What a person may set about the simulated fleet, checked at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from rootspan_demo.errors import ConfigError

__all__ = ["FAULT_NAMES", "SCENARIO_NAMES", "FaultName", "FleetConfig", "ScenarioName"]

FaultName = Literal[
    "slow-gpu",
    "region-outage",
    "bad-version",
    "network-delay",
    "queue-saturation",
    "error-burst",
    "none",
]
FAULT_NAMES: Final[tuple[FaultName, ...]] = get_args(FaultName)
ScenarioName = Literal[
    "zone-outage",
    "rack-outage",
    "failover",
    "rack-throttle",
    "region-slow",
    "model-slow",
    "noisy-neighbour",
    "distant-symptom",
    "config-change",
    "network-node",
    "network-partition",
    "hot-instance",
    "code-path",
    "gpu-xid",
    "slow-rollout",
    "canary",
    "intermittent",
    "two-faults",
    "late-telemetry",
    "clock-skew",
    "traffic-surge",
    "mix-shift",
    "long-requests",
    "missing-telemetry",
]
SCENARIO_NAMES: Final[tuple[ScenarioName, ...]] = get_args(ScenarioName)
"""What else may befall a fleet; the last four are nobody's fault."""
_ALL_NAMES: Final = (*FAULT_NAMES, *SCENARIO_NAMES)
SPANS_PER_REQUEST: Final = 9.0
"""Spans of a request that needs one attempt, see `rootspan_demo.spans`."""
REQUESTS_PER_HOST_PER_S: Final = 100.0
"""What one instance can serve, the product's reference figure."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """A fleet, its traffic and the fault planted in it. Equal configurations give equal recordings.

    Attributes:
        hosts: GPU hosts with one ranker each, 4-5000, split over two regions.
        minutes: Length of the recording, 0.5-1440.
        seed: Picks everything that is random.
        fault: What is planted, or happens.
        end_unix_ns: The recording's end; every stamp is before it.
        spans: Spans to aim at by head sampling (about; ignored when `sampling_ratio` is given).
        sampling_ratio: Share of traces to keep, in (0, 1].
        load: Mean traffic as a share of what the instances can serve, 0.05-0.95; None: 0.48-0.58 by seed.
        onset_before_end_s: When the fault begins; None: 5-9 minutes before the end by seed (earlier shares of
            recordings shorter than that).
    """

    end_unix_ns: int
    hosts: int = 50
    minutes: float = 30.0
    seed: int = 7
    fault: FaultName | ScenarioName = "none"
    spans: int = 1_500_000
    sampling_ratio: float | None = None
    load: float | None = None
    onset_before_end_s: float | None = None

    def __post_init__(self) -> None:
        ranges: Mapping[str, tuple[float | None, float, float]] = {
            "hosts": (self.hosts, 4, 5000),
            "minutes": (self.minutes, 0.5, 1440),
            "seed": (self.seed, 0, 2**63 - 1),
            "spans": (self.spans, 1, 100_000_000),
            "sampling_ratio": (self.sampling_ratio, 1e-9, 1.0),
            "load": (self.load, 0.05, 0.95),
            "onset_before_end_s": (self.onset_before_end_s, 0.0, self.minutes * 60),
        }
        for name, (value, low, high) in ranges.items():
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value}, outside {low}-{high}; choose a value in that range")
        if self.fault not in _ALL_NAMES:
            raise ConfigError(f"unknown fault {self.fault!r}; choose one of {', '.join(_ALL_NAMES)}")
        if self.end_unix_ns < self.duration_s * 1e9:
            raise ConfigError(
                f"end_unix_ns is {self.end_unix_ns}, before the recording could begin after 1970"
            )

    @property
    def duration_s(self) -> float:
        """Length of the recording in whole seconds."""
        return float(round(self.minutes * 60))

    @property
    def start_unix_ns(self) -> int:
        """The recording's begin."""
        return self.end_unix_ns - round(self.duration_s) * 1_000_000_000

    def keep_ratio(self, mean_load: float) -> float:
        """Share of traces that head sampling keeps, for the traffic that `mean_load` gives."""
        if self.sampling_ratio is not None:
            return self.sampling_ratio
        requests = self.hosts * REQUESTS_PER_HOST_PER_S * mean_load * self.duration_s
        return min(1.0, self.spans / (SPANS_PER_REQUEST * requests))
