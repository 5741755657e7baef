import pytest

from rootspan_store.embedded.statement import Route, parse_canonical, split_insert_data


@pytest.mark.parametrize(
    ("sql", "route"),
    [
        ("SELECT 1", Route.READ),
        ("WITH 1 AS x SELECT x", Route.READ),
        ("(SELECT 1) UNION ALL (SELECT 2)", Route.READ),
        ("SHOW TABLES", Route.READ),
        ("EXPLAIN SELECT 1", Route.READ),
        ("EXISTS TABLE t", Route.READ),
        ("DESCRIBE TABLE t", Route.READ),
        ("INSERT INTO t FORMAT CSV", Route.INSERT),
        ("INSERT INTO t (a, b) FORMAT Values", Route.INSERT),
        ("INSERT INTO t SELECT 1", Route.WRITE),
        ("WITH 1 AS x INSERT INTO t SELECT x", Route.WRITE),
        ("CREATE VIEW v AS SELECT 1", Route.WRITE),
        ("SELECT * FROM t PARALLEL WITH INSERT INTO t SELECT 1", Route.WRITE),
        ("SYSTEM FLUSH LOGS", Route.WRITE),
        ("SET ROLE admin", Route.WRITE),
        ("SET max_threads = 1", Route.SESSION),
        ("USE db", Route.SESSION),
        ("SOMETHING NEW", Route.WRITE),
    ],
)
def test_only_what_is_known_to_read_is_a_read(sql: str, route: Route) -> None:
    assert parse_canonical(sql).route is route


def test_format_and_settings_are_found_outside_of_subqueries_and_strings() -> None:
    statement = parse_canonical(
        "SELECT ' FORMAT CSV ' FROM (SELECT 1 SETTINGS max_threads = 1, offset = [1, 2]) "
        "SETTINGS a = {'b': (1, 'FORMAT')}, c = 2 FORMAT JSON SETTINGS d = 'x'"
    )
    assert statement.format == "JSON"
    assert statement.settings == ("max_threads", "offset", "a", "c", "d")


def test_an_insert_loses_its_format_clause_and_keeps_its_settings() -> None:
    statement = parse_canonical("INSERT INTO t (FORMAT, b) SETTINGS x = 'FORMAT CSV' FORMAT CSV")
    assert statement.insert_target == "INSERT INTO t (FORMAT, b) SETTINGS x = 'FORMAT CSV'"


@pytest.mark.parametrize(
    ("sent", "rows"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2\n", "1,2\n"),
        ("INSERT INTO t FORMAT CSV 1,2", "1,2"),
        ("insert into t format CSV;\n1,2", "1,2"),
        ("INSERT INTO t VALUES (1)", " (1)"),
        ("INSERT INTO t (values, format) VALUES(1)", "(1)"),
        ("INSERT INTO format FORMAT TSV\n\nx", "\nx"),
        ("INSERT INTO t SETTINGS a='FORMAT CSV' FORMAT TSV\n'", "'"),
        ("/* hi */ INSERT INTO `VALUES` -- FORMAT X\n FORMAT Native\n\x00'\"`", "\x00'\"`"),
    ],
)
def test_rows_begin_where_clickhouse_says(sent: str, rows: str) -> None:
    cut = split_insert_data(sent)
    assert cut is not None
    assert sent[cut:] == rows


@pytest.mark.parametrize(
    "sent",
    [
        "SELECT 1 FORMAT CSV",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "",
    ],
)
def test_a_statement_without_rows_is_left_whole(sent: str) -> None:
    assert split_insert_data(sent) is None
