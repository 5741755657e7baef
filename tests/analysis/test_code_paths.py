"""Log templates and called operations: a way that calls no longer take is found."""

import numpy as np
import pytest

from rootspan_analysis.candidates.code_paths import LOG_KEYS, SHAPE_KEYS, find_path_changes
from rootspan_analysis.cells import COMPONENT_KEYS, Cells
from rootspan_analysis.contrast import Interval
from rootspan_analysis.finding import Finding
from rootspan_analysis.scene import Scene
from rootspan_analysis.window import Timeline

BUCKETS, FIRST, CALLS = 120, 112, 4.0
TEMPLATES = ("order started", "price found", "order done")


def scene() -> Scene:
    base = np.arange(BUCKETS) < FIRST
    return Scene(
        timeline=Timeline(0, 10, np.arange(BUCKETS) - FIRST, 0, 0, 1, False, 10_000),
        base=base,
        search=Interval(FIRST, BUCKETS),
        incident=Interval(FIRST, BUCKETS),
        settled=True,
        has_history=True,
        root_ms=10.0,
        places={},
        first_seen_ns={},
    )


def keys(names: tuple[str, ...], rows: list[dict[str, str]]) -> dict[str, np.ndarray]:
    return {name: np.array([row.get(name, "") for row in rows], dtype=object) for name in names}


def cells() -> Cells:
    row = {"service": "orders", "operation": "create"}
    return Cells(keys(COMPONENT_KEYS, [row]), {"n": np.full((1, BUCKETS), CALLS)})


def find(
    logs: dict[str, np.ndarray] | None = None,
    shapes: dict[str, np.ndarray] | None = None,
    severity: str = "INFO",
) -> list[Finding]:
    """Findings for records by template, and calls by called operation, of one operation."""
    row = {"service": "orders", "operation": "create", "severity": severity}
    logs, shapes = logs or {}, shapes or {}
    records = Cells(
        keys(LOG_KEYS, [{**row, "template": one, "example": one} for one in logs]),
        {name: np.array(list(logs.values())).reshape(len(logs), BUCKETS) for name in ("spans", "written")},
    )
    called = {"": np.full(BUCKETS, CALLS), **shapes}
    shape = Cells(
        keys(SHAPE_KEYS, [{**row, "child_service": "prices" if one else "", "child": one} for one in called]),
        {"spans": np.array(list(called.values()))},
    )
    return find_path_changes(records, shape, cells(), scene())


def always(share: float = 1.0, now: float | None = None) -> np.ndarray:
    found = np.full(BUCKETS, CALLS * share)
    found[FIRST:] = CALLS * (share if now is None else now)
    return found


def test_steady_logs_and_calls_are_left_alone() -> None:
    rng = np.random.default_rng(3)
    noisy = rng.binomial(int(CALLS), 0.4, BUCKETS).astype(float)
    assert find({one: always() for one in TEMPLATES} | {"cache missed": noisy}, {"query": noisy}) == []


def test_a_line_that_calls_no_longer_write_is_found() -> None:
    found = find({"order started": always(), "order done": always(1.0, 0.25)})
    assert [(one.service, one.signal, one.fault) for one in found] == [("orders", "logs", "code_path")]
    assert found[0].words["template"] == "order done"
    assert found[0].p_value < 0.001


def test_a_new_error_is_found_and_one_that_stops_is_not() -> None:
    lines = {"order started": always()}
    assert find(lines | {"no such price": always(0, 0.5)}, severity="ERROR")[0].fault == "error"
    assert find(lines | {"no such price": always(0.5, 0)}, severity="ERROR") == []


def test_a_call_that_is_no_longer_made_is_found() -> None:
    found = find(shapes={"query": always(1.0, 0.3)})
    assert [(one.signal, one.words["child"]) for one in found] == [("shape", "query")]


def test_one_of_two_lines_that_always_come_together_may_be_missing_a_few_times_a_call() -> None:
    twice = 2 * always()
    found = find({"seat asked": twice, "seat found": np.minimum(twice, 2 * always(1.0, 0.6))})
    assert found[0].words["after"] == "seat asked"


@pytest.mark.parametrize("earlier", [Interval(20, 28), Interval(60, 68)])
def test_an_earlier_incident_of_the_same_kind_does_not_hide_it(earlier: Interval) -> None:
    done = always(1.0, 0.1)
    done[earlier.start : earlier.stop] = 0.1 * CALLS
    assert [one.service for one in find({"order started": always(), "order done": done})] == ["orders"]


def test_what_comes_and_goes_all_the_time_is_not_named() -> None:
    waves = np.where(np.arange(BUCKETS) // 8 % 2 == 0, CALLS, 0.0)
    assert find({"order started": always(), "order cached": waves}) == []


def test_logs_that_were_not_collected_before_are_not_new() -> None:
    late = np.where(np.arange(BUCKETS) >= FIRST - 3, CALLS, 0.0)
    assert find(dict.fromkeys(TEMPLATES, late)) == []


@pytest.mark.parametrize(("before", "told"), [(CALLS, 0), (0.0, 1)])
def test_records_whose_spans_come_later_are_nothing_new(before: float, told: int) -> None:
    """Spans that are not there yet leave their records outside of any; a line that is new is told."""
    within, outside = np.full(BUCKETS, before), np.zeros(BUCKETS)
    outside[FIRST:] = CALLS
    rows = [
        {"service": "orders", "operation": operation, "severity": "INFO", "template": one, "example": one}
        for operation, one in (("create", "order done"), ("", "order done"), ("create", "order started"))
    ]
    counts = np.array([within, outside, np.full(BUCKETS, CALLS)])
    records = Cells(keys(LOG_KEYS, rows), {"spans": counts, "written": counts})
    shape = Cells(keys(SHAPE_KEYS, []), {"spans": np.zeros((0, BUCKETS))})
    found = find_path_changes(records, shape, cells(), scene())
    assert len([one for one in found if one.operation == ""]) == told
