"""Where ranks run: host, GPU, switch, and their place along the parallel axes. Decides what to call them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rootspan_analysis.reader import Reader
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.statements import ask

__all__ = ["NOWHERE", "Place", "Places", "fetch_places"]


@dataclass(frozen=True, slots=True)
class Place:
    """Of one rank; -1 and empty strings where nobody said."""

    rank: int
    dp: int
    tp: int
    stage: int
    host: str
    gpu: str
    switch: str


NOWHERE: Final = Place(-1, -1, -1, -1, "", "", "")
"""Of a rank that nobody placed."""


@dataclass(frozen=True, slots=True)
class Places:
    """Of all ranks of a job that were seen."""

    job: Job
    by_rank: Mapping[int, Place]

    @property
    def hosts(self) -> list[str]:
        """All hosts, ascending."""
        return sorted({one.host for one in self.by_rank.values() if one.host})

    def entity(self, rank: int) -> dict[str, str]:
        """Attributes that name a rank, as far as they are known."""
        named = {"training.rank": str(rank)} if rank >= 0 else {}
        place = self.by_rank.get(rank)
        if place is not None:
            axes = {
                "training.dp_rank": place.dp,
                "training.tp_rank": place.tp,
                "training.pp_rank": place.stage,
            }
            named |= {name: str(value) for name, value in axes.items() if value >= 0}
            named |= {"host.name": place.host, "gpu.index": place.gpu}
        return self.job.entity(**named)

    def ranks_on(self, host: str, gpu: str = "") -> tuple[int, ...]:
        """Ranks of a host, or of one of its GPUs where those are told."""
        there = [one for one in self.by_rank.values() if one.host == host]
        exact = [one.rank for one in there if gpu and one.gpu == gpu]
        return tuple(sorted(exact or [one.rank for one in there]))

    def whole_hosts(self, ranks: Iterable[int]) -> dict[str, tuple[int, ...]]:
        """Hosts with several ranks of which at least four in five are among `ranks`, with those ranks."""
        named = {rank for rank in ranks if rank in self.by_rank}
        count = Counter(self.by_rank[rank].host for rank in named)
        whole = {}
        for host, n in count.items():
            of = len(self.ranks_on(host)) if host else 0
            if of > 1 and n >= 0.8 * of:
                whole[host] = tuple(sorted(rank for rank in named if self.by_rank[rank].host == host))
        return whole


def fetch_places(client: Reader, job: Job) -> Places:
    """Where the job's ranks run.

    Raises:
        StoreError: The store did not answer.
    """
    rows = ask(client, "placement", job.parameters(), job.reading).to_pylist()
    return Places(job, {row["rank"]: Place(**row) for row in rows})
