"""Order, self time and critical path of a trace, also when it is broken."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rootspan_analysis.views.trace_rows import choose_drawn, unfolded
from rootspan_analysis.views.trace_tree import build_tree
from rootspan_analysis.views.traces import normalize_trace_id

Row = tuple[str, str, int, int]


def table(rows: list[Row], *, failed: frozenset[str] = frozenset()) -> pa.Table:
    """Rows of id, parent, start and duration."""
    return pa.Table.from_pylist(
        [
            {
                "span_id": span_id,
                "parent_id": parent,
                "operation": span_id,
                "kind": "Internal",
                "service": "s",
                "host": "h",
                "start_ns": start,
                "duration_ns": duration,
                "status": "Error" if span_id in failed else "Unset",
                "status_message": "",
                "events": 0,
                "links": 0,
                "spans_in_trace": len(rows),
            }
            for span_id, parent, start, duration in rows
        ]
    )


def test_the_critical_path_goes_through_the_child_that_ended_last() -> None:
    tree = build_tree(table([("root", "", 0, 100), ("a", "root", 10, 30), ("b", "root", 20, 60)]))
    assert tree is not None
    root, a, b = tree.spans
    assert (root.critical, a.critical, b.critical) == ([(0, 20), (80, 100)], [], [(20, 80)])
    assert root.self_times == [(0, 10), (80, 100)]
    assert root.self_ns == 30


def test_children_one_after_the_other_are_all_on_the_critical_path() -> None:
    tree = build_tree(table([("root", "", 0, 100), ("a", "root", 10, 30), ("b", "root", 45, 40)]))
    assert tree is not None
    assert [span.critical for span in tree.spans] == [[(0, 10), (40, 45), (85, 100)], [(10, 40)], [(45, 85)]]


def test_a_child_that_outlives_its_parent_is_clipped_and_counted_as_skewed() -> None:
    tree = build_tree(table([("root", "", 0, 100), ("late", "root", 90, 500)]))
    assert tree is not None
    assert tree.skewed == 1
    assert tree.spans[1].critical == [(90, 100)]


def test_a_lost_parent_and_a_cycle_leave_every_span_in_the_tree_once() -> None:
    tree = build_tree(table([("a", "gone", 0, 5), ("b", "c", 1, 5), ("c", "b", 2, 5), ("d", "d", 3, 5)]))
    assert tree is not None
    assert sorted(span.span_id for span in tree.spans) == ["a", "b", "c", "d"]
    assert {span.span_id for span in tree.spans if span.lost_parent} == {"a", "b", "d"}


def test_a_chain_of_ten_thousand_spans_is_arranged() -> None:
    rows: list[Row] = [(str(i), str(i - 1) if i else "", i, 40_000 - 2 * i) for i in range(10_000)]
    tree = build_tree(table(rows))
    assert tree is not None
    assert tree.spans[-1].depth == 9_999
    assert tree.spans[0].below == 9_999


def test_what_is_drawn_of_a_large_trace_holds_the_critical_path_failures_and_ancestors() -> None:
    rows: list[Row] = [("root", "", 0, 10_000)]
    rows += [(f"p{i}", "root", i * 10, 10) for i in range(900)]
    rows += [(f"c{i}", f"p{i}", i * 10, 1) for i in range(900)]
    tree = build_tree(table(rows, failed=frozenset({"c700"})))
    assert tree is not None
    drawn = choose_drawn(tree, limit=1_000)
    assert len(drawn) <= 1_000
    names = {tree.spans[i].span_id for i in drawn}
    assert {"root", "p700", "c700"} <= names
    assert all(tree.spans[i].parent is None or tree.spans[i].parent in set(drawn) for i in drawn)


@st.composite
def traces(draw: st.DrawFn) -> list[Row]:
    count = draw(st.integers(1, 25))
    rows: list[Row] = [("0", "", 0, draw(st.integers(1, 1_000)))]
    for i in range(1, count):
        parent = draw(st.integers(0, i - 1))
        rows.append((str(i), str(parent), draw(st.integers(0, 1_200)), draw(st.integers(0, 1_000))))
    return rows


@given(traces())
def test_the_critical_path_covers_the_root_once_and_self_time_stays_within_its_span(rows: list[Row]) -> None:
    tree = build_tree(table(rows))
    assert tree is not None
    root = tree.spans[tree.root]
    parts = sorted(part for span in tree.spans for part in span.critical)
    assert sum(end - start for start, end in parts) == root.duration_ns
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    for span in tree.spans:
        assert 0 <= span.self_ns <= span.duration_ns
        assert all(span.start_ns <= start < end <= span.end_ns for start, end in span.critical)


def test_a_trace_id_is_read_out_of_what_people_paste() -> None:
    plain = "0af7651916cd43dd8448eb211c80319c"
    for text in (plain, f" {plain.upper()} ", f"00-{plain}-b7ad6b7169203331-01", f"0x{plain}",
                 "0af76519-16cd-43dd-8448-eb211c80319c"):  # fmt: skip
        assert normalize_trace_id(text) == plain
    for text in ("", "xyz", plain[:-1], plain + "0", "<script>"):
        assert normalize_trace_id(text) is None


def test_what_is_folded_hides_all_below_it_and_nothing_else() -> None:
    tree = build_tree(table([("r", "", 0, 9), ("a", "r", 0, 4), ("b", "a", 1, 2), ("c", "r", 5, 2)]))
    assert tree is not None
    assert [tree.spans[i].span_id for i in unfolded(tree, frozenset({"a", "no such span"}))] == [
        "r",
        "a",
        "c",
    ]
    assert list(unfolded(tree, ())) == [0, 1, 2, 3]
