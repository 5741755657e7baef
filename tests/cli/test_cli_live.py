"""The commands against a real store and a real collector, started by `rootspan up`."""

import gzip
import json
import shutil
import time
from pathlib import Path

import clickhouse_connect
import pytest

from rootspan_analysis.telemetry import balance
from rootspan_demo import FleetConfig, build_case, simulate, write_pack
from support.command import Run
from support.installation import UpProcess
from support.processes import wait_until

pytestmark = pytest.mark.process


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small recording of a fleet with one slow GPU, that ended a year ago."""
    folder = tmp_path_factory.mktemp("packs") / "slow-gpu"
    year_ns = 365 * 86_400 * 10**9
    config = FleetConfig(
        end_unix_ns=time.time_ns() - year_ns, hosts=6, minutes=12, seed=3, fault="slow-gpu", spans=60_000
    )
    recording = simulate(config)
    write_pack(folder, recording.requests(), build_case(recording))
    return folder


def wait_settled(up: UpProcess) -> None:
    """Until the engine has all that the collector accepted, and the collector has told the ledger so."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=up.store_port, database="otel")
    try:

        def is_settled() -> bool:
            total = balance(client).total
            return total.accepted == total.stored > 0

        wait_until(is_settled, timeout_s=30, what="all that was accepted is stored")
    finally:
        client.close()


def test_sql_prints_json_lines_on_a_pipe(run: Run, installation: UpProcess) -> None:
    outcome = run("sql", "--store", installation.store, "SELECT number AS n, 'ä' AS t FROM numbers(2)")
    assert outcome.status == 0
    assert [json.loads(line) for line in outcome.out.splitlines()] == [{"n": 0, "t": "ä"}, {"n": 1, "t": "ä"}]


def test_sql_shows_clickhouses_error_in_one_line_with_its_code(run: Run, installation: UpProcess) -> None:
    outcome = run("sql", "--store", installation.store, "SELECT nonsense")
    assert outcome.status == 2
    assert "47" in outcome.err
    assert outcome.err.count("\n") == 1


def test_migrate_finds_nothing_to_do_after_up(run: Run, installation: UpProcess) -> None:
    outcome = run("migrate", "--store", installation.store)
    assert outcome.status == 0
    assert "nothing to do" in outcome.out


def test_migrate_applies_to_another_database_and_print_changes_nothing(
    run: Run, installation: UpProcess
) -> None:
    other = installation.store.replace("/otel", "/other")
    assert "CREATE TABLE" in run("migrate", "--store", other, "--print").out
    assert "applied 0001" in run("migrate", "--store", other).out
    assert "nothing to do" in run("migrate", "--store", other).out


def test_why_on_an_empty_window_says_that_there_is_too_little(run: Run, installation: UpProcess) -> None:
    window = ("--from", "2001-10-01T00:00:00Z", "--to", "2001-10-01T00:15:00Z")
    outcome = run("why", "--store", installation.store, *window, "--json")
    assert outcome.status == 0
    assert outcome.json["verdict"] == "not_enough_data"
    assert outcome.json["causes"] == []
    assert "Not enough telemetry" in run("why", "--store", installation.store, *window).out


def test_replay_sends_a_pack_and_everything_is_accounted_for(
    run: Run, installation: UpProcess, pack: Path
) -> None:
    outcome = run("replay", str(pack), "--to", installation.collector)
    assert outcome.status == 0
    case = json.loads((pack / "case.json").read_text())
    counts = case["also"]["counts"]
    assert f"{counts['spans']:,} traces" in outcome.out
    assert f"{counts['log_records']:,} logs" in outcome.out
    wait_settled(installation)
    count = run("sql", "--store", installation.store, "SELECT count() AS n FROM otel_traces").json["n"]
    assert count == counts["spans"], "spans of a year ago stay, since retention counts from arrival"

    where = ("--store", installation.store, "--collector", installation.collector)
    doctor = run("doctor", *where, "--json")
    assert doctor.status == 0, doctor.out
    checks = {check["name"]: check for check in doctor.json["checks"]}
    traces = checks["traces balance"]
    assert traces["accepted"] == traces["stored"] == counts["spans"]
    assert traces["missing"] == traces["pending"] == 0
    assert set(checks) >= {"store", "schema", "clock", "disk", "rows", "collector", "log", "logs balance"}
    table = run("doctor", *where).out
    assert "✓" in table
    assert "✗" not in table

    incident = case["incidents"][0]
    window = ("--from", str(incident["start_unix_ns"]), "--to", str(incident["end_unix_ns"]))
    why = run("why", "--store", installation.store, *window, "--json")
    assert why.status == 0
    assert set(why.json) == {
        *("window", "baseline", "verdict", "symptom", "causes", "exonerated", "telemetry", "took_ms")
    }
    assert why.json["telemetry"]["accepted"] == why.json["telemetry"]["stored"] > 0
    assert why.json["window"]["from_unix_ns"] == incident["start_unix_ns"]
    first = why.json["causes"][0]
    assert first["entity"]["host.name"] in incident["truth"]["names"]
    for evidence in first["evidence"]:
        assert run("sql", "--store", installation.store, evidence["sql"]).status == 0
    shown = run("why", "--store", installation.store, *window, "--sql").out
    assert first["entity"]["host.name"] in shown
    assert "SELECT" in shown

    end_ns = incident["end_unix_ns"]
    whole = ("--from", str(end_ns - 30 * 60 * 10**9), "--to", str(end_ns + 60 * 10**9), "--price", "3")
    cost = run("cost", "--store", installation.store, *whole, "--json")
    assert cost.status == 0, cost.err
    gpu_minutes = run(
        "sql",
        "--store",
        installation.store,
        "SELECT uniqExact(HostName, Attributes['gpu.index'], toStartOfMinute(TimeUnix)) AS n "
        "FROM otel_metrics_gauge WHERE MetricName = 'hw.gpu.utilization'",
    ).json["n"]
    assert cost.json["gpu_hours"] == pytest.approx(gpu_minutes / 60)
    assert cost.json["cost"] == pytest.approx(3 * gpu_minutes / 60)
    assert {one["region"] for one in cost.json["services"]} == {"eu-west", "us-east"}
    assert all(one["per_thousand"] > 0 for one in cost.json["services"])
    assert cost.json["models"]
    (region, *_) = (one["region"] for one in cost.json["services"])
    table = run("cost", "--store", installation.store, *whole, "--region", region, "--check")
    assert table.status == 0
    assert region in table.out
    assert "No training job ran" in table.out


def test_replay_moves_a_recording_to_now(run: Run, installation: UpProcess, pack: Path) -> None:
    assert run("replay", str(pack), "--to", installation.collector, "--shift", "now").status == 0
    query = "SELECT dateDiff('second', max(Timestamp), now64(9)) AS age FROM otel_traces"
    wait_until(
        lambda: run("sql", "--store", installation.store, query).json["age"] < 60,
        timeout_s=30,
        what="a span that is less than a minute old",
    )


def test_replay_of_a_damaged_pack_names_the_file(
    run: Run, installation: UpProcess, pack: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(pack, damaged)
    whole = (damaged / "logs.otlp.gz").read_bytes()
    (damaged / "logs.otlp.gz").write_bytes(whole[: len(whole) // 2])
    outcome = run("replay", str(damaged), "--to", installation.collector)
    assert outcome.status == 2
    assert "logs.otlp.gz" in outcome.err


def test_replay_counts_what_the_collector_refuses(run: Run, installation: UpProcess, tmp_path: Path) -> None:
    """An empty request parses; a collector takes it, and no item is counted."""
    (tmp_path / "case.json").write_text("{}")
    with gzip.open(tmp_path / "traces.otlp.gz", "wb") as stream:
        stream.write((0).to_bytes(4, "big"))
    outcome = run("replay", str(tmp_path), "--to", installation.collector)
    assert outcome.status == 0
    assert "0 traces" in outcome.out


def test_doctor_finds_a_collector_that_is_not_there(run: Run, installation: UpProcess) -> None:
    outcome = run("doctor", "--store", installation.store, "--collector", "127.0.0.1:1", "--json")
    assert outcome.status == 1
    wrong = [check for check in outcome.json["checks"] if not check["ok"]]
    assert [check["name"] for check in wrong] == ["collector"]
    assert "rootspan collector" in wrong[0]["next_step"]


def test_doctor_finds_a_schema_that_is_behind(run: Run, installation: UpProcess) -> None:
    nowhere = installation.store.replace("/otel", "/unmigrated")
    outcome = run("doctor", "--store", nowhere, "--collector", installation.collector)
    assert outcome.status == 1
    assert "rootspan migrate" in outcome.out


def test_up_says_which_port_is_taken_and_which_flag_changes_it(
    run: Run, installation: UpProcess, tmp_path: Path
) -> None:
    outcome = run("up", "--data", str(tmp_path), "--store-http", f"127.0.0.1:{installation.store_port}")
    assert outcome.status == 2
    assert str(installation.store_port) in outcome.err
    assert "--store-http" in outcome.err
