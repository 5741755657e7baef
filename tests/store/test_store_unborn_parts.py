"""Killed between its deduplication log and the part: the insert, sent again, is stored, everywhere once."""

from __future__ import annotations

import http.client
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from rootspan_store.client import connect
from rootspan_store.embedded.unborn_parts import forget_unborn_parts
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, insert_statement
from rootspan_store.schema import migrate
from support import otlp_requests as otlp
from support.processes import StoreProcess

_COUNTS = {
    "otel_traces": "SELECT count() FROM otel_traces",
    "otel_spans_1m": "SELECT sum(Spans) FROM otel_spans_1m",
    "rootspan_stored": "SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'traces'",
    "otel_traces_trace_id_ts": "SELECT count() FROM otel_traces_trace_id_ts",
}


def _insert(store: StoreProcess, token: str, body: bytes) -> int:
    parameters = {"database": "otel", "query": insert_statement(Signal.TRACES)}
    parameters |= insert_settings(Signal.TRACES, token)
    connection = http.client.HTTPConnection("127.0.0.1", store.port, timeout=60)
    try:
        connection.request("POST", "/?" + urlencode(parameters), frame_prefix(len(body)) + body)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.process
@pytest.mark.parametrize("lost", [("otel_traces",), ("otel_spans_1m", "rootspan_stored")])
def test_an_insert_that_was_logged_but_not_put_in_place_is_taken_when_it_comes_again(
    tmp_path: Path, lost: tuple[str, ...]
) -> None:
    store = StoreProcess(tmp_path)
    with store.running():
        client = connect(store.url)
        migrate(client)
        client.close()
        assert _insert(store, "before", otlp.traces(5).SerializeToString()) == 200
        body = otlp.traces(10).SerializeToString()
        assert _insert(store, "killed", body) == 200
        wanted = {name: store.number(sql) for name, sql in _COUNTS.items()}
        folders = {
            name: Path(store.query(f"SELECT data_paths[1] FROM system.tables WHERE name = '{name}'"))
            for name in lost
        }
        store.kill()
        # What SIGKILL at the rename leaves behind: the block is in the log, the part has its first name.
        for folder in folders.values():
            part = max(folder.glob("*_*_*_*"), key=lambda path: int(path.name.split("_")[-2]))
            part.rename(part.with_name(f"tmp_insert_{part.name}"))
        store.start()
        left = {name: store.number(sql) for name, sql in _COUNTS.items()}
        assert {name for name in _COUNTS if left[name] < wanted[name]} == set(lost)
        for _ in range(2):
            assert _insert(store, "killed", body) == 200
            assert {name: store.number(sql) for name, sql in _COUNTS.items()} == wanted
    assert store.output.count("killed before part") == len(lost)


class _Table:
    """A table's folder as the engine keeps it."""

    def __init__(self, folder: Path) -> None:
        self.engine = folder
        self.path = folder / "store" / "abc" / "abcdef"
        (self.path / "deduplication_logs").mkdir(parents=True)

    def log(self, text: str, number: int = 1) -> Path:
        path = self.path / "deduplication_logs" / f"deduplication_log_{number}.txt"
        path.write_text(text)
        return path

    def part(self, name: str) -> None:
        (self.path / name).mkdir()


@pytest.fixture
def table(tmp_path: Path) -> _Table:
    return _Table(tmp_path)


def test_parts_that_are_there_or_were_merged_are_left_alone(table: _Table) -> None:
    path = table.log("1\tall_1_1_0\tx\n1\tall_2_2_0\ty\n1\tall_3_3_1\tz\n")
    before = path.read_text()
    table.part("all_1_3_1_4")
    assert forget_unborn_parts(table.engine) == 0
    assert path.read_text() == before


def test_only_the_last_part_can_be_unborn(table: _Table) -> None:
    # The first was dropped with its partition, by retention.
    path = table.log("1\t20250101_1_1_0\told\n1\t20250102_2_2_0\tborn\n1\t20250102_3_3_0\tlost\n")
    table.part("20250102_2_2_0")
    assert forget_unborn_parts(table.engine) == 1
    assert path.read_text().endswith("\n2\t20250102_3_3_0\tlost\n")
    assert "2\t20250101" not in path.read_text()
    assert forget_unborn_parts(table.engine) == 0


def test_all_blocks_of_the_unborn_part_are_forgotten_in_the_newest_of_several_logs(table: _Table) -> None:
    table.log("1\tall_1_1_0\ta\n", 9)
    newest = table.log("1\tall_2_2_0\tb\n1\tall_2_2_0\tc\n", 10)
    table.part("all_1_1_0")
    table.part("tmp_insert_all_2_2_0")
    table.part("detached")
    assert forget_unborn_parts(table.engine) == 1
    assert re.findall(r"^2\t(\S+)\t(\S)$", newest.read_text(), re.M) == [
        ("all_2_2_0", "b"),
        ("all_2_2_0", "c"),
    ]


def test_a_torn_last_line_is_cut_off(table: _Table) -> None:
    path = table.log("1\tall_1_1_0\ta\n1\tall_2_2_0\tbroken of")
    table.part("all_1_1_0")
    assert forget_unborn_parts(table.engine) == 0
    assert path.read_text() == "1\tall_1_1_0\ta\n"
