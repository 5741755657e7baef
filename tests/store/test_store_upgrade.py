"""From the first version of the schema to this one, a migration at a time, with rows in it all the while."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

from rootspan_store.keeping import Keeper
from rootspan_store.schema import load_migrations, migrate
from rootspan_store.settings import RetentionSettings
from support.arrivals import PastFleet, Span

_DEFINITIONS = """
SELECT name, replaceAll(create_table_query, concat(database, '.'), '') FROM system.tables
WHERE database = currentDatabase() AND name NOT LIKE '.%' ORDER BY name
"""
_HOUR_S = 3600


@pytest.mark.process
def test_rows_of_the_first_version_are_read_and_kept_by_this_one(store: StoreProcess, client: Client) -> None:
    known = load_migrations()
    settings = RetentionSettings(raw_days=2, ordinary_one_in=0, rare_traces=0)
    for count, newest in enumerate(known, start=1):
        assert migrate(client, migrations=known[:count], retention=settings) == [newest]
        # Each version takes spans in its turn, the first ones ten hours and more ago.
        arrived_s_ago = (10 + len(known) - count) * _HOUR_S
        spans = [Span(f"failed-{count}", "1"), Span(f"failed-{count}", "2", "1", status="Error")]
        PastFleet(client).spans(arrived_s_ago, [*spans, Span(f"quick-{count}", "1")])
    assert migrate(client, retention=settings) == []
    seen = client.query("SELECT count(), uniqExact(TraceId) FROM rootspan_spans").result_rows
    assert seen == [(3 * len(known), 2 * len(known))]
    keeper = Keeper(client, settings)
    while keeper.keep_next() is not None:
        pass
    kept = client.query("SELECT count(), countIf(TraceId LIKE 'failed%') FROM otel_traces_kept").result_rows
    assert kept == [(2 * len(known), 2 * len(known))]
    upgraded = client.query(_DEFINITIONS).result_rows
    fresh = store.connect("fresh")
    migrate(fresh, retention=settings)
    assert upgraded == fresh.query(_DEFINITIONS).result_rows
    fresh.command("DROP DATABASE fresh", use_database=False)
    fresh.close()
