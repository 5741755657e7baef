"""Flight Recorder dumps and Kineto traces become spans, and a dump can run nothing."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rootspan.testing import Receiver, attributes_of
from rootspan.training.importers import ImportFailedError, read_flight_recorder, read_kineto, send
from rootspan.training.step_ids import step_trace_id

DATA = os.environ.get("ROOTSPAN_RCA_DATA")
recorded = pytest.mark.skipif(DATA is None, reason="ROOTSPAN_RCA_DATA names the folder of recordings")


def _entry(record: int, **more: Any) -> dict[str, Any]:
    return {
        "record_id": record,
        "process_group": ("0", "default_pg"),
        "collective_seq_id": record,
        "p2p_seq_id": 0,
        "profiling_name": "nccl:all_reduce",
        "time_created_ns": 1_758_610_505_000_000_000 + record,
        "time_discovered_started_ns": None,
        "time_discovered_completed_ns": None,
        "state": "scheduled",
        "is_p2p": False,
        "timeout_ms": 600_000,
        **more,
    }


def _dump(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "2.9",
        "entries": list(entries),
        "pg_config": {"0": {"name": "0", "desc": "default_pg", "ranks": "[0, 1]"}},
        "pg_status": {"0": {"last_enqueued_collective": 2, "last_completed_collective": 1}},
    }


def _write(folder: Path, rank: int, dump: object) -> Path:
    path = folder / f"nccl_trace_rank_{rank}"
    path.write_bytes(pickle.dumps(dump))
    return path


def test_each_entry_is_a_span_of_its_rank_and_of_its_collectives_trace(tmp_path: Path) -> None:
    start = 1_758_610_505_000_000_001
    done = _entry(
        1, state="completed", time_discovered_started_ns=start + 5, time_discovered_completed_ns=start + 90
    )
    _write(tmp_path, 0, _dump(done, _entry(2)))
    _write(tmp_path, 1, _dump(done))
    found = read_flight_recorder(tmp_path / "nccl_trace_rank_", job="llm")
    assert len(found.spans) == 3
    first, second, hung = sorted(found.spans, key=lambda span: (span.start_ns, str(span.resource)))
    assert first.trace_id == second.trace_id != hung.trace_id
    assert first.span_id != second.span_id
    assert {span.resource["training.rank"] for span in (first, second)} == {0, 1}
    assert (first.name, first.start_ns, first.end_ns) == ("nccl:all_reduce", start, start + 90)
    assert first.attributes["training.collective.start_offset_ns"] == 5
    assert first.attributes["pytorch.fr.process_group_desc"] == "default_pg"
    assert hung.end_ns == 0
    pending = [event for event in found.events if event.name == "collective.pending"]
    assert [event.resource["training.rank"] for event in pending] == [0]
    assert pending[0].time_ns == hung.start_ns + 600 * 10**9
    status = [json.loads(event.body) for event in found.events if event.name == "flight_recorder.status"]
    assert [one["pg_config"][0]["ranks"] for one in status] == [[0, 1], [0, 1]]
    assert read_flight_recorder(tmp_path, job="llm") == found


class _Bomb:
    """Unpickled in earnest, it would make a folder."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self._target,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_dump_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "owned"
    path = tmp_path / "dump_0"
    path.write_bytes(pickle.dumps(_dump(_entry(1, bomb=_Bomb(target))), protocol))
    with pytest.raises(ImportFailedError, match=r"names \w+\.mkdir"):
        read_flight_recorder({0: path}, job="llm")
    assert not target.exists()
    pickle.loads(path.read_bytes())  # it would have
    assert target.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x05not a pickle",
        pickle.dumps([1, 2]),
        pickle.dumps({"entries": "none"}),
        pickle.dumps({"entries": [{"state": "completed"}]}),
        b"{broken json",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",  # a text of 8 exabytes
        b"cbuiltins\neval\n(S'1+1'\ntR.",
    ],
)
def test_what_is_no_dump_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "dump_3"
    path.write_bytes(data)
    with pytest.raises(ImportFailedError, match="dump_3"):
        read_flight_recorder(tmp_path, job="llm")


def test_a_place_without_dumps_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportFailedError, match="no dump at"):
        read_flight_recorder(tmp_path, job="llm")


def test_a_dump_of_this_pytorch_is_read(tmp_path: Path) -> None:
    dist = pytest.importorskip("torch.distributed")
    from torch._C import _distributed_c10d as c10d

    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        dist.barrier()
        dumped = c10d._dump_fr_trace_json(includeCollectives=True, onlyActive=False)
    finally:
        dist.destroy_process_group()
    path = tmp_path / "gloo_0"
    path.write_bytes(dumped if isinstance(dumped, bytes) else dumped.encode())
    found = read_flight_recorder({0: path}, job="llm")
    assert [event.name for event in found.events][:1] == ["flight_recorder.status"]
    assert {span.name for span in found.spans} == {"gloo:barrier"}


def test_a_recording_arrives_at_a_collector_with_its_ranks_times_and_open_ends(tmp_path: Path) -> None:
    for rank in range(2):
        _write(tmp_path, rank, _dump(*(_entry(i) for i in range(1, 2501))))
    found = read_flight_recorder(tmp_path, job="llm")
    with Receiver() as receiver:
        assert send(found, receiver.endpoint) == 5000 + 5000 + 2
        spans, logs = receiver.spans(), receiver.logs()
    assert len(spans) == 5000
    assert Counter(attributes_of(who)["training.rank"] for who, _ in spans) == {0: 2500, 1: 2500}
    assert {span.end_time_unix_nano for _, span in spans} == {0}
    assert {attributes_of(who)["training.job.id"] for who, _ in logs} == {"llm"}
    assert Counter(record.event_name for _, record in logs) == {
        "collective.pending": 5000,
        "flight_recorder.status": 2,
    }


def _trace(**more: Any) -> dict[str, Any]:
    def event(name: str, start_us: float, took_us: float, cat: str = "cpu_op", **args: Any) -> dict[str, Any]:
        return {"ph": "X", "cat": cat, "name": name, "ts": start_us, "dur": took_us, "args": args}

    return {
        "baseTimeNanoseconds": 1_000_000_000_000_000_000,
        "distributedInfo": {"rank": 3},
        "traceEvents": [
            event("ProfilerStep#7", 100, 1000, "user_annotation"),
            event("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", 110, 200, "user_annotation"),
            event("my block", 320, 100, "user_annotation"),
            event("aten::addmm", 330, 10),
            event("autograd::engine::evaluate_function: AddmmBackward0", 500, 50),
            event("autograd::engine::evaluate_function: ReluBackward0", 600, 100),
            event(
                "record_param_comms", 650, 20, **{"Collective name": "allreduce", "Process Group Name": "0"}
            ),
            event("Optimizer.step#SGD.step", 800, 150, "user_annotation"),
            event("ProfilerStep#8", 1100, 500, "user_annotation"),
            {"ph": "i", "name": "Iteration Start", "ts": 1},
            event("aten::late", 9999, 1),
        ],
        **more,
    }


@pytest.mark.parametrize("packed", [False, True])
def test_a_profilers_trace_becomes_steps_and_phases(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("worker.pt.trace.json.gz" if packed else "worker.pt.trace.json")
    data = json.dumps(_trace()).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    found = read_kineto(path, job="llm", attempt=1)
    names = [span.name for span in found.spans]
    phases = ["train.data", "my block", "train.backward", "train.collective", "train.optimizer"]
    assert names == ["train.step", *phases, "train.step"]
    step, data_wait, _, backward, collective = found.spans[:5]
    assert (step.trace_id, step.parent_id) == (step_trace_id("llm", 1, 7), None)
    assert {span.parent_id for span in found.spans[1:6]} == {step.span_id}
    assert step.resource["training.rank"] == 3
    assert data_wait.start_ns == 1_000_000_000_000_000_000 + 110_000
    assert (backward.end_ns - backward.start_ns) == 200_000
    assert step.attributes["training.phase.data.seconds"] == pytest.approx(200e-6)
    assert step.attributes["training.phase.backward.seconds"] == pytest.approx(200e-6)
    assert collective.attributes["training.collective.op"] == "allreduce"
    assert len({span.span_id for span in found.spans}) == len(found.spans)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"traceEvents": 1}', b"\x1f\x8bbroken"])
def test_what_is_no_trace_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "worker.json"
    path.write_bytes(data)
    with pytest.raises(ImportFailedError, match=r"worker\.json"):
        read_kineto(path, job="llm")


@recorded
def test_recordings_of_hung_jobs_are_read_whole() -> None:
    for folder in sorted(Path(str(DATA)).glob("nvrx/*/")):
        files = {int(path.name.removeprefix("_dump_")): path for path in folder.glob("_dump_*")}
        found = read_flight_recorder(folder / "_dump_", job=folder.name)
        assert {event.resource["training.rank"] for event in found.events} == set(files)
        assert len(found.spans) == len({(span.trace_id, span.span_id) for span in found.spans}) > 16
        assert not any(span.end_ns for span in found.spans)


@recorded
@pytest.mark.parametrize(("workers", "least", "most"), [(0, 0.25, 0.45), (4, 0.0, 0.05)])
def test_recordings_show_a_starved_trainers_data_loader(workers: int, least: float, most: float) -> None:
    for path in sorted(Path(str(DATA)).glob(f"kineto/resnet50_num_workers_{workers}/*.gz")):
        found = read_kineto(path, job="resnet50")
        steps = [span for span in found.spans if span.name == "train.step"]
        assert len(steps) == 6
        waited = sum(float(str(span.attributes.get("training.phase.data.seconds", 0))) for span in steps)
        share = waited / sum((span.end_ns - span.start_ns) / 1e9 for span in steps)
        assert least <= share <= most
        assert all("training.phase.backward.seconds" in span.attributes for span in steps)
        assert all("training.phase.optimizer.seconds" in span.attributes for span in steps)
