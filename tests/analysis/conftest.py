"""Simulated fleets, one for each fault and seed, made when first asked for."""

from collections.abc import Callable, Iterator

import pytest
from bench.embedded import EmbeddedStore
from fleets import END_NS, MINUTES, Fleet, Plant, fill
from training_jobs import PlayJob, player

from rootspan_demo.config import FaultName, FleetConfig


@pytest.fixture(scope="session")
def open_store() -> Iterator[Callable[[str], EmbeddedStore]]:
    """Opens empty databases by name; all are in this process's memory."""
    opened: list[EmbeddedStore] = []

    def open_one(name: str) -> EmbeddedStore:
        opened.append(EmbeddedStore(database=name))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def plant(open_store: Callable[[str], EmbeddedStore]) -> Plant:
    """Fleets by fault and seed; the same one is made once."""
    made: dict[tuple[str, int], Fleet] = {}

    def make(fault: FaultName, seed: int = 1) -> Fleet:
        if (fault, seed) not in made:
            store = open_store(f"fleet_{fault.replace('-', '_')}_{seed}")
            config = FleetConfig(
                end_unix_ns=END_NS,
                hosts=20,
                minutes=MINUTES,
                seed=seed,
                fault=fault,
                spans=200_000,
                onset_before_end_s=290.0,
            )
            made[fault, seed] = Fleet(store, fill(store, config))
        return made[fault, seed]

    return make


@pytest.fixture(scope="session")
def play_job(open_store: Callable[[str], EmbeddedStore]) -> PlayJob:
    """Training jobs by fault; the same one is played once."""
    return player(open_store("training_jobs"))
