"""Real stores, as processes, on free ports and in temporary folders."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

from rootspan_store.rules import RuleSet
from rootspan_store.schema import migrate
from support.ruled import TOUCHED


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[..., StoreProcess]]:
    stores: list[StoreProcess] = []

    def make(name: str = "data", **environment: str) -> StoreProcess:
        stores.append(StoreProcess(tmp_path / name, **environment))
        return stores[-1].start()

    yield make
    for store in stores:
        if store.process is not None:
            store.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One store for all tests that only need some store."""
    running = StoreProcess(tmp_path_factory.mktemp("store") / "data").start()
    yield running
    assert running.end() == 0, running.log.read_text()


@pytest.fixture
def client(store: StoreProcess) -> Iterator[Client]:
    """A client on a database of its own."""
    admin = store.connect()
    admin.command("DROP DATABASE IF EXISTS tests")
    admin.command("CREATE DATABASE tests")
    own = store.connect("tests")
    yield own
    own.close()
    admin.command("DROP DATABASE IF EXISTS tests")
    admin.close()


@pytest.fixture(scope="module")
def ruled_database(store: StoreProcess) -> Iterator[Client]:
    admin = store.connect()
    own = store.connect("ruled")
    migrate(own)
    yield own
    own.close()
    admin.command("DROP DATABASE ruled")
    admin.close()


@pytest.fixture
def ruled(ruled_database: Client) -> Iterator[Client]:
    """The whole schema, empty and without rules; one database for all, since making it takes seconds."""
    yield ruled_database
    migrate(ruled_database, rules=RuleSet())
    for table in TOUCHED:
        ruled_database.command(f"TRUNCATE TABLE {table}")
