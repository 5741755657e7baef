"""What our hooks leave as it was: a program's numbers, its random numbers, torch.compile, early imports."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from examples.harness.torchrun import run_ranks

from rootspan.testing import Receiver, attributes_of

ROOT = Path(__file__).parents[2]
RANKS = 3


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """What each of three ranks found, by rank."""
    pytest.importorskip("torch")
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    ended = run_ranks(
        "support.torch_hooks_rank",
        [],
        ranks=RANKS,
        job="hooks",
        environment={"PYTHONPATH": path},
        timeout_s=240,
    )
    assert ended.status == 0, ended.output
    lines = [json.loads(line) for line in ended.output.splitlines() if line.startswith('{"rank"')]
    return sorted(lines, key=lambda one: int(one["rank"]))


def test_a_watched_ddp_model_learns_the_same_bits_and_draws_the_same_random_numbers(
    found: list[dict[str, Any]],
) -> None:
    assert [one["same"] for one in found] == [True] * RANKS


def test_batched_sends_and_receives_are_recorded_however_they_were_imported(
    found: list[dict[str, Any]],
) -> None:
    for one in found:
        following, preceding = (one["rank"] + 1) % RANKS, (one["rank"] - 1) % RANKS
        expected = [
            [op, peer, seq] for seq in (0, 1) for op, peer in (("send", following), ("recv", preceding))
        ]
        assert one["pairs"] == expected


def test_fsdps_collectives_and_phases_are_recorded(found: list[dict[str, Any]]) -> None:
    for one in found:
        (gather, scatter), phases = one["fsdp"]
        assert {"forward", "backward", "optimizer"} <= set(phases)
        assert gather.startswith("all_gather")
        assert scatter.startswith("reduce_scatter")


def test_torch_compile_sees_through_the_wrapper_without_a_graph_break(found: list[dict[str, Any]]) -> None:
    assert [one["compiled"] for one in found] == [2.0 * RANKS] * RANKS


def test_a_rank_counts_in_its_own_groups_only(found: list[dict[str, Any]]) -> None:
    for one in found:
        of_pair = [record for record in one["groups"] if record[1] == [0, 1]]
        expected = [["all_reduce", [0, 1], seq, True] for seq in (0, 1)] if one["rank"] < 2 else []
        assert of_pair == expected
    of_all = [[record for record in one["groups"] if len(record[1]) == RANKS] for one in found]
    assert len(of_all[0]) == 1
    assert of_all == [of_all[0]] * RANKS


SEEDED = """
    import random, sys
    random.seed(0)
    import rootspan
    rootspan.init("trainer", sys.argv[1])
    for step in range(20):
        with rootspan.train_step(step), rootspan.phase("forward"):
            pass
    rootspan.shutdown()
    print(random.random())
"""


def test_ids_of_ranks_seeded_alike_do_not_collide_and_their_random_numbers_stay(tmp_path: Path) -> None:
    program = tmp_path / "rank.py"
    program.write_text(textwrap.dedent(SEEDED))
    with Receiver() as receiver:
        ranks = [
            subprocess.Popen(
                [sys.executable, str(program), receiver.endpoint],
                env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "8", "ROOTSPAN_JOB_ID": "seeded"},
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(8)
        ]
        printed = [rank.communicate(timeout=60)[0].strip() for rank in ranks]
        spans = receiver.spans()
    assert set(printed) == {str(random.Random(0).random())}
    assert len(spans) == 8 * 20 * 2
    assert len({span.span_id for _, span in spans}) == len(spans)
    assert len({span.trace_id for _, span in spans}) == 20
    assert {attributes_of(who)["training.rank"] for who, _ in spans} == set(range(8))
