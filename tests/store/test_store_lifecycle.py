"""Starting, stopping, dying and coming back."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from store_process import StoreProcess

from rootspan_store.client import connect, wait_ready
from rootspan_store.errors import StoreUnreachable


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rootspan_store", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )


def test_data_outlives_sigkill_and_the_lock_does_not(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    client = store.connect()
    client.command("CREATE DATABASE otel")
    client.command("CREATE TABLE otel.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.command("CREATE TABLE default.d (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.raw_insert("otel.t", ["a"], b"1\n2\n", fmt="TSV")
    client.close()
    assert store.end(signal.SIGKILL) == -signal.SIGKILL
    store.start()
    client = store.connect()
    assert client.query("SELECT a FROM otel.t ORDER BY a").result_rows == [(1,), (2,)]
    assert client.query("SHOW TABLES FROM default").result_rows == [("d",)]
    client.close()


@pytest.mark.parametrize(("fsync", "syncs"), [("true", True), ("false", False)])
def test_an_insert_is_answered_after_its_parts_are_synced_unless_told_otherwise(
    make_store: Callable[..., StoreProcess], fsync: str, syncs: bool
) -> None:
    client = make_store(fsync=fsync).connect()
    client.command("CREATE DATABASE otel")
    client.command("CREATE TABLE otel.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    count = "SELECT sum(value) FROM system.events WHERE event IN ('FileSync', 'DirectorySync')"
    before = client.query(count).result_rows[0][0]
    client.raw_insert("otel.t", ["a"], b"1\n2\n", fmt="TSV")
    assert (client.query(count).result_rows[0][0] > before) == syncs
    client.close()


def test_the_default_database_takes_tables_after_every_restart(
    make_store: Callable[..., StoreProcess],
) -> None:
    store = make_store()
    for change in ("", "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a", "DROP TABLE t SYNC"):
        client = store.connect()
        if change:
            client.command(change)
        expected = client.query("SHOW TABLES").result_rows
        client.close()
        store.end(signal.SIGKILL)
        store.start()
        client = store.connect()
        assert client.query("SHOW TABLES").result_rows == expected
        assert client.command("SELECT engine FROM system.databases WHERE name = 'default'") == "Atomic"
        client.close()
    assert store.log.read_text() == ""


def test_sigkill_in_mid_insert_leaves_a_store_that_starts(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    client = store.connect()
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    connection = http.client.HTTPConnection("127.0.0.1", store.url.port, timeout=30)
    connection.putrequest("POST", "/?query=INSERT+INTO+t+FORMAT+TSV")
    connection.putheader("Content-Length", str(64 * 1024 * 1024))
    connection.endheaders(b"1\n" * 2_000_000)
    store.end(signal.SIGKILL)
    connection.close()
    client.close()
    store.start()
    again = store.connect()
    # Blocks that were written before it died are whole or not there.
    assert again.command("SELECT sum(a) = count() FROM t") == 1
    again.close()


def test_sigterm_lets_an_insert_in_flight_finish(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    client = store.connect()
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.close()
    connection = http.client.HTTPConnection("127.0.0.1", store.url.port, timeout=30)
    connection.putrequest("POST", "/?query=INSERT+INTO+t+FORMAT+TSV")
    connection.putheader("Content-Length", "4")
    connection.endheaders(b"1\n")
    assert store.process is not None
    store.process.send_signal(signal.SIGTERM)
    _refused(store)
    connection.send(b"2\n")
    assert connection.getresponse().status == 200
    connection.close()
    assert store.end() == 0
    store.start()
    client = store.connect()
    assert client.command("SELECT count() FROM t") == 2
    client.close()


def _refused(store: StoreProcess) -> None:
    """Wait until the store takes no new connections."""
    for _ in range(10_000):
        try:
            socket.create_connection(("127.0.0.1", store.url.port), timeout=5).close()
        except ConnectionRefusedError:
            return
    raise AssertionError("it still listens")


def test_sigterm_without_work_ends_at_once_and_silently(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    store.connect().close()
    assert store.end(within_s=10) == 0
    assert store.log.read_text() == ""


def test_a_query_that_never_ends_does_not_hold_the_store(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store(stop_timeout_s="1")
    client = store.connect()
    errors: list[BaseException] = []

    def ask() -> None:
        own = store.connect()
        try:
            own.query("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))")
        except Exception as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while client.command("SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'") < 2:
        pass
    client.close()
    store.end(within_s=20)
    asking.join(20)
    assert len(errors) == 1


def test_a_second_store_on_a_folder_says_who_has_it(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    second = _run("--data", str(store.data), "--http", "127.0.0.1:0")
    assert second.returncode == 2
    assert str(store.data) in second.stderr
    assert str(store.pid) in second.stderr
    assert "--data" in second.stderr
    assert store.connect().command("SELECT 1") == 1


def test_a_port_in_use_is_told_in_one_line(make_store: Callable[..., StoreProcess], tmp_path: Path) -> None:
    store = make_store()
    second = _run("--data", str(tmp_path / "other"), "--http", f"127.0.0.1:{store.url.port}")
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert f"127.0.0.1:{store.url.port}" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--http", "nonsense"], {}, "HOST:PORT"),
        (["--http", "0.0.0.0:0"], {}, "ROOTSPAN_STORE_USER"),
        ([], {"ROOTSPAN_STORE_USER": "ann"}, "together"),
        ([], {"ROOTSPAN_STORE_READERS": "0"}, "readers"),
    ],
)
def test_wrong_settings_are_told_before_anything_starts(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], told: str
) -> None:
    done = _run("--data", str(tmp_path / "never"), *arguments, **environment)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "never").exists()


def test_nothing_is_written_outside_of_the_data_folder(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    client = store.connect()
    client.raw_query(
        "SELECT toUInt32(1) AS a FORMAT Protobuf",
        settings={
            "format_schema": 'syntax = "proto3"; message M { uint32 a = 1; }',
            "format_schema_message_name": "M",
        },
    )
    client.close()
    assert {path.name for path in store.data.parent.iterdir()} == {store.data.name, store.log.name}


def test_waiting_for_a_store_that_is_not_there_ends(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store()
    wait_ready(store.url, 5)
    url = store.url
    store.end()
    with pytest.raises(StoreUnreachable, match="did not answer within"):
        wait_ready(url, 0.2)
    with pytest.raises(StoreUnreachable, match="rootspan store"):
        connect(url)
