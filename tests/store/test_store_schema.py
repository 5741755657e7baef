"""Migrations: applied once, repeated safely, refused when they do not fit."""

import os
import re
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

from rootspan_store.errors import SchemaChanged, SchemaError, SchemaTooNew, StoreRejected
from rootspan_store.retention import KEPT_TABLES, RAW_TABLES, ROLLUP_TABLES
from rootspan_store.schema import Migration, applied_version, load_migrations, migrate, render
from rootspan_store.settings import RetentionSettings

_SNAPSHOT = Path(__file__).parent / "snapshots" / "schema.sql"
_TTLS = """
SELECT name, extract(engine_full, 'TTL InsertedAt \\\\+ toIntervalDay\\\\((\\\\d+)\\\\)') FROM system.tables
WHERE database = currentDatabase() AND engine_full LIKE '%TTL%' ORDER BY name
"""


def _migration(number: int, *statements: str) -> Migration:
    return Migration.parse(f"{number:04d}_test.sql", ";\n".join(statements), {})


_ONE = _migration(1, "CREATE TABLE IF NOT EXISTS a (x UInt8) ENGINE = MergeTree ORDER BY x")
_TWO = _migration(2, "CREATE TABLE IF NOT EXISTS b (x UInt8) ENGINE = MergeTree ORDER BY x")


def test_the_rendered_schema_is_the_one_that_was_reviewed() -> None:
    """A change of the schema shows in review. UPDATE_SNAPSHOTS=1 writes the file anew."""
    rendered = render("otel")
    if os.environ.get("UPDATE_SNAPSHOTS"):
        _SNAPSHOT.parent.mkdir(exist_ok=True)
        _SNAPSHOT.write_text(rendered)
    assert rendered == _SNAPSHOT.read_text()


def test_every_table_with_an_arrival_time_has_a_retention() -> None:
    made = dict(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)\b(.*?)\nENGINE =", render("otel"), re.DOTALL))
    twins = {table: text.removeprefix(" AS ") for table, text in made.items() if text.startswith(" AS ")}
    dated = {table for table, text in made.items() if "InsertedAt" in made.get(twins.get(table, ""), text)}
    assert len(made) > len(dated) > 15
    assert dated == {*RAW_TABLES, *KEPT_TABLES, *ROLLUP_TABLES}
    assert len(dated) == len(RAW_TABLES) + len(KEPT_TABLES) + len(ROLLUP_TABLES)


def test_migrating_creates_everything_once(store: StoreProcess, client: Client) -> None:
    client.command("DROP DATABASE tests")
    fresh = store.connect("tests")
    assert applied_version(fresh) == 0
    applied = migrate(fresh)
    assert [m.version for m in applied] == [m.version for m in load_migrations()]
    tables = set(fresh.query_df("SHOW TABLES")["name"])
    assert {"otel_traces", "otel_logs", "otel_metrics_sum", "otel_spans_1m", "rootspan_stored"} <= tables
    assert migrate(fresh) == []
    assert applied_version(fresh) == max(m.version for m in applied)
    assert fresh.command("SELECT count() FROM rootspan_schema FINAL") == len(applied)
    fresh.close()


def test_the_rendered_script_is_what_migrating_does(store: StoreProcess, client: Client) -> None:
    from rootspan_store.sqltext import split_statements

    migrate(client)
    tables = (
        "SELECT name, replaceAll(create_table_query, database, '') FROM system.tables "
        "WHERE database = {d:String} AND name NOT LIKE '.%' AND name != 'rootspan_schema' ORDER BY name"
    )
    migrated = client.query(tables, parameters={"d": "tests"}).result_rows
    client.command("DROP DATABASE IF EXISTS rendered", use_database=False)
    other = store.connect("rendered")
    for statement in split_statements(render("rendered")):
        if not statement.startswith("USE "):
            other.command(statement, use_database=not statement.startswith("CREATE DATABASE"))
    rendered = other.query(tables, parameters={"d": "rendered"}).result_rows
    client.command("DROP DATABASE rendered", use_database=False)
    other.close()
    assert rendered == migrated


def test_retention_follows_the_settings_and_counts_from_arrival(client: Client) -> None:
    migrate(client, retention=RetentionSettings(raw_days=30, rollup_days=365))
    kept = dict.fromkeys(KEPT_TABLES, "365")
    expected = {**dict.fromkeys(RAW_TABLES, "30"), **kept, **dict.fromkeys(ROLLUP_TABLES, "365")}
    assert dict(client.query(_TTLS).result_rows) == expected
    changed = "SELECT max(metadata_modification_time) FROM system.tables WHERE database = 'tests'"
    before = client.query(changed).result_rows
    migrate(client, retention=RetentionSettings(raw_days=30, rollup_days=365))
    assert client.query(changed).result_rows == before
    migrate(client, retention=RetentionSettings(raw_days=3, rollup_days=400))
    expected = {**dict.fromkeys(RAW_TABLES, "3"), **kept, **dict.fromkeys(ROLLUP_TABLES, "400")}
    assert dict(client.query(_TTLS).result_rows) == expected
    client.command(
        "INSERT INTO otel_logs (Timestamp, Body, InsertedAt) SELECT now64(9), 'old', now() - INTERVAL 40 DAY"
    )
    client.command("INSERT INTO otel_logs (Timestamp, Body) SELECT now64(9) - INTERVAL 40 DAY, 'replayed'")
    client.command("OPTIMIZE TABLE otel_logs FINAL")
    assert client.query("SELECT Body FROM otel_logs").result_rows == [("replayed",)]


def test_a_run_that_was_cut_off_is_repeated_from_its_start(client: Client) -> None:
    broken = _migration(2, _TWO.statements[0], "CREATE TABLE c (x UInt8) ENGINE = NoSuch")
    with pytest.raises(StoreRejected) as caught:
        migrate(client, migrations=[_ONE, broken])
    assert caught.value.code is not None
    assert applied_version(client) == 1
    client.raw_insert("b", ["x"], b"7\n", fmt="TSV")
    assert migrate(client, migrations=[_ONE, _TWO]) == [_TWO]
    assert client.command("SELECT x FROM b") == 7


def test_a_database_newer_than_the_program_is_refused(client: Client) -> None:
    migrate(client, migrations=[_ONE, _TWO])
    with pytest.raises(SchemaTooNew, match="upgrade this program") as caught:
        migrate(client, migrations=[_ONE])
    assert (caught.value.found, caught.value.known) == (2, 1)


def test_an_applied_migration_may_not_change_but_for_comments(client: Client) -> None:
    migrate(client, migrations=[_ONE])
    commented = _migration(
        1, "-- why\nCREATE TABLE  IF NOT EXISTS a\n(x /* the x */ UInt8) ENGINE=MergeTree ORDER BY x"
    )
    assert migrate(client, migrations=[commented]) == []
    with pytest.raises(SchemaChanged, match="fresh database") as caught:
        migrate(
            client,
            migrations=[_migration(1, "CREATE TABLE a (x UInt16) ENGINE = MergeTree ORDER BY x"), _TWO],
        )
    assert caught.value.version == 1
    assert applied_version(client) == 1


def test_two_programs_may_migrate_at_once(store: StoreProcess, client: Client) -> None:
    import threading

    failures: list[BaseException] = []

    def run() -> None:
        own = store.connect("tests")
        try:
            migrate(own)
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert applied_version(client) == max(m.version for m in load_migrations())


@pytest.mark.parametrize("names", [["0002_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["first.sql"]])
def test_misnumbered_files_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(SchemaError):
        load_migrations(tmp_path)
