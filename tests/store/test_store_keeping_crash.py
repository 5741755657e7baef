"""A keeper or a store that dies in mid-window, keepers that work at once: nothing twice, nothing missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

from rootspan_store.keeping import Keeper, keeping_state
from rootspan_store.schema import migrate
from rootspan_store.settings import RetentionSettings
from support.arrivals import PastFleet, Span

_H = 3600
_SETTINGS = RetentionSettings(raw_days=1, ordinary_one_in=0, rare_traces=0)
_PROGRAM = Path(__file__).parents[1] / "support" / "dying_keeper.py"
_STEPS = (
    "steps", "decide", "copy otel_traces", "copy_earlier otel_traces", "copy otel_logs",
    "copy_earlier otel_logs", "copy_incident_logs", "operations", "done",
)  # fmt: skip
_FAILED, _SPANS_EACH = 300, 3


def _tell(client: Client) -> None:
    """Failed traces whose first span came hours before, half of them on each side of a week's end."""
    fleet = PastFleet(client)
    for part, began_s_ago in (("a", 14 * _H), ("b", 14 * _H + 7 * 86_400)):
        traces = [f"{part}{n}" for n in range(_FAILED // 2)]
        fleet.spans(14 * _H, [Span(one, "1") for one in traces], began_s_ago=began_s_ago)
        late = [Span(one, id, "1", status="Error") for one in traces for id in ("2", "3")]
        fleet.spans(10 * _H, late, began_s_ago=began_s_ago)
        fleet.logs(10 * _H, dict.fromkeys(traces, "words"))
    fleet.ordinary(10 * _H, 200, prefix="o")
    fleet.incident(10 * _H + 60, 10 * _H - 60, service="switch")
    fleet.logs(10 * _H, {"": "down"}, service="switch")
    fleet.settle()


def _assert_exact(client: Client) -> None:
    counts = (
        "SELECT count(), uniqExact(TraceId, SpanId), uniqExact(TraceId) FROM {} WHERE TraceId NOT LIKE 'o%'"
    )
    whole = (_FAILED * _SPANS_EACH, _FAILED * _SPANS_EACH, _FAILED)
    assert client.query(counts.format("otel_traces_kept")).result_rows == [whole]
    assert client.query("SELECT count() FROM otel_traces_kept").result_rows == [whole[:1]]
    assert client.query("SELECT count() FROM otel_logs_kept").result_rows == [(_FAILED + 1,)]
    kept = client.query("SELECT count(), uniqExact(TraceId) FROM rootspan_kept WHERE TraceId LIKE 'a%'")
    assert kept.result_rows == [(_FAILED // 2, _FAILED // 2)]
    counted = client.query("SELECT sum(Spans) FROM rootspan_operations_1d").result_rows
    assert counted == client.query("SELECT count() FROM otel_traces").result_rows


@pytest.fixture
def told(make_store: Callable[..., StoreProcess]) -> Iterator[tuple[StoreProcess, Client]]:
    store = make_store()
    client = store.connect("otel")
    migrate(client)
    _tell(client)
    # What came first is decided, and not kept: nothing was wrong with it yet.
    Keeper(client, _SETTINGS).keep_next()
    assert client.query("SELECT count() FROM otel_traces_kept").result_rows == [(0,)]
    yield store, client
    client.close()


@pytest.mark.process
def test_a_keeper_that_is_killed_before_every_step_keeps_each_span_once(
    told: tuple[StoreProcess, Client],
) -> None:
    store, client = told
    url = str(store.url.with_database("otel"))
    for step in _STEPS:
        died = subprocess.run([sys.executable, str(_PROGRAM), url, step], env=os.environ, check=False)
        assert died.returncode == -signal.SIGKILL, step
    # Between copy and position the store goes too, and comes again.
    store.end(signal.SIGKILL)
    store.start()
    client = store.connect("otel")
    outcome = Keeper(client, _SETTINGS, holder="mortal").keep_next()
    assert outcome is not None
    assert outcome.kept_spans == _FAILED * 2
    _assert_exact(client)
    assert Keeper(client, _SETTINGS, holder="mortal").keep_next() is None


@pytest.mark.process
def test_keepers_that_work_at_once_keep_each_span_once(told: tuple[StoreProcess, Client]) -> None:
    store, client = told
    failures: list[BaseException] = []

    def work(holder: str) -> None:
        own = store.connect("otel")
        try:
            # The same holder twice: two processes that both believe a window to be theirs.
            while Keeper(own, _SETTINGS, holder=holder).keep_next() is not None:
                pass
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=(holder,)) for holder in ("one", "one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    _assert_exact(client)
    assert keeping_state(client).windows == 2
