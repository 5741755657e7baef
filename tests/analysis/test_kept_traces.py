"""After raw retention passed: a kept trace is found and read whole, `why` names an incident's cause."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from rootspan_analysis import Question, explain
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import TraceFilter
from rootspan_analysis.views.trace_search import fetch_trace_list
from rootspan_analysis.views.traces import fetch_trace_bounds, fetch_trace_logs, fetch_trace_spans
from rootspan_demo.config import FleetConfig
from rootspan_demo.recording import Recording, simulate
from rootspan_store.client import connect
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.keeping import Keeper
from rootspan_store.retention import RAW_TABLES
from rootspan_store.schema import migrate
from rootspan_store.settings import RetentionSettings
from support.processes import StoreProcess

pytestmark = pytest.mark.process

_AGO_S = 10 * 3600
_MINUTES = 12.0
_ONSET_S = 240.0
"""Before the recording's end."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Recording, int]]:
    """A fleet with a burst of errors ten hours ago, and its incident; only what is kept is left of it."""
    store = StoreProcess(tmp_path_factory.mktemp("kept"))
    with store.running():
        client = connect(store.url)
        long = RetentionSettings(raw_days=1, ordinary_one_in=100, rare_traces=10)
        migrate(client, retention=long)
        now_s = int(client.query("SELECT toUnixTimestamp(now())").result_rows[0][0])
        end_ns = (now_s - _AGO_S) * 10**9
        recording = simulate(
            FleetConfig(
                end_unix_ns=end_ns,
                hosts=12,
                minutes=_MINUTES,
                seed=1,
                fault="error-burst",
                spans=60_000,
                onset_before_end_s=_ONSET_S,
            )
        )
        held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
        for request in recording.requests():
            held[Signal(request.signal)] += frame_prefix(len(request.payload)) + request.payload
        for signal, frames in held.items():
            client.raw_insert(
                landing_table(signal),
                insert_block=bytes(frames),
                fmt="Protobuf",
                settings=insert_settings(signal, f"once-{signal}"),
            )
        # It arrived as it happened, ten hours ago.
        for table, moment in (
            ("otel_traces", "Timestamp"),
            ("otel_logs", "Timestamp"),
            ("otel_traces_trace_id_ts", "End"),
        ):
            client.command(
                f"ALTER TABLE {table} UPDATE InsertedAt = toDateTime({moment}) + 2 WHERE 1 "
                "SETTINGS mutations_sync = 1"
            )
        services = client.query("SELECT groupUniqArray(ServiceName) FROM otel_traces").result_rows[0][0]
        client.command(
            "INSERT INTO rootspan_incidents (Id, Onset, Opened, Updated, Closed, State, Service, Services) "
            "SELECT 'one', fromUnixTimestamp64Nano({onset:Int64}), fromUnixTimestamp64Nano({onset:Int64}), "
            "now64(9), fromUnixTimestamp64Nano({end:Int64}), 'closed', '', {services:Array(String)}",
            parameters={"onset": end_ns - int(_ONSET_S * 1e9), "end": end_ns, "services": services},
        )
        keeper = Keeper(client, long)
        while keeper.keep_next() is not None:
            pass
        migrate(client, retention=RetentionSettings(raw_days=0.2))
        for table in RAW_TABLES:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        assert client.query("SELECT count() FROM otel_traces").result_rows == [(0,)]
        yield client, recording, end_ns
        client.close()


def test_why_names_the_cause_of_an_incident_whose_raw_rows_are_gone(
    kept: tuple[Client, Recording, int],
) -> None:
    client, recording, end_ns = kept
    answer = explain(client, Question(end_ns - int(6 * 60e9), end_ns))
    assert answer.causes
    assert recording.truth.matches(answer.causes[0].to_json())
    for one in answer.causes[0].evidence:
        assert client.query(one.sql).row_count > 0


def test_a_kept_trace_is_found_by_search_and_read_whole(kept: tuple[Client, Recording, int]) -> None:
    client, _, end_ns = kept
    span = TimeSpan(end_ns - int(_MINUTES * 60e9), end_ns)
    found = fetch_trace_list(client, span, TraceFilter(failed=True), order="newest", limit=10)
    assert found.num_rows > 0
    trace = str(found.column("trace_id")[0].as_py())
    bounds = fetch_trace_bounds(client, trace)
    assert bounds is not None
    spans = fetch_trace_spans(client, trace, bounds)
    ids = set(spans.column("span_id").to_pylist())
    assert len(ids) == spans.num_rows > 1
    # Whole: every parent is there.
    assert {parent for parent in spans.column("parent_id").to_pylist() if parent} <= ids
    assert fetch_trace_logs(client, trace, bounds) is not None
