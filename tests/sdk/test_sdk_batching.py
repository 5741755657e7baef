"""One batch for many requests: links both ways, and what each request is told."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
import time

import pytest
from opentelemetry import trace as otel_trace
from opentelemetry.trace import SpanContext, StatusCode

import rootspan
from rootspan import batching, semconv
from rootspan.testing import Captured, CapturedSpan

NS_PER_MS = 1_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batchers' clock, in milliseconds: moved by the test alone."""
    now_ms = [1_000_000]
    monkeypatch.setattr(time, "time_ns", lambda: now_ms[0] * NS_PER_MS)
    return now_ms


def request(name: str, units: float = 1.0) -> batching.Ticket:
    """A request of its own trace, which has ended by the time its batch runs."""
    with rootspan.span(name, kind="server"):
        return batching.enqueue(units=units)


def links_of(span: CapturedSpan) -> set[tuple[int, int]]:
    return {(one.trace_id, one.span_id) for one in span.links}


def test_a_batch_and_its_requests_are_linked_both_ways(captured: Captured) -> None:
    tickets = [request(name) for name in ("first", "second", "third")]
    with batching.batch(tickets, "model.forward") as made, rootspan.span("kernel"):
        pass
    batch = captured.one("model.forward batch")
    roots = [captured.one(name) for name in ("first", "second", "third")]
    assert links_of(batch) == {(root.trace_id, root.span_id) for root in roots}
    assert len({root.trace_id for root in roots}) == 3
    for root in roots:
        (stay,) = [span for span in captured.children(root) if span.name == "model.forward"]
        assert links_of(stay) == {(batch.trace_id, batch.span_id)}
        assert stay.attributes[semconv.BATCH_ID] == batch.attributes[semconv.BATCH_ID] == made.id
        assert stay.attributes[semconv.BATCH_SIZE] == batch.attributes[semconv.BATCH_SIZE] == 3
    # The batch is told in the trace of its first request, with what ran inside.
    assert (batch.trace_id, batch.parent_id) == (roots[0].trace_id, roots[0].span_id)
    assert captured.one("kernel").parent_id == batch.span_id


def test_wait_and_service_time_are_told_apart(captured: Captured, clock: list[int]) -> None:
    early = request("early")
    clock[0] += 30
    late = request("late")
    clock[0] += 10
    with batching.batch([early, late], "forward"):
        clock[0] += 50
    waits = [span.attributes[semconv.QUEUE_WAIT_MS] for span in captured.spans if span.name == "forward"]
    services = [
        span.attributes[semconv.BATCH_SERVICE_MS] for span in captured.spans if span.name == "forward"
    ]
    assert (waits, services) == ([40.0, 10.0], [50.0, 50.0])
    assert captured.one("forward batch").attributes[semconv.BATCH_OLDEST_MS] == 40.0
    assert (early.wait_ms, early.service_ms) == (40.0, 50.0)


def test_shares_follow_units_and_add_up_to_the_batchs_time(captured: Captured, clock: list[int]) -> None:
    tickets = [request("a", units=300), request("b", units=100), request("c", units=0)]
    with batching.batch(tickets, "prefill"):
        clock[0] += 80
    told = [span.attributes for span in captured.spans if span.name == "prefill"]
    assert [one[semconv.BATCH_SHARE] for one in told] == [0.75, 0.25, 0.0]
    assert [one[semconv.BATCH_SHARE_MS] for one in told] == [60.0, 20.0, 0.0]
    assert [ticket.share for ticket in tickets] == [0.75, 0.25, 0.0]


def test_requests_without_units_share_equally(captured: Captured) -> None:
    tickets = [request("a", units=0), request("b", units=0)]
    with batching.batch(tickets):
        pass
    assert [ticket.batch_id for ticket in tickets] == [
        captured.one("batch batch").attributes[semconv.BATCH_ID]
    ] * 2


def test_a_failed_batch_fails_its_requests_and_tells_the_exception_once_a_trace(captured: Captured) -> None:
    tickets = [request("a"), request("b")]
    with pytest.raises(MemoryError), batching.batch(tickets, "forward"):
        raise MemoryError("CUDA out of memory")
    batch = captured.one("forward batch")
    stays = [span for span in captured.spans if span.name == "forward"]
    for span in (batch, *stays):
        assert span.status is StatusCode.ERROR
        assert span.attributes[semconv.ERROR_TYPE] == "MemoryError"
    events = [(span.trace_id, span.name) for span in captured.spans if span.events]
    assert events == [(batch.trace_id, "forward batch"), (stays[1].trace_id, "forward")]


def test_a_request_that_gives_up_while_it_waits_tells_its_wait(captured: Captured, clock: list[int]) -> None:
    ticket = request("a")
    clock[0] += 25
    ticket.finish(asyncio.CancelledError())
    with batching.batch([ticket], "forward"):  # the batcher had not noticed
        clock[0] += 5
    ticket.finish()
    stay = captured.one("batch.wait")
    assert stay.attributes[semconv.QUEUE_WAIT_MS] == 25.0
    assert stay.attributes[semconv.OUTCOME] == "cancelled"
    assert "forward" not in captured.names()
    assert ticket.batch_id is None


def test_a_batch_without_requests_is_a_trace_of_its_own(captured: Captured) -> None:
    with rootspan.span("what the loop was started in"), batching.batch([], "warm-up"):
        pass
    assert captured.one("warm-up batch").parent_id is None


def test_a_batch_belongs_to_no_requests_tenant(captured: Captured) -> None:
    from opentelemetry import baggage, context

    token = context.attach(baggage.set_baggage("tenant.id", "acme"))
    try:
        ticket = request("a")
    finally:
        context.detach(token)
    with batching.batch([ticket], "forward"):
        assert baggage.get_all() == {}
    assert baggage.get_baggage("tenant.id", ticket.context) == "acme"


def test_a_ticket_in_another_process_knows_its_request(captured: Captured, clock: list[int]) -> None:
    sent = pickle.dumps(request("a", units=7))
    clock[0] += 20
    arrived = pickle.loads(sent)
    with batching.batch([arrived], "forward"):
        clock[0] += 5
    root = captured.one("a")
    stay = captured.one("forward")
    assert (stay.trace_id, stay.parent_id) == (root.trace_id, root.span_id)
    assert stay.attributes[semconv.QUEUE_WAIT_MS] == 20.0
    assert arrived.units == 7
    assert links_of(captured.one("forward batch")) == {(root.trace_id, root.span_id)}


def test_requests_join_and_leave_an_engine_between_steps(captured: Captured, clock: list[int]) -> None:
    engine = batching.Engine("decode")
    a, b = request("a"), request("b")
    clock[0] += 5
    ran = []
    for active in ([a], [a], [a, b], [a, b], [b]):
        with engine.step(active) as step:
            clock[0] += 10
        ran.append((step.number, step.size))
        if step.number == 3:
            a.finish(attributes={semconv.GEN_AI_OUTPUT_TOKENS: 4})
    b.finish()
    engine.close()
    assert ran == [(0, 1), (1, 1), (2, 2), (3, 2), (4, 1)]
    batches = [span for span in captured.spans if span.name == "decode batch"]
    assert [span.attributes[semconv.BATCH_STEPS] for span in batches] == [2, 2, 1]
    assert [span.attributes[semconv.BATCH_JOINED] for span in batches] == [1, 1, 0]
    ids = {name: (captured.one(name).trace_id, captured.one(name).span_id) for name in "ab"}
    assert [links_of(span) for span in batches] == [{ids["a"]}, {ids["a"], ids["b"]}, {ids["b"]}]
    of_a, of_b = (captured.children(captured.one(name)) for name in "ab")
    stay_a = next(span for span in of_a if span.name == "decode")
    stay_b = next(span for span in of_b if span.name == "decode")
    assert links_of(stay_a) == {(span.trace_id, span.span_id) for span in batches[:2]}
    assert links_of(stay_b) == {(span.trace_id, span.span_id) for span in batches[1:]}
    assert stay_a.attributes[semconv.GEN_AI_OUTPUT_TOKENS] == 4
    told = [stay.attributes for stay in (stay_a, stay_b)]
    assert [one[semconv.QUEUE_WAIT_MS] for one in told] == [5.0, 25.0]
    assert [one[semconv.BATCH_SERVICE_MS] for one in told] == [40.0, 30.0]
    assert [one[semconv.BATCH_SHARE_MS] for one in told] == [30.0, 20.0]
    assert [one[semconv.BATCH_STEPS] for one in told] == [4, 3]
    assert [one[semconv.BATCH_SIZE] for one in told] == [2, 2]


def test_a_preempted_request_waits_again(captured: Captured, clock: list[int]) -> None:
    engine = batching.Engine("decode")
    kept, preempted = request("kept"), request("preempted")
    for active in ([kept, preempted], [kept], [kept], [kept, preempted]):
        with engine.step(active):
            clock[0] += 10
    preempted.finish()
    kept.finish()
    told = next(s for s in captured.children(captured.one("preempted")) if s.name == "decode").attributes
    assert (told[semconv.QUEUE_WAIT_MS], told[semconv.BATCH_SERVICE_MS]) == (20.0, 20.0)
    assert told[semconv.BATCH_PAUSES] == 1
    put_off = [s.attributes[semconv.BATCH_PREEMPTED] for s in captured.spans if s.name == "decode batch"]
    assert put_off == [0, 1, 0]


def test_units_of_a_step_tell_prefill_from_decode(captured: Captured, clock: list[int]) -> None:
    engine = batching.Engine("step")
    old, new = request("old"), request("new")
    with engine.step([old, new], units=[1, 9]):
        clock[0] += 10
    with engine.step([old, new], units=[1, 1]):
        clock[0] += 10
    old.finish()
    new.finish()
    assert (old.share, new.share) == (0.3, 0.7)
    assert captured.one("step batch").attributes[semconv.BATCH_UNITS] == 12.0


def test_a_long_run_with_the_same_requests_is_told_piece_by_piece(
    captured: Captured, clock: list[int]
) -> None:
    engine = batching.Engine("decode", max_steps=10, max_batch_s=1000)
    ticket = request("a")
    for _ in range(35):
        with engine.step([ticket]):
            clock[0] += 1
    ticket.finish()
    steps = [s.attributes[semconv.BATCH_STEPS] for s in captured.spans if s.name == "decode batch"]
    assert steps == [10, 10, 10, 5]
    stay = next(s for s in captured.children(captured.one("a")) if s.name == "decode")
    assert (stay.attributes[semconv.BATCH_COUNT], stay.attributes[semconv.BATCH_STEPS]) == (4, 35)


def test_a_request_finished_within_its_last_step_is_told_that_step(
    captured: Captured, clock: list[int]
) -> None:
    engine = batching.Engine("decode")
    ticket = request("a")
    with engine.step([ticket]):
        clock[0] += 10
        ticket.finish()
        clock[0] += 3
    stay = next(s for s in captured.children(captured.one("a")) if s.name == "decode")
    assert (stay.attributes[semconv.BATCH_SERVICE_MS], stay.attributes[semconv.BATCH_STEPS]) == (10.0, 1)
    assert captured.one("decode batch").attributes[semconv.BATCH_SERVICE_MS] == 13.0


def test_a_failed_step_leaves_the_requests_to_the_program(captured: Captured) -> None:
    engine = batching.Engine("decode")
    ticket = request("a")
    with pytest.raises(ValueError, match="bad"), engine.step([ticket]):
        raise ValueError("bad")
    assert captured.one("decode batch").status is StatusCode.ERROR
    with engine.step([ticket]):  # tried again
        pass
    ticket.finish()
    stay = next(s for s in captured.children(captured.one("a")) if s.name == "decode")
    assert stay.status is StatusCode.UNSET
    assert stay.attributes[semconv.BATCH_COUNT] == 2


def test_an_engine_is_current_in_its_steps_only_in_async_code_too(captured: Captured) -> None:
    async def main() -> SpanContext:
        engine = batching.Engine("decode")
        with rootspan.span("loop"):
            ticket = request("a")
            with engine.step([ticket]):
                await asyncio.sleep(0)
                inside = rootspan.current_span().get_span_context()
            assert otel_trace.get_current_span() is not None
            with rootspan.span("between"):
                pass
            ticket.finish()
        return inside

    inside = asyncio.run(main())
    assert inside.span_id == captured.one("decode batch").span_id
    assert captured.one("between").parent_id == captured.one("loop").span_id


def test_tickets_finished_from_many_threads_are_each_told_once(captured: Captured) -> None:
    engine = batching.Engine("decode")
    tickets = [request(f"r{i}") for i in range(40)]
    stop = threading.Event()

    def finish_all() -> None:
        for ticket in tickets:
            ticket.finish()
        stop.set()

    threads = [threading.Thread(target=finish_all) for _ in range(4)]
    with engine.step(tickets):
        pass
    for thread in threads:
        thread.start()
    while not stop.is_set():
        with engine.step([one for one in tickets if not one.finished]):
            pass
    for thread in threads:
        thread.join()
    engine.close()
    assert captured.names().count("decode") == 40


def test_without_init_a_batcher_runs_as_it_is() -> None:
    with contextlib.suppress(RuntimeError):
        ticket = batching.enqueue()
        with batching.batch([ticket], "forward") as made:
            assert len(made.id) == 16
        assert ticket.finished
