"""A simulated training job: equal seeds give equal bytes, names are the SDK's, steps obey what they need."""

from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan import semconv
from rootspan_demo import ConfigError, open_pack
from rootspan_demo.training import TRAINING_FAULT_NAMES, TrainingConfig, TrainingFault, simulate_training
from rootspan_demo.training.__main__ import main
from rootspan_demo.training.plan import make_plan
from rootspan_demo.training.timing import play, usual_step_s

END_NS = 1_795_341_600_000_000_000


def _config(fault: TrainingFault = "none", seed: int = 1) -> TrainingConfig:
    return TrainingConfig(
        end_unix_ns=END_NS, fault=fault, steps=20, microbatches=2, gpus_per_host=2, seed=seed
    )


@pytest.mark.parametrize("fault", TRAINING_FAULT_NAMES)
def test_equal_seeds_give_equal_bytes_and_others_give_others(fault: TrainingFault) -> None:
    first, again, other = (simulate_training(_config(fault, seed)) for seed in (3, 3, 4))
    payloads = [one.payload for one in first.requests()]
    assert payloads == [one.payload for one in again.requests()]
    assert payloads != [one.payload for one in other.requests()]


def test_every_rank_sends_every_step_with_a_summary_that_adds_up() -> None:
    config = _config()
    seen: set[tuple[int, int]] = set()
    for request in simulate_training(config).requests():
        if request.signal != "traces":
            continue
        for block in ExportTraceServiceRequest.FromString(request.payload).resource_spans:
            resource = {one.key: one.value for one in block.resource.attributes}
            for span in block.scope_spans[0].spans:
                if span.name != semconv.SPAN_TRAIN_STEP:
                    continue
                told = {one.key: one.value for one in span.attributes}
                seen.add((resource[semconv.TRAINING_RANK].int_value, told[semconv.TRAINING_STEP].int_value))
                phases = [value.double_value for key, value in told.items() if key.endswith(".seconds")]
                length_s = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
                assert sum(phases) == pytest.approx(length_s, abs=1e-3)
    assert len(seen) == config.ranks * config.steps


def test_no_rank_computes_before_what_it_needs_has_come() -> None:
    config = _config()
    rng = np.random.default_rng(2)
    job = play(config, make_plan(config, usual_step_s(config), rng), rng)
    for m in range(config.microbatches):
        forward, backward = job.times[f"forward.{m}"], job.times[f"backward.{m}"]
        assert (forward.begin[:, :, 1] >= forward.end[:, :, 0]).all()
        assert (backward.begin[:, :, 0] >= backward.end[:, :, 1]).all()
        assert (backward.begin[:, :, 1] >= forward.end[:, :, 1]).all()


def test_pack_is_written_and_says_what_was_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path / "p"), "--fault", "hung-rank", "--steps", "20"]) == 0
    assert "traces" in capsys.readouterr().out
    pack = open_pack(tmp_path / "p")
    assert set(pack.signals) == {"traces", "logs", "metrics"}
    assert pack.case["incidents"][0]["truth"]["level"] == "rank"  # type: ignore[index]


@pytest.mark.parametrize("wrong", [{"steps": 5}, {"data": 4096, "tensor": 8}, {"microbatches": 1}])
def test_senseless_jobs_are_refused_with_the_limit(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="outside"):
        TrainingConfig(end_unix_ns=END_NS, **wrong)  # type: ignore[arg-type]
