"""Short forms of the rows of `examples.run_all`: real processes, real store, and `why` against the truth."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
from examples.harness.command import NONE
from examples.harness.installation import Stage, Window, installation
from examples.harness.rows import Retold, Row
from examples.systems import ROWS
from examples.two_regions.layout import REGIONS

from examples import run_all
from rootspan_store.client import connect

pytestmark = pytest.mark.process
ASKED = [
    ("inference distribution, load balancing", "slow-gpu"),
    ("training distribution and coordination", "restart"),
    ("data parallelism", "none"),
    ("fault tolerance: replication, failover", "failover"),
    ("consensus", "slow-follower"),
    ("logs of thousands of systems", "xid"),
    ("a region lost, at the reference size", "region-lost"),
    ("cost: distribution that does not pay", "four-ranks"),
    ("geography, residency: a store in each region", "residency-broken"),
    ("orchestration: pods on nodes", "evicted-pod"),
]
"""One or two of most rows; all of all is what `python -m examples.run_all` is for."""
MET_THE_FAILOVER = """
WITH SpanAttributes['server.address'] AS server, SpanName = 'HINCRBY' AS writes
SELECT
    TraceId,
    countIf(ParentSpanId = '') AS roots,
    countIf(ParentSpanId != '' AND NOT has(ids, ParentSpanId)) AS orphans,
    arraySort(groupUniqArray(ServiceName)) AS services,
    arraySort(groupArrayIf(toUInt32OrZero(SpanAttributes['rootspan.retry.attempt']), writes)) AS attempts,
    countIf(writes AND StatusCode = 'Error' AND server = 'redis-01') AS refused,
    countIf(writes AND StatusCode != 'Error' AND server = 'redis-02') AS answered
FROM (
    SELECT *, groupArray(SpanId) OVER (PARTITION BY TraceId) AS ids
    FROM otel_traces
    WHERE toUnixTimestamp64Nano(Timestamp) >= {from_ns:Int64}
        AND toUnixTimestamp64Nano(Timestamp) < {to_ns:Int64}
)
GROUP BY TraceId
HAVING refused > 0
"""
LANES = 3
"""They mostly wait; one that fills a processor by itself is none of these."""
BY_NAME = {row.system: row for row in ROWS}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with installation() as running:
        yield running


@pytest.fixture(scope="module")
def played(stage: Stage) -> Iterator[dict[tuple[str, str], Future[Window]]]:
    def play(row: Row, fault: str) -> Window:
        return row.play(fault, stage, short=True)

    with ThreadPoolExecutor(LANES) as pool:
        yield {
            (system, fault): pool.submit(play, BY_NAME[system], fault)
            for system, fault in ASKED
            if not BY_NAME[system].missing()
        }


@pytest.mark.parametrize(("system", "fault"), ASKED)
def test_why_names_what_was_injected(
    stage: Stage, played: dict[tuple[str, str], Future[Window]], system: str, fault: str
) -> None:
    row = BY_NAME[system]
    if row.missing():
        pytest.skip(row.missing())
    answer = row.ask(stage, played[system, fault].result(timeout=300))
    told = {key: answer.get(key) for key in ("verdict", "symptom", "causes")}
    assert row.truth(fault).is_told(answer), json.dumps(told)[:3000]


def test_the_requests_that_met_the_failover_are_whole_traces_with_their_retries(
    stage: Stage, played: dict[tuple[str, str], Future[Window]]
) -> None:
    system = "fault tolerance: replication, failover"
    if BY_NAME[system].missing():
        pytest.skip(BY_NAME[system].missing())
    window = played[system, "failover"].result(timeout=300)
    stage.wait_stored()
    client = connect(stage.store)
    found = list(
        client.query(
            MET_THE_FAILOVER, parameters={"from_ns": window.from_ns, "to_ns": window.to_ns}
        ).named_results()
    )
    client.close()
    assert found
    for trace in found:
        assert (trace["roots"], trace["orphans"]) == (1, 0), trace
        assert trace["services"] == ["gateway", "ranker"]
        assert trace["attempts"] == list(range(len(trace["attempts"])))  # each told, none twice
    # All of them were answered in the end, by the one that was promoted.
    assert all(trace["answered"] for trace in found)


def test_nothing_of_a_region_is_stored_in_another(
    stage: Stage, played: dict[tuple[str, str], Future[Window]]
) -> None:
    played["geography, residency: a store in each region", "residency-broken"].result(timeout=300)
    for region in REGIONS:
        client = connect(stage.in_region(region).store)
        stored = client.query("SELECT DISTINCT Region FROM otel_traces").result_columns
        client.close()
        assert stored == [[region]]


def test_a_restart_from_a_checkpoint_is_one_job_that_went_on(
    stage: Stage, played: dict[tuple[str, str], Future[Window]]
) -> None:
    answer = stage.why(played["training distribution and coordination", "restart"].result(timeout=300))
    # Killed in step 35, after the checkpoint of step 29.
    assert "(attempt 0) hangs" in answer["symptom"]["text"]
    assert "(attempt 1) went on from step 30" in answer["symptom"]["text"]
    assert len({cause["entity"]["training.job.id"] for cause in answer["causes"]}) == 1


def test_every_row_has_faults_that_can_be_told_and_names_of_its_own() -> None:
    assert len(BY_NAME) == len(ROWS)
    for row in ROWS:
        assert row.faults
        for fault in row.faults:
            truth = row.truth(fault)
            assert truth.says
            assert truth.entities or truth.verdict
            assert truth.faults or not truth.entities  # who, and of what kind
        assert not row.truth(NONE).entities


def test_the_table_can_be_listed_without_running_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_all.main(["--list", "--only", "consensus"]) == 0
    said = capsys.readouterr().out
    assert "leader-lost" in said
    assert "slow-gpu" not in said


def test_a_system_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_all.main(["--only", "astrology"]) == 2
    assert "astrology" in capsys.readouterr().err


def test_an_example_that_does_not_run_is_a_miss_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    row = BY_NAME["consensus"]
    assert isinstance(row, Retold)
    broken = replace(row, module="examples.nothing_there")
    monkeypatch.setattr(run_all, "ROWS", (broken,))
    monkeypatch.setattr(run_all, "installation", lambda: contextlib.nullcontext(stage))
    assert run_all.main(["--fault", "leader-lost", "--json"]) == 1
    said = capsys.readouterr()
    assert "nothing_there" in said.err
    (told,) = json.loads(said.out)["rows"]
    assert [(one["name"], one["hit"]) for one in told["faults"]] == [("leader-lost", False)]
