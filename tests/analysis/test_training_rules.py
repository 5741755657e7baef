"""The training rules on small, made-up numbers: hangs, lags, what a pipeline costs, which place is slow."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rootspan_analysis.training.hang import Pending, blame
from rootspan_analysis.training.imbalance import weigh
from rootspan_analysis.training.links import Group, name_place
from rootspan_analysis.training.phases import high_stretch
from rootspan_analysis.training.pipeline import Pipeline, connect
from rootspan_analysis.training.stalls import blame_stall
from rootspan_analysis.training.stragglers import lagging_stretch

ALL = frozenset(range(8))


def _pending(rank: int, group: str, seq: int, *, op: str = "all_reduce", peer: int = -1) -> Pending:
    p2p = peer >= 0 or "->" in op or "<-" in op
    return Pending(rank, group, "", op, seq, p2p, peer, 1_000 + seq, 60_000, 0, "", "")


def test_rank_with_nothing_pending_while_its_group_waits_is_named() -> None:
    pending = [_pending(rank, "g", 7) for rank in ALL - {3}]
    hang = blame(pending, {"g": ALL}, {})
    assert (hang.ranks, hang.rule) == ((3,), "absent")
    assert set(hang.waiting) == ALL - {3}


def test_rank_that_never_sent_anything_is_named_by_its_group_s_members() -> None:
    groups = {"left": frozenset(range(4)), "right": frozenset(range(4, 8)), "world": ALL}
    pending = [_pending(rank, "left", 9) for rank in (0, 1, 3)]
    pending += [_pending(rank, "world", 4) for rank in range(4, 8)]
    assert blame(pending, groups, {}).ranks == (2,)


def test_rank_that_is_done_with_what_others_wait_in_is_not_absent() -> None:
    pending = [_pending(rank, "g", 7) for rank in range(6)]
    assert blame(pending, {"g": ALL}, {(6, "g"): 7}).ranks == (7,)


def test_peer_of_a_receive_is_awaited_by_its_rank_in_the_job() -> None:
    pending = [_pending(0, "pp", 5, op="recv", peer=4)]
    assert blame(pending, {"pp": frozenset({0, 4})}, {}).ranks == (4,)


def test_flight_recorder_s_peer_counts_within_the_group() -> None:
    pending = [
        _pending(10, "pp", 5, op="recv 0<-1"),
        _pending(11, "qq", 5, op="recv 0<-1"),
        _pending(21, "qq", 6),
    ]
    groups = {"pp": frozenset({10, 20}), "qq": frozenset({11, 21})}
    assert blame(pending, groups, {}).ranks == (20,)


def test_furthest_behind_are_named_when_everyone_waits() -> None:
    stuck = {2: 100, 5: 104}
    pending = [_pending(rank, "tp", stuck.get(rank, 113)) for rank in ALL]
    hang = blame(pending, {"tp": ALL}, {})
    assert (hang.ranks, hang.rule) == ((2, 5), "behind")
    assert hang.lags == {2: 13, 5: 9}


def test_one_collective_less_is_no_fault_beside_a_rank_far_behind() -> None:
    pending = [_pending(rank, "tp", {0: 90, 1: 112}.get(rank, 113)) for rank in ALL]
    assert blame(pending, {"tp": ALL}, {}).ranks == (0,)


def test_point_to_point_numbers_are_not_compared_between_ranks() -> None:
    pending = [_pending(0, "pp", 14_000, op="send", peer=1), _pending(1, "pp", 11_000, op="send", peer=0)]
    assert blame(pending, {"pp": frozenset({0, 1})}, {}).ranks == ()


def test_nobody_is_named_where_all_stand_at_the_same_place() -> None:
    hang = blame([_pending(rank, "g", 7) for rank in ALL], {"g": ALL}, {})
    assert (hang.ranks, hang.rule) == ((), "unknown")


def test_nobody_is_named_where_most_ranks_sent_nothing() -> None:
    assert blame([_pending(0, "g", 7)], {"g": ALL}, {}).ranks == ()


@given(
    group_count=st.integers(1, 6),
    size=st.integers(3, 8),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_absent_rank_is_found_whatever_groups_there_are(group_count: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = group_count * size
    groups = {f"g{k}": frozenset(range(k * size, (k + 1) * size)) for k in range(group_count)}
    groups["world"] = frozenset(range(world))
    stuck = int(rng.integers(world))
    home = f"g{stuck // size}"
    pending = [
        _pending(rank, home if rank in groups[home] else "world", 50)
        for rank in range(world)
        if rank != stuck
    ]
    assert blame(pending, groups, {}).ranks == (stuck,)


def test_steady_lag_is_a_stretch_with_its_first_step() -> None:
    rng = np.random.default_rng(3)
    lag = rng.normal(0, 0.03, 80)
    lag[30:] += np.log(1.3)
    found = lagging_stretch(lag, 0.02, series=64)
    assert found is not None
    assert abs(found.first - 30) <= 1
    assert found.share == 1.0


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.4])
def test_noise_and_uneven_data_are_no_straggler(spread: float) -> None:
    rng = np.random.default_rng(5)
    lags = rng.normal(0, spread, (64, 60))
    rate = float((lags >= np.log(1.1)).mean())
    assert not [one for one in lags if lagging_stretch(one, rate, series=64)]


def test_few_long_steps_are_no_straggler() -> None:
    lag = np.zeros(60)
    lag[10:14] = np.log(3)
    assert lagging_stretch(lag, 0.01, series=64) is None


def test_stall_that_comes_and_goes_is_one_stretch_and_one_long_step_is_none() -> None:
    rng = np.random.default_rng(1)
    bursts = np.where(rng.random(60) < 0.5, 0.6, 0.0)
    bursts[:20] = 0
    found = high_stretch(bursts, 0.1, min_length=8)
    assert found is not None
    assert 20 <= found.first <= 24
    once = np.zeros(60)
    once[17] = 3.0
    assert high_stretch(once, 0.1, min_length=8) is None


def _long_step(
    waiting: int, *others: tuple[int, str, float], ranks: int = 8, loading: int = 0
) -> dict[str, object]:
    return {"at_step": 40, "ranks": ranks, "waiting": waiting, "loading": loading, "others": others}


@pytest.mark.parametrize(
    ("row", "ranks", "phase"),
    [
        (_long_step(7, (2, "", 0.0)), (2,), ""),
        # The neighbour waits within its own forward, for a tensor-parallel peer that tells of nothing.
        (_long_step(6, (2, "", 0.0), (3, "forward", 9.0)), (2,), ""),
        (_long_step(6, (2, "data", 9.0), (3, "forward", 9.0)), (2,), "data"),
        (_long_step(7, (5, "forward", 9.0)), (5,), "forward"),
        (_long_step(8), (), "collective"),
        (_long_step(0, (0, "data", 9.0), loading=8), (), "data"),
    ],
)
def test_who_does_not_wait_in_a_long_step_kept_the_others(
    row: dict[str, object], ranks: tuple[int, ...], phase: str
) -> None:
    stall = blame_stall(row, 10.0)
    assert stall is not None
    assert (stall.ranks, stall.phase) == (ranks, phase)


@pytest.mark.parametrize("row", [_long_step(7, (0, "checkpoint", 9.0)), _long_step(4, (0, "", 0.0))])
def test_a_save_is_no_stall_and_where_few_wait_nobody_is_named(row: dict[str, object]) -> None:
    assert blame_stall(row, 10.0) is None


def _pipeline_rows(forward: np.ndarray, backward: np.ndarray) -> list[dict[str, object]]:
    """One step of 1F1B from durations (dp, stage, microbatch)."""
    replicas, stages, batches = forward.shape
    rows: list[dict[str, object]] = []
    for d in range(replicas):
        for s in range(stages):
            ahead = min(stages - s - 1, batches)
            order = [("forward", m) for m in range(ahead)]
            for m in range(batches - ahead):
                order += [("forward", ahead + m), ("backward", m)]
            order += [("backward", m) for m in range(batches - ahead, batches)]
            for kind, m in order:
                took = forward[d, s, m] if kind == "forward" else backward[d, s, m]
                rows.append({"step": 0, "dp": d, "pp": s, "phase": kind, "microbatch": m, "s": float(took)})
    return rows


def _pipeline(forward: np.ndarray, backward: np.ndarray) -> Pipeline:
    """The replay of one such step."""
    found = connect(pa.Table.from_pylist(_pipeline_rows(forward, backward)))
    assert found is not None
    return found


def test_replay_of_an_even_pipeline_takes_what_theory_says() -> None:
    stages, batches = 4, 8
    pipeline = _pipeline(np.full((2, stages, batches), 1.0), np.full((2, stages, batches), 2.0))
    # 1F1B: (batches + stages - 1) slots of forward and backward.
    assert pipeline.step_seconds(pipeline.seconds) == pytest.approx([(batches + stages - 1) * 3.0])


def test_long_stage_and_uneven_sequences_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    even = np.exp(rng.normal(0, 0.02, (8, 4, 8)))
    long = even.copy()
    long[:, 3] *= 1.6
    ragged = even * np.exp(rng.normal(0, 0.5, (8, 1, 8)))
    assert weigh(_pipeline(long, 2 * long), 1.0).kind == "stage"
    assert weigh(_pipeline(long, 2 * long), 1.0).stage == 3
    assert weigh(_pipeline(ragged, 2 * ragged), 1.0).kind == "sequence"
    assert weigh(_pipeline(even, 2 * even), 1.0).kind == "none"


@pytest.mark.parametrize("seed", range(3))
def test_ranks_that_a_busy_machine_holds_up_now_and_then_have_no_uneven_sequences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # A tenth of all operations waits for the processor, and takes two to four times as long.
    forward, backward = (
        np.where(rng.random((2, 4, 4)) < 0.1, rng.uniform(2, 4, (2, 4, 4)), 1.0) for _ in range(2)
    )
    pipeline = _pipeline(forward, 2 * backward)
    assert pipeline.step_seconds(pipeline.seconds)[0] >= 1.1 * pipeline.step_seconds(pipeline.medians())[0]
    assert weigh(pipeline, 1.0).kind == "none"


def _steps(forward: np.ndarray, backward: np.ndarray) -> Pipeline:
    """The replay of several steps from durations (step, dp, stage, microbatch)."""
    rows = []
    for number, (one, other) in enumerate(zip(forward, backward, strict=True)):
        rows += [{**row, "step": number} for row in _pipeline_rows(one, other)]
    found = connect(pa.Table.from_pylist(rows))
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(3))
def test_two_stages_on_a_busy_machine_have_no_uneven_sequences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # A third of all operations waits for the processor: often two of the four that a microbatch has.
    waits = rng.random((2, 16, 1, 2, 4)) < 0.35
    forward, backward = np.where(waits, rng.uniform(2, 4, waits.shape), 1.0)
    assert weigh(_steps(forward, 2 * backward), 1.0).kind == "none"


def test_a_first_microbatch_that_warms_up_in_every_step_is_no_long_sequence() -> None:
    rng = np.random.default_rng(3)
    forward, backward = np.exp(rng.normal(0, 0.05, (2, 16, 1, 2, 4)))
    forward[..., 0] *= 2.0
    assert weigh(_steps(forward, 2 * backward), 1.0).kind == "none"


def test_uneven_sequences_are_told_on_a_machine_that_scatters_too() -> None:
    rng = np.random.default_rng(4)
    ragged = np.exp(rng.normal(0, 0.5, (16, 2, 1, 4)))
    forward, backward = (ragged * np.exp(rng.normal(0, 0.2, (16, 2, 2, 4))) for _ in range(2))
    found = weigh(_steps(forward, 2 * backward), 1.0)
    assert found.kind == "sequence"
    assert found.sequence_slowdown >= 1.3


def test_a_stage_that_is_the_longest_in_some_steps_is_no_long_stage() -> None:
    rng = np.random.default_rng(5)
    tables = []
    for step in range(16):
        forward = np.ones((2, 4, 4))
        forward[:, rng.integers(4)] = 1.8
        one = _pipeline_rows(forward, 2 * forward)
        tables += [{**row, "step": step} for row in one]
    found = connect(pa.Table.from_pylist(tables))
    assert found is not None
    assert weigh(found, 1.0).kind == "none"


def _group(name: str, hosts: tuple[str, ...], residual: float, switch: str = "leaf-0") -> Group:
    return Group(name, "p2p", hosts, (switch,), (), residual, residual, 0, 20)


@pytest.mark.parametrize(
    ("slow", "expected"),
    [
        ({"a-b"}, ("link", ("a", "b"))),
        ({"a-b", "a-c", "a-d"}, ("host", ("a",))),
    ],
)
def test_place_that_slow_groups_share_and_quick_ones_do_not_is_named(
    slow: set[str], expected: tuple[str, tuple[str, ...]]
) -> None:
    pairs = [(x, y) for x in "abcd" for y in "abcd" if x < y]
    groups = [_group(f"{x}-{y}", (x, y), 1.0 if f"{x}-{y}" in slow else 0.0) for x, y in pairs]
    place = name_place(groups)
    assert place is not None
    assert place[:2] == expected


def test_switch_is_named_if_everything_behind_it_is_slow() -> None:
    groups = [
        _group(f"{x}{y}", (f"{x}0", f"{x}{y}"), 1.0 if x == "q" else 0.0, f"leaf-{x}")
        for x in "pqr"
        for y in range(1, 5)
    ]
    place = name_place(groups)
    assert place is not None
    assert place[0] in ("switch", "host")
    both = [*groups, _group("q56", ("q5", "q6"), 1.0, "leaf-q")]
    place = name_place(both)
    assert place is not None
    assert place[:2] == ("switch", ("leaf-q",))


def test_no_place_without_slow_groups() -> None:
    assert name_place([_group("x", ("a", "b"), 0.0)]) is None
