"""`rootspan import`: files that PyTorch itself wrote reach a collector; files that are none send nothing."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest

from rootspan.testing import Receiver, attributes_of
from support.command import Run

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps, as PyTorch's profiler writes them."""
    from torch.profiler import ProfilerActivity, profile, record_function, schedule

    path = tmp_path_factory.mktemp("kineto") / "worker0.pt.trace.json"
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with profile(
        activities=[ProfilerActivity.CPU],
        schedule=schedule(wait=0, warmup=1, active=3, repeat=1),
        on_trace_ready=lambda profiler: profiler.export_chrome_trace(str(path)),
    ) as profiler:
        for _ in range(4):
            with record_function("tokenize"):
                batch = torch.ones(4, 8)
            optimizer.zero_grad()
            model(batch).sum().backward()
            optimizer.step()
            profiler.step()
    return path


def dump(folder: Path, rank: int) -> None:
    entry = {
        "record_id": 1,
        "process_group": ("0", "default_pg"),
        "collective_seq_id": 1,
        "p2p_seq_id": 0,
        "profiling_name": "nccl:all_reduce",
        "time_created_ns": 1_758_610_505_000_000_000,
        "time_discovered_started_ns": None,
        "time_discovered_completed_ns": None,
        "state": "scheduled",
        "is_p2p": False,
        "timeout_ms": 600_000,
    }
    told = {"version": "2.9", "entries": [entry] if rank == 0 else [], "pg_config": {}, "pg_status": {}}
    (folder / f"nccl_trace_rank_{rank}").write_bytes(pickle.dumps(told))


def test_a_trace_of_pytorchs_profiler_arrives_as_steps_and_phases(run: Run, trace: Path) -> None:
    with Receiver() as receiver:
        done = run("import", "kineto", str(trace), "--job", "llm", "--rank", "5", "--to", receiver.endpoint)
        spans = receiver.spans()
    assert done.status == 0, done.err
    names = [span.name for _, span in spans]
    assert names.count("train.step") == 3
    assert {"train.backward", "train.optimizer", "tokenize"} <= set(names)
    assert {attributes_of(who)["training.rank"] for who, _ in spans} == {5}
    assert f"rank 5, 3 steps, {len(spans)} spans" in done.out
    asked = re.search(r"rootspan why --job llm --from (\S+) --to (\S+)", done.out)
    assert asked is not None
    assert asked[1] < asked[2]


def test_dumps_of_a_jobs_ranks_arrive_with_what_was_pending_and_the_tenants_token(
    run: Run, tmp_path: Path
) -> None:
    for rank in range(2):
        dump(tmp_path, rank)
    with Receiver() as receiver:
        done = run(
            *("import", "flight-recorder", str(tmp_path / "nccl_trace_rank_"), "--job", "llm"),
            *("--to", receiver.endpoint, "--token", "secret"),
        )
        events = [record.event_name for _, record in receiver.logs()]
    assert done.status == 0, done.err
    assert sorted(events) == ["collective.pending", "flight_recorder.status", "flight_recorder.status"]
    assert "2 ranks, 1 collectives, 1 not complete" in done.out


def test_nothing_is_sent_if_a_file_is_none(run: Run, trace: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    twin = tmp_path / "twin.json"
    twin.write_text(trace.read_text())
    with Receiver() as receiver:
        for paths, words in (
            ((trace, broken), "broken.json"),
            ((trace, twin), "both of rank 0"),
            ((tmp_path / "gone.json",), "gone.json"),
        ):
            done = run("import", "kineto", *map(str, paths), "--job", "llm", "--to", receiver.endpoint)
            assert done.status == 2
            assert words in done.err
            assert len(done.err.splitlines()) == 1
        assert not receiver.spans()


def test_a_trace_without_steps_says_how_to_make_some(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text(json.dumps({"traceEvents": []}))
    with Receiver() as receiver:
        done = run("import", "kineto", str(path), "--job", "llm", "--to", receiver.endpoint)
    assert done.status == 0
    assert "profiler.step()" in done.out


def test_a_collector_that_is_away_is_told_in_one_line(run: Run, trace: Path) -> None:
    done = run("import", "kineto", str(trace), "--job", "llm", "--to", "127.0.0.1:1")
    assert done.status == 2
    assert "127.0.0.1:1 did not take it: UNAVAILABLE" in done.err
    assert len(done.err.splitlines()) == 1
