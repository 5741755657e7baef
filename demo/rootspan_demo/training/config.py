"""What a person may set about the simulated job, checked at once, and where its ranks run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from rootspan_demo.errors import ConfigError

__all__ = ["TRAINING_FAULT_NAMES", "TrainingConfig", "TrainingFault"]

TrainingFault = Literal[
    "straggler-rank",
    "thermal-throttle",
    "slow-link",
    "slow-nic",
    "hung-rank",
    "hung-gpu",
    "stalled-rank",
    "long-stage-slow-link",
    "gpu-xid",
    "long-stage",
    "uneven-sequences",
    "slow-data-rank",
    "slow-storage",
    "slow-checkpoint-writer",
    "slow-checkpoint-storage",
    "out-of-memory",
    "nan-loss",
    "none",
]
TRAINING_FAULT_NAMES: Final[tuple[TrainingFault, ...]] = get_args(TrainingFault)
HOSTS_PER_SWITCH: Final = 4


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A job and the fault planted in it. Equal configurations give equal recordings.

    Attributes:
        end_unix_ns: The recording ends here.
        data, pipeline, tensor: Sizes of the parallel axes; up to 4,096 ranks in all.
        steps: Steps that a job without a fault takes, 20-2,000.
        microbatches: Of a step, at least `pipeline`, at most 64.
        gpus_per_host: Ranks on a host, 1-16; consecutive ranks share one.
        seed: Picks everything that is random.
        fault: What is planted.
        attempt: Which start of the job it is, as its processes say.
        detail: Whether ranks send a span for each phase, microbatch and collective; steps' summaries always.
    """

    end_unix_ns: int
    data: int = 4
    pipeline: int = 2
    tensor: int = 2
    steps: int = 60
    microbatches: int = 4
    gpus_per_host: int = 8
    seed: int = 1
    fault: TrainingFault = "none"
    attempt: int = 0
    detail: bool = True

    def __post_init__(self) -> None:
        ranges: Mapping[str, tuple[int, int, int]] = {
            "data": (self.data, 1, 4096),
            "pipeline": (self.pipeline, 1, 64),
            "tensor": (self.tensor, 1, 8),
            "ranks (data * pipeline * tensor)": (self.ranks, 2, 4096),
            "steps": (self.steps, 20, 2000),
            "microbatches": (self.microbatches, self.pipeline, 64),
            "gpus_per_host": (self.gpus_per_host, 1, 16),
            "seed": (self.seed, 0, 2**31),
            "attempt": (self.attempt, 0, 10_000),
        }
        for name, (value, low, high) in ranges.items():
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}, outside {low}-{high}; choose a value in that range")
        if self.fault not in TRAINING_FAULT_NAMES:
            raise ConfigError(
                f"unknown fault {self.fault!r}; choose one of {', '.join(TRAINING_FAULT_NAMES)}"
            )

    @property
    def ranks(self) -> int:
        """Ranks of the job."""
        return self.data * self.pipeline * self.tensor

    @property
    def hosts(self) -> int:
        """Hosts that they fill."""
        return -(-self.ranks // self.gpus_per_host)

    def rank_of(self, data: int, stage: int, tensor: int) -> int:
        """The rank at a place of the axes: tensor fastest, then pipeline, then data."""
        return (data * self.pipeline + stage) * self.tensor + tensor

    def axes_of(self, rank: int) -> tuple[int, int, int]:
        """Data-parallel rank, stage and tensor-parallel rank of a rank."""
        rest, tensor = divmod(rank, self.tensor)
        data, stage = divmod(rest, self.pipeline)
        return data, stage, tensor

    def host_of(self, rank: int) -> int:
        """Number of the host of a rank."""
        return rank // self.gpus_per_host

    def host_name(self, host: int) -> str:
        """Name of a host."""
        return f"trainer-{host:04d}"

    def switch_name(self, host: int) -> str:
        """Name of a host's leaf switch."""
        return f"leaf-{host // HOSTS_PER_SWITCH:03d}"
