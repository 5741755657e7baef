"""Ranks that join a job late, and jobs whose ranks come together as processes do."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest
from bench.embedded import EmbeddedStore
from bench.rca_training import END_NS, fill_job

from rootspan_analysis import Explanation, Question, explain
from rootspan_demo.training import TrainingConfig, simulate_training

FIRST_STEP = 1000
"""Of the simulated job."""
JOIN_NS = 60 * 10**9
_JOINS = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName,
    ResourceAttributes, SpanAttributes, Duration, HostName, JobId)
SELECT Timestamp - toIntervalSecond(60 - nth), TraceId, SpanId, 'train.join', 'Internal', ServiceName,
    ResourceAttributes,
    mapUpdate(mapFilter((name, _) -> name != 'training.step', SpanAttributes), map('training.phase', 'join')),
    toUInt64(waited_s * 1e9), HostName, JobId
FROM otel_traces ARRAY JOIN [{waited_s}] AS waited_s, arrayEnumerate([{waited_s}]) AS nth
WHERE SpanName = 'train.step' AND SpanAttributes['training.step'] = '{first}'
    AND toUnixTimestamp64Nano(Timestamp) >= {from_ns}
SETTINGS insert_deduplication_token = '{token}'
"""


@dataclass(frozen=True, slots=True)
class Played:
    """A job of 16 ranks that is well but for how it came together."""

    store: EmbeddedStore
    begin_ns: int

    def ask(self, *waited_s: str) -> Explanation:
        """Ask why, after it was joined as often as told: seconds that each rank waited, in SQL."""
        for table in ("otel_traces", "otel_training_spans"):
            self.store.execute(
                f"ALTER TABLE {table} DELETE WHERE SpanName = 'train.join' SETTINGS mutations_sync = 2"
            )
        # Clocks are apart: some ranks' first steps begin a little before.
        told = {"waited_s": ", ".join(waited_s), "from_ns": self.begin_ns - JOIN_NS, "token": uuid4()}
        self.store.execute(_JOINS.format(first=FIRST_STEP, **told))
        return explain(self.store, Question(self.begin_ns - 2 * JOIN_NS, END_NS))


@pytest.fixture(scope="module")
def job() -> Played:
    store = EmbeddedStore(database="late")
    config = TrainingConfig(end_unix_ns=END_NS, steps=20, microbatches=2, gpus_per_host=2, seed=11)
    recording = simulate_training(config)
    fill_job(store, recording)
    return Played(store, recording.begin_unix_ns)


RANK = "toUInt32OrZero(ResourceAttributes['training.rank'])"


def test_a_rank_that_all_others_waited_for_is_named(job: Played) -> None:
    answer = job.ask(f"if({RANK} = 5, 0.2, 25 + {RANK} / 16)")
    (first,) = answer.causes
    assert (first.fault, first.kind, first.entity["training.rank"]) == ("late_joiner", "rank", "5")
    assert first.entity["host.name"]
    assert 24 < first.impact.excess_s < 26
    assert job.store.query_arrow(first.evidence[0].sql).num_rows == 16


def test_ranks_of_one_host_that_come_late_are_one_cause(job: Played) -> None:
    (first,) = job.ask(f"if({RANK} IN (4, 5), 0.2, 25)").causes
    assert (first.fault, first.entity["training.rank"]) == ("late_joiner", "4,5")


def test_a_rank_that_is_late_at_a_restart_is_named_though_it_was_not_before(job: Played) -> None:
    (first,) = job.ask(f"{RANK} / 16", f"if({RANK} = 7, 0.1, 30)").causes
    assert (first.fault, first.entity["training.rank"]) == ("late_joiner", "7")


@pytest.mark.parametrize(
    "seconds",
    [
        "0.05",
        f"{RANK} / 4",  # seconds apart, as processes start
        f"if({RANK} < 8, 0.2, 25)",  # half of the job came late: nobody in particular
    ],
)
def test_ranks_that_come_together_or_by_halves_name_nobody(job: Played, seconds: str) -> None:
    assert job.ask(seconds).causes == ()
