"""Steps, phases and their account, without torch."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import rootspan
from rootspan.resource.job import JobPlace
from rootspan.testing.capture import Captured, CapturedSpan
from rootspan.training import batches, send_detail, set_detail, set_parallel
from rootspan.training.detail import ControlFile, detail_of
from rootspan.training.recorder import Recorder, recorder, replace_recorder
from rootspan.training.ring import Channel, CollectiveRing, Wait, close
from rootspan.training.step_ids import step_trace_id
from rootspan.training.suspicion import FOLLOWED_STEPS, OwnTime


@pytest.fixture(autouse=True)
def _a_rank() -> Iterator[None]:
    replace_recorder(Recorder(JobPlace(job="llm", rank=3, world_size=4)))
    yield
    replace_recorder(None)


def _seconds(span: CapturedSpan, phase: str) -> float:
    value = span.attributes[f"training.phase.{phase}.seconds"]
    assert isinstance(value, float)
    return value


def test_every_rank_derives_the_same_trace_and_each_step_another() -> None:
    assert step_trace_id("llm", 0, 7) == step_trace_id("llm", 0, 7)
    ids = {step_trace_id(job, attempt, step) for job in "ab" for attempt in range(3) for step in range(1000)}
    assert len(ids) == 6000
    assert all(0 < one < 1 << 128 for one in ids)
    # A sampler by ratio looks at the low 63 bits: they must be spread.
    kept = sum((one & (1 << 63) - 1) < (1 << 63) // 10 for one in ids)
    assert 450 < kept < 750


def test_a_step_is_a_root_of_the_derived_trace_and_its_phases_are_its_children(captured: Captured) -> None:
    with rootspan.span("run"), rootspan.train_step(7) as step:
        with rootspan.phase("forward", microbatch=1), rootspan.span("attention"):
            pass
        with rootspan.phase("backward"):
            pass
        step.record(loss=0.5, grad_norm=1.25, tokens=100)
    root = captured.one("train.step")
    assert (root.trace_id, root.parent_id) == (step_trace_id("llm", 0, 7), None)
    assert root.attributes["training.job.id"] == "llm"
    assert (root.attributes["training.rank"], root.attributes["training.step"]) == (3, 7)
    assert (root.attributes["training.loss"], root.attributes["training.grad_norm"]) == (0.5, 1.25)
    assert isinstance(root.attributes["training.tokens_per_second"], float)
    forward = captured.one("train.forward")
    assert {span.name for span in captured.children(root)} == {"train.forward", "train.backward"}
    assert captured.children(forward) == [captured.one("attention")]
    assert forward.attributes["training.phase"] == "forward"
    assert (forward.attributes["training.step"], forward.attributes["training.microbatch"]) == (7, 1)
    # What surrounds the step is another trace and current again afterwards.
    assert captured.one("run").trace_id != root.trace_id


def test_phases_add_up_without_what_lies_within_them(captured: Captured) -> None:
    with rootspan.train_step(1):
        with rootspan.phase("forward"):
            time.sleep(0.01)
            with rootspan.phase("h2d"):
                time.sleep(0.02)
        with rootspan.phase("forward"):
            time.sleep(0.01)
    root = captured.one("train.step")
    assert 0.02 <= _seconds(root, "forward") < _seconds(root, "h2d") + 0.02
    assert _seconds(root, "h2d") >= 0.02


def test_waiting_for_a_collective_is_taken_from_the_phase_around_it(captured: Captured) -> None:
    begin = time.monotonic()
    with rootspan.train_step(1), rootspan.phase("backward"):
        time.sleep(0.005)
        with rootspan.collective("all_reduce", group="dp", size_bytes=10):
            time.sleep(0.03)
    took_s = time.monotonic() - begin
    root = captured.one("train.step")
    assert _seconds(root, "collective") >= 0.03
    assert 0.005 <= _seconds(root, "backward") <= took_s - 0.03
    assert (
        root.attributes["training.collective.count"],
        root.attributes["training.collective.total_bytes"],
    ) == (
        1,
        10,
    )
    (span,) = captured.children(captured.one("train.backward"))
    assert span.name == "train.collective"
    assert {key: value for key, value in span.attributes.items() if "collective." in key} == {
        "training.collective.op": "all_reduce",
        "training.collective.group": "dp",
        "training.collective.seq": 0,
        "training.collective.bytes": 10,
        "training.collective.start_offset_ns": 0,
    }


def test_buckets_that_overlap_with_the_backward_pass_are_waited_for_after_the_last() -> None:
    now = recorder()
    step = now.begin(1, {})
    with rootspan.phase("backward"):
        channel = Channel("dp")
        first = now.ring.open("all_reduce", channel, 1, step, Wait.AT_PHASE_END)
        time.sleep(0.02)
        last = now.ring.open("all_reduce", channel, 1, step, Wait.AT_PHASE_END)
        time.sleep(0.03)
        close(first)
        close(last)
    now.end(step, None)
    took_ns = step.end_ns - step.start_ns
    assert 0.03e9 <= step.own_ns["collective"] <= took_ns - 0.02e9
    assert 0.02e9 <= step.own_ns["backward"] <= took_ns - 0.03e9


def test_sends_and_receives_count_per_peer_and_collectives_per_group(captured: Captured) -> None:
    with rootspan.train_step(1):
        for peer in (2, 1, 2):
            with rootspan.collective("send", group="pp", peer=peer):
                pass
        for _ in range(2):
            with rootspan.collective("broadcast", group="pp"):
                pass
    found = [
        (span.attributes["training.collective.op"], span.attributes.get("training.collective.peer"), seq)
        for span in captured.spans
        if (seq := span.attributes.get("training.collective.seq")) is not None
    ]
    assert found == [
        ("send", 2, 0),
        ("send", 1, 0),
        ("send", 2, 1),
        ("broadcast", None, 0),
        ("broadcast", None, 1),
    ]


def test_the_wait_for_data_begins_the_step_that_follows(captured: Captured) -> None:
    def load() -> Iterator[int]:
        for item in range(2):
            time.sleep(0.02)
            yield item

    for number, _ in enumerate(batches(load())):
        with rootspan.train_step(number):
            pass
    steps = [span for span in captured.spans if span.name == "train.step"]
    assert len(steps) == 2
    assert all(_seconds(step, "data") >= 0.02 for step in steps)
    assert captured.names().count("train.data") == 2
    assert len(batches([1, 2, 3])) == 3


def test_a_wait_for_data_within_a_step_is_its_phase(captured: Captured) -> None:
    with rootspan.train_step(1):
        assert list(batches(iter([1, 2]))) == [1, 2]
    root = captured.one("train.step")
    assert _seconds(root, "data") >= 0
    assert {span.name for span in captured.children(root)} == {"train.data"}
    assert all("error.type" not in span.attributes for span in captured.spans)


def test_a_decorated_function_is_numbered_by_its_parameter_or_by_counting(captured: Captured) -> None:
    @rootspan.train_step
    def counted(x: int) -> int:
        return x + 1

    @rootspan.train_step(first=100)
    def resumed() -> None: ...

    @rootspan.train_step
    def named(batch: str, step: int = 9) -> str:
        return f"{batch}{step}"

    assert counted(1) == 2
    assert counted(2) == 3
    resumed()
    assert named("a", step=41) == "a41"
    assert named("a") == "a9"
    assert [span.attributes["training.step"] for span in captured.spans] == [0, 1, 100, 41, 9]
    with pytest.raises(TypeError, match="missing 1 required"):
        named()  # type: ignore[call-arg]


def test_phases_wrap_functions_and_coroutines(captured: Captured) -> None:
    @rootspan.phase("forward")
    def forward(x: int) -> int:
        return x * 2

    @rootspan.checkpoint("save", path="/tmp/x", size_bytes=5)
    async def save() -> str:
        return "saved"

    assert forward(2) + forward(3) == 10
    assert asyncio.run(save()) == "saved"
    assert captured.names() == ["train.forward", "train.forward", "train.checkpoint"]
    told = captured.one("train.checkpoint").attributes
    assert (told["training.checkpoint.action"], told["training.checkpoint.bytes"]) == ("save", 5)
    with pytest.raises(TypeError, match="generator"):

        @rootspan.phase("data")
        def load() -> Iterator[int]:
            yield 1


def test_without_detail_a_rank_sends_the_summary_alone(captured: Captured) -> None:
    set_detail([0, 1])
    with rootspan.train_step(1), rootspan.phase("forward"), rootspan.collective("barrier"):
        pass
    assert captured.names() == ["train.step"]
    root = captured.spans[0]
    assert {"training.phase.forward.seconds", "training.phase.collective.seconds"} <= root.attributes.keys()
    set_detail("2-3")
    with rootspan.train_step(2), rootspan.phase("forward"):
        pass
    assert captured.names()[1:] == ["train.forward", "train.step"]


def test_detail_on_demand_is_sent_for_one_step_though_nobody_knew_at_its_begin(captured: Captured) -> None:
    set_detail("suspects")
    for number in range(2):
        with rootspan.train_step(number):
            with rootspan.phase("forward"), rootspan.collective("barrier"):
                pass
            if number == 0:
                send_detail()
    assert captured.names() == ["train.forward", "train.collective", "train.step", "train.step"]
    first = captured.spans[2]
    assert len(captured.children(first)) == 2


def test_a_rank_far_from_its_own_past_suspects_itself_and_is_followed(captured: Captured) -> None:
    set_detail("suspects")
    for number in range(12):
        with rootspan.train_step(number), rootspan.phase("forward"):
            time.sleep(0.05 if number == 10 else 0.002)
    steps = {span.attributes["training.step"]: span for span in captured.spans if span.name == "train.step"}
    assert steps[10].attributes["training.suspect"] == "own_time"
    detailed = {span.attributes["training.step"] for span in captured.spans if span.name == "train.forward"}
    assert {10, 11} <= detailed
    assert not detailed & {0, 1, 2, 3}


def test_a_victim_that_only_waits_does_not_suspect_itself() -> None:
    own = OwnTime()
    assert not any(own.judge(50_000_000) for _ in range(20))
    assert own.judge(80_000_000)
    assert own.is_suspect()
    assert not any(own.judge(50_000_000) for _ in range(FOLLOWED_STEPS))
    assert not own.is_suspect()


def test_an_error_sends_the_step_in_detail_and_stays_the_programs_own(captured: Captured) -> None:
    set_detail("suspects")

    @rootspan.collective("all_reduce")
    def reduce() -> None:
        raise RuntimeError("connection closed by peer")

    @rootspan.train_step
    def step() -> None:
        with rootspan.phase("backward"):
            reduce()

    with pytest.raises(RuntimeError, match="connection closed"):
        step()
    root = captured.one("train.step")
    assert root.attributes["training.suspect"] == "error"
    assert (root.attributes["error.type"], root.attributes["training.collective.count"]) == (
        "RuntimeError",
        1,
    )
    # A collective that did not complete is an event, not a span.
    assert captured.names() == ["train.backward", "train.step"]


def test_a_phase_on_another_thread_is_beside_the_step_not_in_its_account(captured: Captured) -> None:
    def save() -> None:
        with rootspan.checkpoint("save"):
            pass

    with rootspan.train_step(1):
        thread = threading.Thread(target=save)
        thread.start()
        thread.join()
    assert "training.phase.checkpoint.seconds" not in captured.one("train.step").attributes
    assert captured.one("train.checkpoint").attributes["training.step"] == 1


def test_coordinates_told_later_are_on_the_spans_that_follow(captured: Captured) -> None:
    set_parallel(tp=(1, 2), dp=(0, 2))
    with rootspan.train_step(1):
        pass
    told = captured.one("train.step").attributes
    assert (told["training.tp_rank"], told["training.tp_size"], told["training.dp_rank"]) == (1, 2, 0)
    with pytest.raises(rootspan.ConfigurationError, match=r"tp=\(2, 2\)"):
        set_parallel(tp=(2, 2))


def test_the_ring_keeps_the_newest_and_counts_what_it_lost(captured: Captured) -> None:
    replace_recorder(Recorder(JobPlace(job="llm"), CollectiveRing(8)))
    with rootspan.train_step(1):
        for _ in range(20):
            with rootspan.collective("barrier"):
                pass
    told = captured.one("train.step").attributes
    assert (told["training.collective.count"], told["training.collective.lost"]) == (20, 12)
    seqs = [span.attributes["training.collective.seq"] for span in captured.spans[:-1]]
    assert seqs == list(range(12, 20))


@pytest.mark.parametrize("text", ["al", "3-", "1,,2", "rank 3", "-1"])
def test_a_choice_of_ranks_that_is_none_is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(rootspan.ConfigurationError, match='"suspects"'):
        detail_of(text)


def test_the_control_file_is_heeded_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "detail"
    control = ControlFile(path)
    assert control.changed() is None
    path.write_text("0, 8-11\n")
    choice = control.changed()
    assert choice is not None
    assert [rank for rank in range(20) if choice.covers(rank)] == [0, 8, 9, 10, 11]
    assert control.changed() is None
    path.write_text("everything please")
    with pytest.raises(rootspan.ConfigurationError):
        control.changed()
    assert control.changed() is None
    path.write_text("all")
    assert control.changed() == detail_of("all")


def test_a_tracer_that_raises_costs_the_telemetry_and_not_the_step(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def start_span(self, *_: object, **__: object) -> None:
            raise OSError("disk full")

    set_detail("all")
    monkeypatch.setattr(recorder(), "tracer", Broken)
    done = []
    with rootspan.train_step(1) as step:
        with rootspan.phase("forward"), rootspan.collective("barrier"):
            done.append(1)
        step.record(loss=1.0, tokens=5)
    assert done == [1]
    assert recorder().step is None
    with rootspan.phase("forward"):  # outside of a step it is a span of its own
        done.append(2)
    assert done == [1, 2]
    assert "disk full" in caplog.text


def test_a_step_that_is_not_sampled_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    from rootspan.tracing.ids import KernelIdGenerator

    exporter = InMemorySpanExporter()
    provider = TracerProvider(
        sampler=TraceIdRatioBased(0.5), id_generator=KernelIdGenerator(), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(recorder(), "tracer", lambda: provider.get_tracer("test"))
    for number in range(64):
        with rootspan.train_step(number), rootspan.phase("forward"), rootspan.collective("barrier"):
            pass
    by_step: dict[object, set[str]] = {}
    for span in exporter.get_finished_spans():
        assert span.attributes is not None
        by_step.setdefault(span.attributes["training.step"], set()).add(span.name)
    # Whole steps, the same ones on every rank: the decision follows from the derived id.
    kept = {number for number in range(64) if step_trace_id("llm", 0, number) & (1 << 64) - 1 < 1 << 63}
    assert set(by_step) == kept
    assert set(map(frozenset, by_step.values())) == {
        frozenset({"train.step", "train.forward", "train.collective"})
    }
