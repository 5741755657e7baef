from __future__ import annotations

import logging

import pytest
from opentelemetry import trace as otel_trace

import rootspan
from rootspan.testing import FixedClock, capture

early_tracer = otel_trace.get_tracer("made before any capture")


def test_ids_and_times_are_the_same_every_time() -> None:
    for _ in range(2):
        clock = FixedClock(now_ns=1000, step_ns=10)
        with capture(clock) as captured, rootspan.span("outer"), rootspan.span("inner"):
            clock.advance(500)
        inner, outer = captured.spans
        assert (outer.trace_id, outer.span_id, outer.parent_id) == (1, 1, None)
        assert (inner.trace_id, inner.span_id, inner.parent_id) == (1, 2, 1)
        assert (outer.start_ns, inner.start_ns, inner.end_ns, outer.end_ns) == (1000, 1010, 1520, 1530)


def test_tracers_made_before_reach_the_capture_of_the_moment() -> None:
    for name in ("first", "second"):
        with capture() as captured, early_tracer.start_as_current_span(name):
            pass
        assert captured.names() == [name]


def test_nothing_is_kept_outside_of_a_capture() -> None:
    with capture() as captured:
        open_span = early_tracer.start_span("left open")
    open_span.end()
    with rootspan.span("after"):
        pass
    assert captured.spans == []


def test_log_records_are_captured_with_their_span() -> None:
    with capture() as captured, rootspan.span("work"):
        logging.getLogger("app").warning("slow by %d ms", 7)
    assert [(log.body, log.severity, log.span_id) for log in captured.logs] == [("slow by 7 ms", "WARN", 1)]


def test_init_sends_nowhere_during_a_capture() -> None:
    with capture() as captured:
        rootspan.init("app", "127.0.0.1:1")
        with rootspan.span("work"):
            pass
    assert captured.names() == ["work"]
    assert rootspan.delivery().n_dropped == 0


def test_captures_do_not_nest() -> None:
    with capture(), pytest.raises(RuntimeError, match="do not nest"), capture():
        pass


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with capture() as captured, rootspan.span("work"):
        pass
    with pytest.raises(LookupError, match=r"\['work'\]"):
        captured.one("other")
