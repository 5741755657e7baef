"""Jobs that speak other tools' names are read like our own; requests of an inference server are no job."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from bench.embedded import EmbeddedStore
from bench.rca_training import END_NS
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan_analysis import Question, Window, explain, window
from rootspan_analysis.reader import Reader
from rootspan_analysis.training import jobs
from rootspan_analysis.training.hang import find_hang
from rootspan_analysis.training.jobs import find_jobs
from rootspan_analysis.training.statements import ask
from rootspan_demo.wire import attribute
from rootspan_store.ingest import Signal, frame_prefix

BEGIN_NS = END_NS - 100_000_000_000
WINDOW = Window(BEGIN_NS, END_NS)
NAMES: Mapping[str, Mapping[str, str]] = {
    "nemo-lens": {"rank": "dl.rank", "data": "dl.data_parallel.rank", "step": "dl.iteration"},
    "nemo-lens-nv": {"rank": "nv.dl.rank", "data": "nv.dl.data_parallel.rank", "step": "nv.dl.iteration"},
    "datadog": {"rank": "pytorch.rank", "data": "dp_rank", "step": "global_step"},
}


class Spans:
    """Builds one trace request."""

    def __init__(self) -> None:
        self.request = ExportTraceServiceRequest()
        self._number = 0

    def add(
        self,
        resource: Mapping[str, str | int],
        name: str,
        begin_ns: int,
        end_ns: int,
        **told: str | int | bool,
    ) -> None:
        """A span of its own resource block; double underscores in names of attributes stand for dots."""
        self._number += 1
        block = self.request.resource_spans.add()
        block.resource.attributes.extend(attribute(key, value) for key, value in resource.items())
        span = block.scope_spans.add().spans.add(
            trace_id=self._number.to_bytes(16, "big"),
            span_id=self._number.to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=begin_ns,
            end_time_unix_nano=end_ns,
        )
        span.attributes.extend(attribute(key.replace("__", "."), value) for key, value in told.items())

    def insert(self, store: EmbeddedStore) -> None:
        """Store them."""
        payload = self.request.SerializeToString()
        # An object's id comes again, and with it the token: the insert would be taken for a repeated one.
        store.insert(Signal.TRACES, frame_prefix(len(payload)) + payload, uuid4().hex)


@pytest.fixture(scope="module")
def store(open_store: Callable[[str], EmbeddedStore]) -> EmbeddedStore:
    return open_store("foreign_names")


@pytest.mark.parametrize("tool", NAMES)
def test_straggler_is_found_under_another_tool_s_names(store: EmbeddedStore, tool: str) -> None:
    names, spans, rng = NAMES[tool], Spans(), np.random.default_rng(4)
    for step in range(30):
        begin = BEGIN_NS + step * 2_000_000_000
        for rank in range(4):
            resource = {
                "service.name": tool,
                "host.name": f"h{rank}",
                names["rank"]: rank,
                names["data"]: rank,
            }
            told = {names["step"]: step + 100}
            took = round(0.4e9 * (1.5 if rank == 2 else 1.0) * np.exp(rng.normal(0, 0.02)))
            spans.add(resource, "forward", begin, begin + took, **told)
            spans.add(resource, "all_reduce", begin + took, begin + 700_000_000, **told)
            spans.add(resource, "train_step", begin, begin + 700_000_000, **told)
    spans.insert(store)
    answer = explain(store, Question(BEGIN_NS, END_NS, job=tool))
    assert [cause.entity["training.rank"] for cause in answer.causes] == ["2"]
    assert answer.causes[0].entity["host.name"] == "h2"


def test_flight_recorder_s_spans_without_end_are_a_hang(store: EmbeddedStore) -> None:
    spans = Spans()
    for rank in range(4):
        resource = {"service.name": "megatron", "training.job.id": "fr-job", "training.rank": rank}
        told: dict[str, str | int | bool] = {"pytorch__fr__process_group": "35", "pytorch__fr__is_p2p": False}
        told |= {"pytorch__fr__timeout_ms": 60_000, "pytorch__fr__p2p_seq_id": 0}
        seq = 41 if rank == 1 else 48
        spans.add(resource, "nccl:all_reduce", BEGIN_NS, 0, **told, pytorch__fr__collective_seq_id=seq)
    spans.insert(store)
    job = next(job for job in find_jobs(store, WINDOW) if job.job_id == "fr-job")
    hang = find_hang(store, job)
    assert hang is not None
    assert (hang.ranks, hang.rule, hang.op) == ((1,), "behind", "all_reduce")


def test_what_is_pending_for_less_than_its_timeout_is_no_hang(store: EmbeddedStore) -> None:
    spans = Spans()
    for rank in range(4):
        resource = {"service.name": "young", "training.job.id": "young-job", "training.rank": rank}
        told = {
            "training__collective__group": "g",
            "training__collective__seq": 5,
            "training__phase": "collective",
        }
        if rank:
            spans.add(resource, "train.collective", END_NS - 5_000_000_000, 0, **told)
        spans.add(resource, "train.step", BEGIN_NS, BEGIN_NS + 1_000_000_000, training__step=1)
    spans.insert(store)
    job = next(job for job in find_jobs(store, WINDOW) if job.job_id == "young-job")
    assert find_hang(store, job) is None


def test_requests_with_sglang_s_ranks_are_no_training_job(store: EmbeddedStore) -> None:
    spans = Spans()
    for i in range(20):
        resource = {"service.name": "sglang", "tp_rank": i % 4, "dp_rank": 0, "pp_rank": 0}
        begin = BEGIN_NS + i * 1_000_000_000
        spans.add(resource, "prefill_forward", begin, begin + 50_000_000)
    spans.insert(store)
    assert "sglang" not in {service for job in find_jobs(store, WINDOW) for service in job.services}


def test_job_of_another_tool_is_found_by_the_minutes_in_which_it_spoke_last(store: EmbeddedStore) -> None:
    spans, begin = Spans(), BEGIN_NS - 1_800_000_000_000
    for minute in range(30):
        at = begin + minute * 60_000_000_000
        ran = "early" if minute < 10 else "late"
        # It goes on without ranks for long after: only the last minutes of each operation are read.
        resource: dict[str, str | int] = {"service.name": ran, "dl.rank": minute % 2}
        spans.add(resource, f"{ran}_step", at, at + 1_000_000_000, dl__iteration=minute)
        spans.add({"service.name": "shop"}, "GET /", at, at + 1_000_000, app__user="u")
        spans.add({"service.name": "late"}, "report", at, at + 1_000_000)
    spans.insert(store)
    found = {job.services: job for job in find_jobs(store, Window(begin, BEGIN_NS))}
    assert set(found) == {("early",), ("late",)}
    assert (found["early",].steps, found["early",].ranks) == (10, 2)
    assert found["early",].spans == 10
    assert found["late",].spans == 20 + 30
    assert [one.services for one in find_jobs(store, Window(begin, BEGIN_NS), job="early")] == [("early",)]
    assert find_jobs(store, Window(begin, BEGIN_NS), job="shop") == []


def _hung_then(store: EmbeddedStore, name: str, state: str) -> None:
    """Ranks that a watchdog heard wait, and whose collectives then ended as `state` says (empty: well)."""
    spans, logs = Spans(), ExportLogsServiceRequest()
    for rank in range(4):
        resource = {"service.name": name, "training.job.id": name, "training.rank": rank}
        told: dict[str, str | int | bool] = {
            "training__collective__group": "0:g",
            "training__collective__seq": 5,
        }
        told |= {"training__phase": "collective", "training__collective__op": "all_reduce"}
        spans.add(resource, "train.step", BEGIN_NS, BEGIN_NS + 1_000_000_000, training__step=1)
        if rank == 3:
            continue
        more = {"training__collective__state": state} if state else {}
        spans.add(resource, "train.collective", BEGIN_NS, END_NS - 1_000_000_000, **told, **more)
        block = logs.resource_logs.add()
        block.resource.attributes.extend(attribute(key, value) for key, value in resource.items())
        record = block.scope_logs.add().log_records.add(
            time_unix_nano=BEGIN_NS + 70_000_000_000, event_name="collective.pending"
        )
        record.attributes.extend(attribute(key.replace("__", "."), value) for key, value in told.items())
    status = logs.resource_logs.add()
    last = {"service.name": name, "training.job.id": name, "training.rank": 3}
    status.resource.attributes.extend(attribute(key, value) for key, value in last.items())
    record = status.scope_logs.add().log_records.add(
        time_unix_nano=BEGIN_NS + 70_000_000_000, event_name="collective.status"
    )
    record.attributes.append(attribute("training.collective.group", "0:g"))
    record.attributes.append(attribute("training.collective.last_completed", 4))
    ranks = record.attributes.add(key="training.collective.group_ranks")
    for rank in range(4):
        ranks.value.array_value.values.add(int_value=rank)
    spans.insert(store)
    payload = logs.SerializeToString()
    store.insert(Signal.LOGS, frame_prefix(len(payload)) + payload, name)


def test_hang_that_was_told_and_then_aborted_is_still_a_hang(store: EmbeddedStore) -> None:
    _hung_then(store, "aborted-job", "failed")
    job = next(job for job in find_jobs(store, WINDOW) if job.job_id == "aborted-job")
    hang = find_hang(store, job)
    assert hang is not None
    assert (hang.ranks, hang.rule) == ((3,), "absent")


def test_wait_that_was_told_and_then_ended_well_is_no_hang(store: EmbeddedStore) -> None:
    _hung_then(store, "recovered-job", "")
    job = next(job for job in find_jobs(store, WINDOW) if job.job_id == "recovered-job")
    assert find_hang(store, job) is None


def test_range_that_begins_before_its_data_is_read_from_the_sample_too(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, spans = BEGIN_NS - 7_200_000_000_000, Spans()
    for step in range(64):
        at = begin + step * 1_000_000_000
        spans.add({"service.name": "sampled", "dl.rank": 0}, "step", at, at + 1_000_000, dl__iteration=step)
    spans.insert(store)
    asked: list[str] = []

    def watched(client: Reader, name: str, *rest: Any) -> pa.Table:
        asked.append(name)
        return ask(client, name, *rest)

    monkeypatch.setattr(jobs, "ask", watched)
    monkeypatch.setattr(window, "MAX_SPANS", 10)
    found = find_jobs(store, Window(begin - 1_800_000_000_000, begin + 70_000_000_000))
    assert [one.services for one in found] == [("sampled",)]
    assert "foreign_jobs_sampled" in asked
