"""What is named while no user notices anything: only what is plain, whatever unit its effect is in."""

from dataclasses import replace

import numpy as np
import pytest
from test_code_paths import scene as make_scene

from rootspan_analysis.contrast import Interval
from rootspan_analysis.finding import Finding, SignalName
from rootspan_analysis.prominence import STRONG_Z, prominent, stands_out

TIMELINE = make_scene().timeline


def _finding(signal: SignalName, *, shift: float, z: float) -> Finding:
    return Finding(
        signal=signal,
        kind="host",
        entity={"service.name": "ranker", "host.name": "gpu-003"},
        fault="slow",
        service="ranker",
        peer="",
        operation="Rank",
        hosts=frozenset({"gpu-003"}),
        shift=shift,
        z=z,
        p_value=1e-6,
        interval=Interval(TIMELINE.first, TIMELINE.size),
        detail={"calls": 200.0},
    )


@pytest.mark.parametrize("signal", ["slow", "gap"])
def test_what_is_three_times_as_slow_needs_fewer_deviations(signal: SignalName) -> None:
    assert stands_out(_finding(signal, shift=float(np.log(3.5)), z=6.5), TIMELINE)
    assert not stands_out(_finding(signal, shift=float(np.log(2.5)), z=6.5), TIMELINE)


def test_milliseconds_of_a_queue_are_no_ratio() -> None:
    assert not stands_out(_finding("wait", shift=9.6, z=6.5), TIMELINE)
    assert stands_out(_finding("wait", shift=9.6, z=STRONG_Z), TIMELINE)


def test_what_somebody_noticed_need_not_last() -> None:
    young = replace(
        _finding("slow", shift=1.0, z=STRONG_Z), interval=Interval(TIMELINE.size - 1, TIMELINE.size)
    )
    assert not stands_out(young, TIMELINE)
    assert not stands_out(young, TIMELINE, {"gateway"})
    assert stands_out(young, TIMELINE, {"ranker"})
    assert not stands_out(replace(young, z=STRONG_Z - 1), TIMELINE, {"ranker"})


def test_few_calls_that_are_over_are_one_event() -> None:
    plain = _finding("wait", shift=9.6, z=STRONG_Z)
    over = replace(plain, interval=Interval(TIMELINE.first, TIMELINE.size - 1), detail={"calls": 5.0})
    assert not stands_out(over, TIMELINE)
    assert stands_out(replace(plain, detail={"calls": 5.0}), TIMELINE)


def test_what_else_was_found_of_a_machine_that_stands_out_is_kept() -> None:
    """Its queue is long since it is slow: without the slowness the queue would be blamed."""
    queue = _finding("wait", shift=90.0, z=60.0)
    slow = _finding("slow", shift=0.36, z=STRONG_Z - 0.3)
    other = replace(slow, hosts=frozenset({"gpu-004"}))
    assert prominent([slow, queue, other], TIMELINE) == [slow, queue]
    assert prominent([slow, other], TIMELINE) == []
