"""PyTorch Lightning's Trainer, for real: two ranks with DDP, then a fit that fails."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from examples.harness.torchrun import run_ranks

from rootspan.testing import Receiver, attributes_of

pytest.importorskip("lightning")
pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
Told = tuple[str, bytes, dict[str, Any]]


@pytest.fixture(scope="module")
def spans() -> list[Told]:
    """Name, trace id and attributes of every span that both ranks sent."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    with Receiver() as receiver:
        ended = run_ranks(
            "support.lightning_rank",
            [receiver.endpoint],
            ranks=2,
            job="lit",
            environment={"PYTHONPATH": path},
            timeout_s=240,
        )
        assert ended.status == 0, ended.output
        assert "failed as asked" in ended.output
        return [(span.name, span.trace_id, dict(attributes_of(span))) for _, span in receiver.spans()]


def _of_fit(spans: list[Told], name: str, rank: int) -> list[dict[str, Any]]:
    """Spans of the first fit, with DDP, in the order of steps."""
    found = [told for span, _, told in spans if span == name and told["training.rank"] == rank]
    fit = [told for told in found if told.get("training.suspect") != "error"]
    return sorted(fit, key=lambda told: told.get("training.step", -1))


def test_each_batch_is_a_step_of_both_ranks_in_one_trace(spans: list[Told]) -> None:
    # Six batches of eight for two ranks are three each, and two epochs of it.
    assert [told["training.step"] for told in _of_fit(spans, "train.step", 1)] == list(range(6))
    of_last = [(trace, told) for name, trace, told in spans if name == "train.step"]
    traces = {trace for trace, told in of_last if told["training.step"] == 5}
    assert len(traces) == 1
    assert {told["training.rank"] for _, told in of_last if told["training.step"] == 5} == {0, 1}


def test_its_phases_are_told_apart_and_tokens_are_counted(spans: list[Told]) -> None:
    for told in _of_fit(spans, "train.step", 1):
        for phase in ("data", "forward", "backward", "optimizer"):
            assert told[f"training.phase.{phase}.seconds"] > 0, phase
        assert told["training.tokens_per_second"] > 0


def test_ddps_buckets_evaluation_and_checkpoints_are_seen(spans: list[Told]) -> None:
    sent = Counter(told["training.step"] for told in _of_fit(spans, "train.collective", 1)
                   if told["training.collective.op"] == "all_reduce")  # fmt: skip
    assert set(range(6)) <= set(sent)
    evaluations = [told for name, _, told in spans if name == "train.eval"]
    assert Counter(told["training.rank"] for told in evaluations) == {0: 2, 1: 2}
    saved = [told for name, _, told in spans if name == "train.checkpoint" and told["training.rank"] == 0]
    assert len(saved) >= 3
    assert all(str(told["training.checkpoint.path"]).endswith(".ckpt") for told in saved)


def test_a_step_that_fails_ends_with_its_error(spans: list[Told]) -> None:
    (failed,) = [told for _, _, told in spans if told.get("training.suspect") == "error"]
    assert failed["error.type"] == "ArithmeticError"
    assert failed["training.step"] == 1
