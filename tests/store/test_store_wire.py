"""The HTTP interface as curl and other clients see it."""

import base64
import gzip
import http.client
import json
import socket
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import hypothesis
import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from hypothesis import strategies as st
from store_process import StoreProcess


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str | None:
        return self.headers["X-ClickHouse-Exception-Code"]


# One store serves all examples, on purpose.
_ONE_STORE = [hypothesis.HealthCheck.function_scoped_fixture]


def ask(store: StoreProcess, method: str = "POST", body: object = None, **given: object) -> Reply:
    headers = given.pop("headers", {})
    connection = http.client.HTTPConnection("127.0.0.1", store.url.port, timeout=30)
    path = given.pop("path", "/")
    target = f"{path}?{urlencode(given)}" if given else str(path)
    connection.request(method, target, body, headers)  # type: ignore[arg-type]
    response = connection.getresponse()
    reply = Reply(response.status, response.headers, response.read())
    connection.close()
    return reply


def test_health_and_root_answer_ok(store: StoreProcess) -> None:
    for path in ("/ping", "/", "/replicas_status"):
        reply = ask(store, "GET", path=path)
        assert (reply.status, reply.body) == (200, b"Ok.\n")
    assert ask(store, "HEAD", path="/ping").body == b""
    assert ask(store, "GET", path="/nowhere").status == 404


def test_a_query_in_the_url_answers_tab_separated(store: StoreProcess) -> None:
    reply = ask(store, "GET", query="SELECT 1, 'a\tb'")
    assert reply.body == b"1\ta\\tb\n"
    assert reply.headers["Content-Type"] == "text/tab-separated-values; charset=UTF-8"
    assert reply.headers["X-ClickHouse-Format"] == "TabSeparated"
    assert reply.headers["X-ClickHouse-Timezone"]


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"query": "SELECT 1"}, b""),
        ({}, b"SELECT 1"),
        ({"query": "SELECT"}, b"1"),
        ({"query": "SELECT 1 -- comment"}, b""),
        ({}, "SELECT 1 /* é */;".encode()),
        ({"default_format": "CSV"}, b"SELECT 1"),
        ({}, b"SELECT 1 FORMAT CSV"),
        ({"headers": {"X-ClickHouse-Format": "CSV"}}, b"SELECT 1"),
    ],
)
def test_a_query_may_lie_in_url_and_body(store: StoreProcess, given: dict[str, object], body: bytes) -> None:
    assert ask(store, body=body, **given).body == b"1\n"


def test_every_format_is_the_engines_own(store: StoreProcess) -> None:
    rows = json.loads(ask(store, body=b"SELECT number FROM numbers(100000) FORMAT JSON").body)
    assert (rows["rows"], rows["data"][99_999]) == (100_000, {"number": 99_999})
    names = ask(store, body=b"SELECT number FROM numbers(100000) FORMAT TSVWithNames").body.splitlines()
    assert (names[0], len(names)) == (b"number", 100_001)
    lines = ask(store, body=b"SELECT number AS n FROM numbers(200000) FORMAT JSONEachRow").body.splitlines()
    assert (len(lines), lines[-1]) == (200_000, b'{"n":199999}')
    reply = ask(store, body=b"SELECT 1 FORMAT NoSuch")
    assert (reply.status, reply.code) == (404, "73")


def test_query_ids_and_summaries_come_back(store: StoreProcess) -> None:
    reply = ask(store, body=b"SELECT number FROM numbers(10)", query_id="my\r\nid")
    assert reply.headers["X-ClickHouse-Query-Id"] == "my??id"
    assert json.loads(reply.headers["X-ClickHouse-Summary"])["read_rows"] == "10"
    assert len(ask(store, body=b"SELECT 1").headers["X-ClickHouse-Query-Id"]) == 36


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        (b"SELEC", 400, "62"),
        (b"", 400, "62"),
        (b"-- nothing", 400, "62"),
        (b"SELECT 1; SELECT 2", 400, "62"),
        (b"SELECT 'open", 400, "62"),
        (b"SELECT '\xff'", 400, "36"),
        (b"SELECT * FROM nowhere", 404, "60"),
        (b"SELECT throwIf(1)", 400, "395"),
        (b"INSERT INTO nowhere FORMAT CSV\n1", 404, "60"),
        (b"SELECT {x:UInt8}", 400, "456"),
        (b"SELECT '" + b"x" * 300_000 + b"'", 400, "62"),
    ],
)
def test_errors_are_clickhouses(store: StoreProcess, sql: bytes, status: int, code: str) -> None:
    reply = ask(store, body=sql)
    assert (reply.status, reply.code) == (status, code)
    assert reply.body.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert reply.body.rstrip().endswith(b")")


def test_bound_parameters_are_values_never_sql(store: StoreProcess) -> None:
    evil = "1' OR 1=1; DROP DATABASE default --"
    assert (
        ask(store, body=b"SELECT {x:String}", param_x=evil).body.decode() == evil.replace("'", "\\'") + "\n"
    )
    assert ask(store, body=b"SELECT {x:UInt8}", param_x=evil).code == "457"


@pytest.mark.parametrize(
    "value",
    ["a'b", "a\\", "a\\'; SELECT 1", "x', max_threads = '7", "tab\tline\nnull\0", 'é`"', "$$ ' $$"],
)
def test_settings_are_quoted_whatever_they_hold(store: StoreProcess, value: str) -> None:
    name = "format_schema_message_name"
    got = ask(
        store,
        body=f"SELECT hex(getSetting('{name}')), getSetting('max_threads') = 7".encode(),
        **{name: value},
    )
    assert got.body.decode() == f"{value.encode().hex().upper()}\t0\n"


def test_setting_names_are_quoted_too(store: StoreProcess) -> None:
    reply = ask(store, body=b"SELECT 1", **{"max_threads = 1, `readonly": "0"})
    assert reply.code == "115"


def test_inserts_take_their_rows_from_the_body(store: StoreProcess, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
    for given, body in (
        ({"query": "INSERT INTO t FORMAT CSV"}, b"1,a\n"),
        ({"query": "INSERT INTO t VALUES"}, b"(2, 'b'), (3, upper('c'))"),
        ({"query": "INSERT INTO t VALUES (4, 'd')"}, b", (5, 'profile')"),
        ({}, b"INSERT INTO t FORMAT TSV\n6\tf\n"),
        ({}, b"INSERT INTO t (b, a) VALUES ('g', 7);"),
        ({"query": "INSERT INTO t"}, b"FORMAT JSONEachRow\n" + b'{"a": 8}'),
        ({}, b"INSERT INTO t SELECT 9, 'i'"),
    ):
        reply = ask(store, body=body, database="tests", **given)
        assert reply.status == 200, reply.body
    rows = ask(store, body=b"SELECT a, b FROM t ORDER BY a FORMAT CSV", database="tests").body
    assert rows == b'1,"a"\n2,"b"\n3,"C"\n4,"d"\n5,"profile"\n6,"f"\n7,"g"\n8,""\n9,"i"\n'


def test_get_does_not_write(store: StoreProcess, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt32) ENGINE = Memory")
    for sql in (
        "INSERT INTO tests.t VALUES (1)",
        "DROP TABLE tests.t",
        "CREATE TABLE tests.u (a Int8) ENGINE = Memory",
    ):
        reply = ask(store, "GET", query=sql)
        assert (reply.status, reply.code) == (400, "164")
    assert client.command("SELECT count() FROM t") == 0


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
    "lz4": lz4.frame.decompress,
}


@pytest.mark.parametrize("encoding", sorted(_ENCODERS))
def test_bodies_are_compressed_both_ways(store: StoreProcess, encoding: str) -> None:
    sql = b"SELECT number FROM numbers(300000) FORMAT TSV"
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    for whole in (0, 1):
        reply = ask(
            store,
            body=_ENCODERS[encoding](sql),
            headers=headers,
            enable_http_compression=1,
            wait_end_of_query=whole,
        )
        assert reply.headers["Content-Encoding"] == encoding
        assert _DECODERS[encoding](reply.body) == b"".join(b"%d\n" % i for i in range(300_000))
    assert ask(store, body=sql, headers={"Accept-Encoding": encoding}).headers["Content-Encoding"] is None


@pytest.mark.parametrize("encoding", [*sorted(_ENCODERS), "xz"])
def test_a_body_that_is_not_in_its_encoding_is_an_error(store: StoreProcess, encoding: str) -> None:
    reply = ask(store, body=b"SELECT 1", headers={"Content-Encoding": encoding})
    assert (reply.status, reply.code) == (400, "36")


def test_what_is_not_supported_says_so(store: StoreProcess) -> None:
    for given in (
        {"decompress": 1},
        {"compress": 1},
        {"role": "x"},
        {"t_structure": "a Int8", "t_format": "CSV"},
    ):
        reply = ask(store, body=b"SELECT 1", **given)
        assert (reply.status, reply.code) == (501, "48")
    form = b'--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--b--\r\n'
    reply = ask(
        store, body=form, query="SELECT 1", headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert reply.code == "48"
    assert ask(store, body=b"CREATE TEMPORARY TABLE t (a Int8)", session_id="s").code == "48"


def test_sessions_remember_set_and_use_and_nothing_else_does(store: StoreProcess) -> None:
    sql = b"SELECT getSetting('max_block_size'), currentDatabase()"
    before = ask(store, body=sql).body
    for statement in (b"SET max_block_size = 5", b"USE system", b"SET insert_deduplicate = 0"):
        assert ask(store, body=statement, session_id="one").status == 200
    assert ask(store, body=sql, session_id="one").body == b"5\tsystem\n"
    assert ask(store, body=sql, session_id="two").body == before
    assert ask(store, body=b"SET max_block_size = 5").status == 200
    assert ask(store, body=sql).body == before
    assert ask(store, body=b"SET nonsense = 5", session_id="one").code == "115"
    assert ask(store, body=b"SELECT 1", session_id="three", session_check=1).code == "372"
    assert ask(store, body=b"SELECT 1", session_id="one", session_timeout="x").code == "374"


def test_users_are_asked_for_their_password(make_store: Callable[..., StoreProcess]) -> None:
    store = make_store(user="ann", password="s3'cret", readonly_user="bob", readonly_password="look")

    def basic(user: str, password: str) -> dict[str, object]:
        return {
            "headers": {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        }

    ann: list[dict[str, object]] = [
        basic("ann", "s3'cret"),
        {"headers": {"X-ClickHouse-User": "ann", "X-ClickHouse-Key": "s3'cret"}},
        {"user": "ann", "password": "s3'cret"},
    ]
    create = b"CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = Memory"
    for given in ann:
        assert ask(store, body=create, **given).status == 200
    bob = basic("bob", "look")
    assert ask(store, body=b"SELECT count() FROM t", **bob).body == b"0\n"
    for sql in (b"INSERT INTO t VALUES (1)", b"DROP TABLE t", b"CREATE DATABASE x"):
        assert ask(store, body=sql, **bob).code == "164"
    strangers: list[dict[str, object]] = [
        {},
        basic("ann", "look"),
        basic("bob", "s3'cret"),
        basic("", ""),
        {"headers": {"Authorization": "Basic !"}},
        {"headers": {"Authorization": "Bearer x"}},
        {"user": "ann"},
    ]
    for given in strangers:
        reply = ask(store, body=b"SELECT 1", **given)
        assert (reply.status, reply.code) == (403, "516")
    assert ask(store, "GET", path="/ping").status == 200


def test_a_client_that_leaves_takes_its_query_with_it(store: StoreProcess, client: Client) -> None:
    sql = b"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number, 'leaver'))"
    running = "SELECT countIf(query LIKE '%leaver%' AND query NOT LIKE '%processes%') FROM system.processes"
    with socket.create_connection(("127.0.0.1", store.url.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(sql) + sql)
        _poll(lambda: client.command(running) == 1)
    _poll(lambda: client.command(running) == 0)


@hypothesis.settings(max_examples=150, deadline=None, suppress_health_check=_ONE_STORE)
@hypothesis.given(
    body=st.one_of(
        st.binary(max_size=60),
        st.text(alphabet="SELECTINRVAUFOM *()'`\"\\;,-/$1{}:\n", max_size=60).map(str.encode),
        st.binary(max_size=30).map(lambda b: b"INSERT INTO system.one FORMAT Native\n" + b),
        st.binary(max_size=30).map(lambda b: b"SELECT '" + b + b"' FORMAT TSV"),
    ),
    encoding=st.sampled_from(["", "gzip", "zstd", "lz4", "deflate", "nonsense"]),
    form=st.booleans(),
)
def test_whatever_is_sent_the_answer_is_clickhouses(
    store: StoreProcess, body: bytes, encoding: str, form: bool
) -> None:
    headers = {
        "Content-Encoding": encoding,
        **({"Content-Type": "multipart/form-data; boundary=b"} if form else {}),
    }
    reply = ask(store, body=body, headers=headers)
    assert reply.status == 200 or (reply.code is not None and reply.code != "1002"), reply.body


def _poll(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
