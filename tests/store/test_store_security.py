"""What must not be possible through the store's HTTP interface, tried against the real engine."""

import itertools
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

_SECRET = "the-secret-that-must-not-leave"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text(_SECRET)
    return path


def ask(store: StoreProcess, sql: str, **params: str) -> tuple[str | None, str]:
    """Return the exception code (None for success) and the body."""
    url = f"{store.url.base}/?{urlencode({'database': 'tests', **params})}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=sql.encode()), timeout=30) as answer:
            return None, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.headers["X-ClickHouse-Exception-Code"], error.read().decode("utf-8", "replace")


_FORBIDDEN = [
    "SELECT file('{path}')",
    "SELECT `file`('{path}')",
    "SELECT \"file\"('{path}')",
    "SELECT `\\x66ile`('{path}')",
    "SELECT /* x */ file /* y */ (\n'{path}')",
    "SELECT (SELECT file('{path}'))",
    "SELECT 1 WHERE file('{path}') != ''",
    "WITH x AS (SELECT file('{path}') AS a) SELECT a FROM x",
    "WITH file('{path}') AS a SELECT a",
    "SELECT length(concat(upper(file('{path}')), 'x'))",
    "SELECT arrayMap(x -> file(x), ['{path}'])",
    "SELECT arrayMap(file, ['{path}'])",
    "SELECT arrayMap(`\\x66\\x69le`, ['{path}'])",
    "SELECT * APPLY file FROM (SELECT '{path}' AS a)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{path}' AS a)",
    "SELECT COLUMNS('a') APPLY (`\\x66ile`) FROM (SELECT '{path}' AS a)",
    "SELECT 1 UNION ALL SELECT length(file('{path}'))",
    "SELECT 1 ORDER BY file('{path}')",
    "SELECT 1 FROM (SELECT 1) AS a JOIN (SELECT file('{path}') AS f) AS b ON 1",
    "SELECT * FROM view(SELECT file('{path}'))",
    "SELECT * FROM file('{path}', 'LineAsString')",
    "SELECT * FROM `file`('{path}', LineAsString)",
    "DESCRIBE TABLE file('{path}')",
    "EXPLAIN SELECT file('{path}')",
    "EXPLAIN SYNTAX SELECT file('{path}')",
    "SELECT 1; SELECT file('{path}')",
    "SELECT file('{path}') INTO OUTFILE '/dev/null'",
    "SELECT 1 SETTINGS additional_result_filter = 'file(\\'{path}\\') = \\'\\''",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{path}'",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '{path}:X', format_schema_source = 'file'",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = 'SELECT file(\\'{path}\\')', format_schema_source = "
    "'query'",
    "SELECT * FROM executable('cat {path}', 'LineAsString', 'a String')",
    "SELECT * FROM filesystem('{path}')",
    "SELECT * FROM eval('SELECT file(\\'{path}\\')')",
    "SELECT * FROM '{path}'",
    "SELECT * FROM default.`{path}`",
    "SELECT * FROM s3('file://{path}', 'LineAsString')",
    "SELECT * FROM sqlite('{path}', 't')",
    "SELECT * FROM python('secret')",
    "CREATE TABLE f (a String) ENGINE = File('LineAsString', '{path}')",
    "CREATE TABLE f AS file('{path}', 'LineAsString', 'a String')",
    "CREATE TABLE f ENGINE = Memory AS SELECT file('{path}') AS a",
    "CREATE TABLE f AS executable('cat', 'LineAsString', 'a String')",
    "CREATE TABLE f (a String DEFAULT file('{path}')) ENGINE = Memory",
    "CREATE TABLE f (a String ALIAS file('{path}')) ENGINE = Memory",
    "CREATE VIEW f AS SELECT file('{path}')",
    "CREATE MATERIALIZED VIEW f ENGINE = Memory AS SELECT file('{path}') AS a",
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE DICTIONARY f (a UInt64, b String) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'cat {path}' FORMAT "
    "'CSV')) "
    "LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE DICTIONARY f (a UInt64, b String) PRIMARY KEY a SOURCE(FILE(PATH '{path}' FORMAT 'CSV')) "
    "LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE DATABASE f ENGINE = Filesystem('/')",
    "CREATE DATABASE f ENGINE = Overlay",
    "CREATE NAMED COLLECTION f AS url = 'http://127.0.0.1'",
    "CREATE USER f",
    "INSERT INTO t SELECT file('{path}')",
    "INSERT INTO t VALUES (file('{path}'))",
    "INSERT INTO t VALUES ('x'), (`\\x66ile`('{path}'))",
    "INSERT INTO t FROM INFILE '{path}' FORMAT LineAsString",
    "INSERT INTO FUNCTION file('{path}', 'LineAsString', 'a String') VALUES ('x')",
    "ALTER TABLE t ADD COLUMN b String DEFAULT file('{path}')",
    "ALTER TABLE t UPDATE a = file('{path}') WHERE 1",
    "ALTER TABLE t DELETE WHERE a = file('{path}')",
    "ATTACH TABLE f FROM '{path}' (a String) ENGINE = Log",
    "CREATE TABLE f (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = "
    "'/tmp/')",
    "BACKUP TABLE t TO File('{path}')",
    "SET ROLE ALL",
    "SET ROLE rootspan_writer",
    "SET DEFAULT ROLE NONE TO default",
    "SET additional_result_filter = '1'",
    "EXECUTE AS default",
    "GRANT ALL ON *.* TO default",
    "SYSTEM SHUTDOWN",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "CREATE TABLE f (a String) ENGINE = URL('http://127.0.0.1:1/', 'LineAsString')",
    "CREATE TABLE f (a String) ENGINE = Kafka('127.0.0.1:1', 'a', 'b', 'CSV')",
    "SELECT aiGenerate('x')",
    "BEGIN TRANSACTION",
]


@pytest.mark.parametrize("sql", _FORBIDDEN)
def test_nothing_outside_of_the_database_can_be_reached(
    store: StoreProcess, client: Client, secret: Path, sql: str
) -> None:
    client.command("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO t VALUES ('row')")
    code, body = ask(store, sql.replace("{path}", str(secret)))
    assert code is not None, body
    assert code not in ("1000", "1001", "1002", "279", "519"), f"it was tried: {body}"
    assert _SECRET not in body
    assert client.query("SELECT a FROM t").result_rows == [("row",)]
    assert client.query("SHOW TABLES").result_rows == [("t",)]
    assert secret.read_text() == _SECRET


@pytest.mark.parametrize("value", ["file", "`file`", "\\x66ile", "f\\ile"])
def test_a_parameter_cannot_name_the_function(
    store: StoreProcess, client: Client, secret: Path, value: str
) -> None:
    code, body = ask(store, f"SELECT arrayMap({{f:Identifier}}, ['{secret}'])", param_f=value)
    assert code is not None
    assert _SECRET not in body


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("additional_result_filter", "file('/etc/passwd') != ''"),
        ("additional_table_filters", "{'system.one': 'file(\\'/etc/passwd\\') != \\'\\''}"),
        ("format_schema_source", "file"),
        ("dialect", "kusto"),
        ("implicit_select", "1"),
        ("allow_experimental_eval_table_function", "1"),
        ("output_format_schema", "/tmp/x"),
        ("input_format_record_errors_file_path", "/tmp/x"),
        ("readonly", "0"),
        ("max_memory_usage", "0"),
        ("max_execution_time", "0"),
        ("max_result_rows", "0"),
        ("os_threads_nice_value_query", "-5"),
        ("profile", "default"),
        ("compatibility", "20.1"),
    ],
)
def test_a_read_cannot_widen_its_own_bounds(
    store: StoreProcess, client: Client, name: str, value: str
) -> None:
    in_text = value.replace("\\", "\\\\").replace("'", "\\'")
    for code, body in (
        ask(store, "SELECT 1", **{name: value}),
        ask(store, f"SELECT 1 SETTINGS {name} = '{in_text}'"),
    ):
        assert code in ("164", "452", "115"), body
    # In a subquery ClickHouse clamps what it may not change, without a word.
    code, body = ask(
        store, f"SELECT * FROM (SELECT getSetting('{name}') SETTINGS {name} = '{in_text}') FORMAT RawBLOB"
    )
    assert code is not None or body != value


def test_names_that_only_look_like_the_function_are_usable(store: StoreProcess, client: Client) -> None:
    for sql in (
        "SELECT t.file FROM (SELECT 'file(1)' AS file) AS t",
        "SELECT 'file(1)' AS profile -- file('x')",
        "SELECT /* file() */ replaceAll('file(1)', '', '') AS `a file`",
        "SELECT 'fil' || 'e(1)' AS files",
    ):
        code, body = ask(store, sql)
        assert (code, body) == (None, "file(1)\n")


def test_a_query_that_asks_for_too_much_gets_clickhouses_own_error(
    make_store: Callable[..., StoreProcess],
) -> None:
    store = make_store(
        max_execution_time_s="3",
        max_memory_usage_bytes=str(64 * 1024 * 1024),
        max_result_rows="10000",
        readers="2",
    )
    store.connect().command("CREATE DATABASE tests")
    for sql, expected in (
        ("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", "159"),
        ("SELECT groupArray(toString(number)) FROM numbers(100000000)", "241"),
        ("SELECT number FROM numbers(100000)", "396"),
        ("SELECT number FROM numbers(100000) FORMAT JSON", "396"),
    ):
        code, body = ask(store, sql)
        assert code == expected, body
    assert ask(store, "SELECT 1") == (None, "1\n")


def test_a_small_body_that_expands_to_gigabytes_costs_no_memory(store: StoreProcess, client: Client) -> None:
    import zstandard

    client.command("CREATE TABLE t (a String) ENGINE = Null")
    bomb = zstandard.compress(b"\0" * (1 << 30))
    before = store.memory_bytes()
    url = f"{store.url.base}/?{urlencode({'query': 'SELECT 1 --'})}"
    request = urllib.request.Request(url, data=bomb, headers={"Content-Encoding": "zstd"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    caught.value.close()
    assert caught.value.headers["X-ClickHouse-Exception-Code"] == "62"
    assert store.memory_bytes() - before < 64 * 1024 * 1024


def test_rows_of_a_query_that_failed_never_reach_the_next_client(
    make_store: Callable[..., StoreProcess],
) -> None:
    store = make_store(readers="1")
    store.connect().command("CREATE DATABASE tests")
    for output_format, whole in itertools.product(("JSON", "TSV", "Native", "TSVWithNames"), ("0", "1")):
        for failing in (
            "SELECT number, 'leaked' FROM numbers(100000) FORMAT {} SETTINGS max_result_rows = 1000",
            "SELECT 'leaked', throwIf(number = 300000) FROM numbers(1000000) FORMAT {}",
            "SELECT 'leaked', throwIf(number = 3) FROM numbers(10) FORMAT {}",
        ):
            ask(store, failing.format(output_format), wait_end_of_query=whole)
            assert ask(store, "SELECT 1") == (None, "1\n")
            assert ask(store, "SELECT 1 FORMAT JSONEachRow", wait_end_of_query="1") == (None, '{"1":1}\n')
