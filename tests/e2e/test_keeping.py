"""What matters is kept by a collector, by `rootspan retain` where there is none, and doctor tells it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootspan_store.client import connect
from support import otlp_requests as otlp
from support.arrivals import PastFleet, Span
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_QUICK = {
    "ROOTSPAN_RETENTION_QUIET_S": "1",
    "ROOTSPAN_RETENTION_RARE_TRACES": "0",
    "ROOTSPAN_RETENTION_ORDINARY_ONE_IN": "0",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StoreProcess, CollectorProcess]]:
    folder = tmp_path_factory.mktemp("keeping")
    store = StoreProcess(folder)
    collector = CollectorProcess(folder, store.url, ["--wal-segment-age-s", "0.05"], _QUICK)
    with store.running(), collector.running():
        yield store, collector


def rootspan(
    *arguments: str, environment: dict[str, str] = _QUICK, within_s: float = 120
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rootspan_cli", *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=within_s, check=False, env=variables
    )


def test_a_collector_keeps_what_failed_and_nothing_else(place: tuple[StoreProcess, CollectorProcess]) -> None:
    store, collector = place
    request = otlp.traces(20)
    failed = request.resource_spans[0].scope_spans[0].spans[3]
    failed.status.code = 2
    with collector.channel() as channel:
        channel.unary_unary(EXPORT)(request.SerializeToString(), timeout=10)
    collector.wait_drained()
    wait_until(
        lambda: store.number("SELECT count() FROM rootspan_retention WHERE Done") > 0,
        timeout_s=120,
        what=f"a window is decided; see {collector.output[-2000:]}",
    )
    assert store.query("SELECT TraceId FROM otel_traces_kept") == failed.trace_id.hex()
    answer = json.loads(
        rootspan("doctor", "--store", store.url, "--collector", collector.address, "--json").stdout
    )
    (check,) = [one for one in answer["checks"] if one["name"] == "kept"]
    assert check["ok"]
    assert (check["spans_7d"], check["kept_spans_7d"], check["kept_by_reason_7d"]) == (20, 1, {"error": 1})
    assert "5.0% of the spans" in check["text"]


def test_the_command_keeps_where_no_collector_does(tmp_path: Path) -> None:
    store = StoreProcess(tmp_path)
    with store.running():
        assert rootspan("migrate", "--store", store.url).returncode == 0
        client = connect(store.url)
        fleet = PastFleet(client)
        fleet.spans(20 * 86_400, [Span("failed", "1", status="Error"), Span("failed", "2", "1")])
        client.close()
        # Nobody decides, and half of raw retention is gone.
        told = rootspan("doctor", "--store", store.url, "--json", environment={})
        (check,) = [one for one in json.loads(told.stdout)["checks"] if one["name"] == "kept"]
        assert not check["ok"]
        assert "rootspan retain" in check["next_step"]
        done = rootspan("retain", "--once", "--store", store.url)
        assert done.returncode == 0, done.stderr
        assert "1 windows decided, 2 of 2 spans kept (100.0%), 1 traces" in done.stdout
        again = rootspan("retain", "--once", "--store", store.url, "--json")
        assert json.loads(again.stdout) == {"windows": []}
        assert store.query("SELECT count() FROM otel_traces_kept") == "2"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RAW_DAYS", "0.01", "less than four times quiet_s (3600 s)"),
        ("KEPT_DAYS", "7", "kept_days 7 is less than raw_days 30"),
        ("SLOW_FACTOR", "0.5", "ROOTSPAN_RETENTION_SLOW_FACTOR = 0.5: "),
        ("QUIET_S", "soon", "ROOTSPAN_RETENTION_QUIET_S = soon: "),
    ],
)
@pytest.mark.parametrize("command", [("retain", "--once"), ("collector", "--check")])
def test_settings_that_cannot_be_used_are_told_before_anything_starts(
    command: tuple[str, ...], name: str, value: str, said: str
) -> None:
    done = rootspan(*command, environment={f"ROOTSPAN_RETENTION_{name}": value})
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
