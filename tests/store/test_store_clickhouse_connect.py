"""The real clickhouse-connect against the real store: what works against a ClickHouse server works here."""

import datetime as dt
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from store_process import StoreProcess

_NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678_901)
_COLUMNS = ["id", "name", "at", "tags", "values", "maybe"]


@pytest.fixture
def table(client: Client) -> str:
    client.command(
        "CREATE TABLE t (id UInt64, name String, at DateTime64(9), tags Map(LowCardinality(String), String), "
        "values Array(Float64), maybe Nullable(Int32)) ENGINE = MergeTree ORDER BY id"
    )
    return "t"


def _rows(count: int) -> list[list[object]]:
    return [[i, f"näme {i}'\\", _NOW, {"k": str(i)}, [1.5, i], None if i % 2 else i] for i in range(count)]


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_were_inserted_in_every_compression(
    store: StoreProcess, client: Client, table: str, compress: bool | str
) -> None:
    own = get_client(host="127.0.0.1", port=store.url.port, database="tests", compress=compress)
    rows = _rows(20_000)
    summary = own.insert(table, rows, column_names=_COLUMNS)
    result = own.query("SELECT * FROM t ORDER BY id")
    own.close()
    assert summary.written_rows == 20_000
    assert [list(row) for row in result.result_rows] == rows


def test_a_default_client_with_a_session_of_its_own_works(store: StoreProcess) -> None:
    own = get_client(host="127.0.0.1", port=store.url.port)
    assert own.ping()
    assert own.command("SELECT 1") == 1
    own.command("SET max_block_size = 7")
    assert own.query("SELECT getSetting('max_block_size')").result_rows == [(7,)]
    own.command("USE system")
    assert own.command("SELECT currentDatabase()") == "system"
    own.close()
    other = get_client(host="127.0.0.1", port=store.url.port)
    assert other.query("SELECT getSetting('max_block_size') != 7, currentDatabase()").result_rows == [
        (1, "default")
    ]
    other.close()


def test_frames_arrow_and_numpy_go_in_and_out(client: Client, table: str) -> None:
    client.insert_df(table, pd.DataFrame({"id": [1, 2], "name": ["a", "b"]}))
    client.insert_arrow(table, pa.table({"id": pa.array([3], pa.uint64()), "name": ["c"]}))
    assert client.query_df("SELECT id, name FROM t ORDER BY id")["name"].tolist() == ["a", "b", "c"]
    assert client.query_arrow("SELECT id FROM t ORDER BY id").column("id").to_pylist() == [1, 2, 3]
    assert client.query_np("SELECT id FROM t ORDER BY id").ravel().tolist() == [1, 2, 3]
    assert isinstance(client.query_np("SELECT id FROM t"), np.ndarray)


def test_raw_inserts_in_a_body_or_as_a_stream(client: Client, table: str) -> None:
    client.raw_insert(table, ["id", "name"], b"1,x\n2,y\n", fmt="CSV")
    client.raw_insert(table, ["id", "name"], io.BytesIO(b"3\tz\n"), fmt="TSV")
    client.raw_insert(
        table, ["id"], '{"id": 4}\n{"id": 5}', fmt="JSONEachRow", settings={"max_insert_block_size": 1}
    )
    assert (
        client.raw_query("SELECT id, name FROM t ORDER BY id", fmt="CSV")
        == b'1,"x"\n2,"y"\n3,"z"\n4,""\n5,""\n'
    )
    assert client.raw_stream("SELECT id FROM t ORDER BY id", fmt="TSV").read() == b"1\n2\n3\n4\n5\n"


def test_streams_bring_every_row_once(client: Client) -> None:
    sql = "SELECT number AS n FROM numbers(400000)"
    with client.query_row_block_stream(sql) as blocks:
        assert sum(row[0] for block in blocks for row in block) == 400_000 * 399_999 // 2
    with client.query_df_stream(sql) as frames:
        assert sum(int(frame["n"].sum()) for frame in frames) == 400_000 * 399_999 // 2
    with client.query_arrow_stream(sql) as batches:
        assert sum(batch.num_rows for batch in batches) == 400_000


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "a'b\\c\td\n`\"{}é"),
        ("String", ""),
        ("Array(String)", ["a'", "\\", "\t"]),
        ("Nullable(String)", None),
        ("Int64", -(2**63)),
        ("DateTime64(6)", _NOW),
    ],
)
def test_server_side_parameters_arrive_as_they_are(client: Client, kind: str, value: object) -> None:
    result = client.query(f"SELECT {{x:{kind}}}", parameters={"x": value})
    assert result.result_rows[0][0] == value


def test_client_side_parameters_and_identifiers_work(client: Client, table: str) -> None:
    client.insert(table, [[1, "a'\\"]], column_names=["id", "name"])
    assert client.query("SELECT id FROM t WHERE name = %(n)s", parameters={"n": "a'\\"}).result_rows == [(1,)]
    assert client.command("SELECT count() FROM {t:Identifier}", parameters={"t": "t"}) == 1


def test_parameters_too_long_for_a_url_travel_as_a_form(client: Client) -> None:
    text = "é'\\\n" * 3000
    assert client.query("SELECT {x:String}", parameters={"x": text}).result_rows == [(text,)]


def test_values_may_be_parameters(client: Client, table: str) -> None:
    client.command("INSERT INTO t (id, name) VALUES ({i:UInt64}, {n:String})", parameters={"i": 9, "n": "x'"})
    assert client.query("SELECT id, name FROM t").result_rows == [(9, "x'")]


def test_commands_return_what_a_server_returns(client: Client, table: str) -> None:
    assert client.command("INSERT INTO t (id) VALUES (1), (2)").written_rows == 2  # type: ignore[union-attr]
    assert client.command("SELECT count() FROM t") == 2
    assert client.command("EXISTS TABLE t") == 1
    assert client.command("SELECT name FROM system.tables WHERE database = 'nowhere'") == ""
    assert "written_rows" in client.command("OPTIMIZE TABLE t FINAL").summary  # type: ignore[union-attr]


def test_an_empty_result_has_no_rows_and_a_probe_has_columns(client: Client, table: str) -> None:
    assert client.query("SELECT id, name FROM t").result_rows == []
    assert client.query("SELECT id, name FROM t LIMIT 0").column_names == ("id", "name")


@pytest.mark.parametrize(
    ("sql", "settings", "code"),
    [
        ("SELECT * FROM nowhere", {}, 60),
        ("SELECT nothing", {}, 47),
        ("SELECT 1", {"no_such_setting": 1}, 115),
        ("SELECT 1", {"max_execution_time": 9999}, 452),
        ("SELECT throwIf(1)", {}, 395),
    ],
)
def test_errors_carry_clickhouses_code(
    client: Client, sql: str, settings: dict[str, object], code: int
) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(sql, settings=settings)
    assert caught.value.code == code
    assert f"Code: {code}. DB::Exception" in str(caught.value)


def test_an_error_after_millions_of_rows_is_an_error_of_the_query(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT throwIf(number = 3000000) FROM numbers(10000000)")
    assert caught.value.code == 395


def test_an_error_in_mid_stream_reaches_the_client_as_an_error(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 400000) FROM numbers(1000000)"
    with (
        pytest.raises(StreamFailureError, match="Value passed to 'throwIf'"),
        client.query_row_block_stream(sql) as blocks,
    ):
        assert sum(len(block) for block in blocks) < 400_001


def test_settings_of_one_query_do_not_reach_the_next(client: Client) -> None:
    sql = "SELECT getSetting('max_block_size'), getSetting('max_execution_time')"
    before = client.query(sql).result_rows
    assert client.query(sql, settings={"max_block_size": 11, "max_execution_time": 3}).result_rows == [
        (11, 3.0)
    ]
    for _ in range(8):
        assert client.query(sql).result_rows == before


def test_the_databases_of_requests_do_not_mix(store: StoreProcess, client: Client) -> None:
    system = store.connect("system")
    for _ in range(8):
        assert client.command("SELECT currentDatabase()") == "tests"
        assert system.command("SELECT currentDatabase()") == "system"
    system.close()
    with pytest.raises(DatabaseError) as caught:
        store.connect("no_such_database").query("SELECT 1")
    assert caught.value.code == 81
