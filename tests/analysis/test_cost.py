"""What GPU time costs, and which job's distribution does not pay: by numbers that a person can add up."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from rootspan_analysis.cost import CostQuestion, CostReport, JobCost, tell_cost
from rootspan_analysis.cost.serving import price_models, price_services
from rootspan_analysis.errors import QuestionError
from support.written import WritableStore

BEGIN_NS = 1_795_341_600_000_000_000
END_NS = BEGIN_NS + 3_600_000_000_000
STEPS = 20
PRICE = 2.0
JOB = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, ResourceAttributes,
    SpanAttributes, Duration, StatusCode, HostName, JobId)
SELECT fromUnixTimestamp64Nano({begin} + step * toInt64({step_s} * 1e9)),
    lower(hex(sipHash128(step, '{job}'))), lower(hex(sipHash64(number, '{job}'))), 'train.step',
    'Internal', 'trainer',
    map('service.name', 'trainer', 'training.job.id', '{job}', 'training.workload', '{workload}',
        'training.rank', toString(rank), 'training.world_size', '{ranks}', 'training.tp_rank', '{tp}',
        'training.dp_rank', '{dp}'),
    map('training.step', toString(step), 'training.tokens_per_second', '{tokens_per_s}',
        'training.phase.forward.seconds', toString({step_s} * {computes}),
        'training.phase.collective.seconds', toString({step_s} * {communicates}),
        'training.phase.data.seconds', toString({step_s} * {loads})),
    toUInt64({step_s} * 1e9), 'Unset', concat('gpu-', toString(rank)), '{job}'
FROM
(
    SELECT number, intDiv(number, {ranks}) AS step, number % {ranks} AS rank FROM numbers({ranks} * {steps})
)
"""


def add_job(
    store: WritableStore, job: str, *, ranks: int, step_s: float, tokens_per_s: float = 0, **more: object
) -> None:
    """Steps of `step_s` on so many ranks, each of which says what it trains on in a second."""
    usual = {"workload": "", "computes": 0.9, "communicates": 0.1, "loads": 0.0, "steps": STEPS}
    usual |= {"tp": "", "dp": ""}
    told = {**usual, **more, "tokens_per_s": tokens_per_s or ""}
    store.execute(JOB.format(begin=BEGIN_NS, job=job, ranks=ranks, step_s=step_s, **told))


@pytest.fixture(scope="module")
def opened() -> Iterator[WritableStore]:
    store = WritableStore(database="cost")
    yield store
    store.close()


@pytest.fixture
def store(opened: WritableStore) -> WritableStore:
    opened.clear()
    return opened


def ask(store: WritableStore, **more: float) -> CostReport:
    return tell_cost(store, CostQuestion(BEGIN_NS - 1, END_NS, price=PRICE, **more))  # type: ignore[arg-type]


def jobs(report: CostReport) -> dict[str, JobCost]:
    return {one.job: one for one in report.jobs}


def test_strong_scaling_is_measured_against_the_smallest_run_and_the_one_below_is_reported(
    store: WritableStore,
) -> None:
    # 4,000 tokens a step: one rank needs 1 s, two 0.55 s, four 0.5 s.
    for ranks, step_s in ((1, 1.0), (2, 0.55), (4, 0.5)):
        rate = 4000 / ranks / step_s
        add_job(store, f"w-{ranks}", ranks=ranks, step_s=step_s, tokens_per_s=rate, workload="w")
    report = ask(store)
    found = jobs(report)
    assert report.verdict == "does_not_pay"
    assert [one.job for one in report.jobs if not one.pays] == ["w-4"]
    assert report.jobs[0].job == "w-4", "what does not pay comes first"
    assert found["w-2"].efficiency == pytest.approx(1 / (2 * 0.55))
    assert found["w-4"].efficiency == pytest.approx(1 / (4 * 0.5))
    assert (found["w-4"].base, found["w-4"].base_ranks, found["w-4"].basis) == ("w-1", 1, "measured")
    assert found["w-4"].worth_gpus == pytest.approx(2)
    hours = 4 * STEPS * 0.5 / 3600
    assert found["w-4"].gpu_hours == pytest.approx(hours)
    assert found["w-4"].wasted_cost == pytest.approx(hours * PRICE / 2)
    assert found["w-4"].per_million_tokens == pytest.approx(hours * PRICE / (STEPS * 4000) * 1e6)
    assert "4 GPUs do the work of 2.0" in found["w-4"].text
    assert "does not pay" in found["w-4"].text
    assert found["w-1"].efficiency is None
    assert "not distributed" in found["w-1"].text


def test_weak_scaling_that_holds_is_not_reported(store: WritableStore) -> None:
    add_job(store, "small", ranks=1, step_s=1.0, tokens_per_s=1000, workload="w")
    add_job(store, "large", ranks=8, step_s=1.1, tokens_per_s=1000 / 1.1, workload="w")
    report = ask(store)
    assert report.verdict == "pays"
    assert jobs(report)["large"].efficiency == pytest.approx(1 / 1.1)


def test_the_threshold_is_the_caller_s(store: WritableStore) -> None:
    add_job(store, "small", ranks=1, step_s=1.0, tokens_per_s=1000, workload="w")
    add_job(store, "large", ranks=8, step_s=1.1, tokens_per_s=1000 / 1.1, workload="w")
    assert ask(store, min_efficiency=0.95).verdict == "does_not_pay"


def test_ranks_that_share_a_layer_tell_the_same_tokens_once(store: WritableStore) -> None:
    add_job(store, "one", ranks=1, step_s=1.0, tokens_per_s=4000, workload="w")
    add_job(store, "pair", ranks=2, step_s=0.6, tokens_per_s=4000 / 0.6, workload="w", tp="0", dp="0")
    assert jobs(ask(store))["pair"].efficiency == pytest.approx(1 / (2 * 0.6))


def test_jobs_of_other_workloads_are_not_compared(store: WritableStore) -> None:
    add_job(store, "a", ranks=1, step_s=1.0, tokens_per_s=4000, workload="a")
    add_job(store, "b", ranks=4, step_s=1.0, tokens_per_s=10, workload="b")
    found = jobs(ask(store))
    assert (found["b"].basis, found["b"].pays) == ("bounded", True)


def test_without_another_size_the_share_that_computes_bounds_it_and_data_is_not_charged(
    store: WritableStore,
) -> None:
    add_job(store, "j", ranks=4, step_s=1.0, computes=0.3, communicates=0.3, loads=0.4)
    (one,) = ask(store).jobs
    assert (one.basis, one.pays) == ("bounded", False)
    assert one.efficiency == pytest.approx(0.3 / 0.6)
    assert one.communication_ratio == pytest.approx(0.5)
    assert "at most" in one.text


def test_few_steps_say_nothing(store: WritableStore) -> None:
    add_job(store, "one", ranks=1, step_s=1.0, tokens_per_s=4000, workload="w")
    add_job(store, "four", ranks=4, step_s=1.0, tokens_per_s=100, workload="w", steps=5, computes=0.1)
    report = ask(store)
    assert report.verdict == "pays"
    assert jobs(report)["four"].efficiency is None


def test_an_empty_window_is_not_enough_data(store: WritableStore) -> None:
    assert ask(store).verdict == "not_enough_data"


@pytest.mark.parametrize(
    "wrong", [{"min_efficiency": 70}, {"price": -1}, {"to_ns": 0}, {"price": float("nan")}]
)
def test_a_question_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(QuestionError):
        CostQuestion(**{"from_ns": 1, "to_ns": 2, "price": 1.0, **wrong})  # type: ignore[arg-type]


def _gpu_time(*rows: tuple[str, str, float, float]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                **{"service": service, "region": region, "gpu_hours": hours, "idle_hours": idle},
                **{"busy_hours": hours / 2, "gpus": 3},
            }
            for service, region, hours, idle in rows
        ]
    )


def test_services_are_priced_by_region_dearest_first() -> None:
    served = pa.Table.from_pylist([{"service": "ranker", "region": "eu", "requests": 8000.0}])
    eu, us = price_services(
        _gpu_time(("ranker", "us", 2.0, 0.5), ("ranker", "eu", 4.0, 1.0)), served, price=PRICE
    )
    assert (eu.region, eu.cost, eu.idle_ratio, eu.busy_ratio) == ("eu", 8.0, 0.25, 0.5)
    assert eu.per_thousand == pytest.approx(1.0)
    assert (us.region, us.requests, us.per_thousand) == ("us", 0.0, None)


def test_steps_of_a_trainer_are_no_requests() -> None:
    served = pa.Table.from_pylist([{"service": "trainer", "region": "eu", "requests": 8000.0}])
    (one,) = price_services(_gpu_time(("trainer", "eu", 4.0, 1.0)), served, PRICE, trainers={"trainer"})
    assert (one.requests, one.per_thousand) == (0.0, None)


def test_a_service_s_gpu_time_is_shared_among_its_models_in_each_region() -> None:
    def used(model: str, region: str, seconds: float, tokens: float) -> dict[str, object]:
        told = {"service": "llm", "region": region, "model": model, "requests": 100.0, "seconds": seconds}
        return {**told, "input_tokens": tokens, "output_tokens": 0.0}

    usage = pa.Table.from_pylist(
        [used("a", "eu", 30.0, 1e6), used("b", "eu", 10.0, 0.0), used("a", "us", 5.0, 5e5)]
    )
    found = price_models(_gpu_time(("llm", "eu", 4.0, 0.0), ("llm", "us", 2.0, 0.0)), usage, price=PRICE)
    priced = {(one.model, one.region): one for one in found}
    assert priced["a", "eu"].gpu_hours == pytest.approx(3.0)
    assert priced["b", "eu"].gpu_hours == pytest.approx(1.0)
    assert priced["a", "us"].gpu_hours == pytest.approx(2.0)
    assert priced["a", "eu"].per_million == pytest.approx(6.0)
    assert priced["a", "us"].per_million == pytest.approx(8.0)
    assert priced["b", "eu"].per_million is None
    assert priced["b", "eu"].per_thousand == pytest.approx(20.0)
