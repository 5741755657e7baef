"""`python -m rootspan_demo.training`: simulate a training job and write it as a pack. Sends nothing."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rootspan_demo.errors import DemoError
from rootspan_demo.packs import write_pack
from rootspan_demo.training.config import TRAINING_FAULT_NAMES, TrainingConfig
from rootspan_demo.training.recording import TrainingRecording, simulate_training


def build_case(recording: TrainingRecording) -> dict[str, object]:
    """What `write_pack` puts into case.json: the whole recording is one incident, or healthy."""
    config, truth = recording.config, recording.truth
    window = {"start_unix_ns": recording.begin_unix_ns, "end_unix_ns": config.end_unix_ns}
    level = next(iter(truth.kinds), "none")
    named = truth.entity.get("training.rank")
    names = [f"rank={named}"] if level == "rank" else sorted(truth.entity.values())
    incident = {
        "id": f"{truth.kind}-{config.seed}",
        **window,
        "onset_unix_ns": truth.onset_unix_ns,
        "fault": truth.kind,
        "truth": {"level": level, "names": names},
        "also": {"entity": dict(truth.entity)},
    }
    healthy = truth.kind == "none"
    return {
        "name": f"training-{truth.kind}-{config.seed}",
        "source": "rootspan_demo.training",
        "licence": "Apache-2.0",
        "incidents": [] if healthy else [incident],
        "healthy": [window] if healthy else [],
        "also": {"ranks": config.ranks, "steps": config.steps, "counts": dict(recording.counts)},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status: 0 written, 2 wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m rootspan_demo.training",
        description="Simulate a training job and write its telemetry as a pack.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--fault", choices=TRAINING_FAULT_NAMES, default="none", help="what to plant")
    parser.add_argument("--seed", type=int, default=1, help="picks everything that is random (default: 1)")
    parser.add_argument("--data", type=int, default=4, help="data-parallel size (default: 4)")
    parser.add_argument("--pipeline", type=int, default=2, help="pipeline stages (default: 2)")
    parser.add_argument("--tensor", type=int, default=2, help="tensor-parallel size, 1-8 (default: 2)")
    parser.add_argument("--steps", type=int, default=60, help="steps, 20-2000 (default: 60)")
    parser.add_argument("--gpus-per-host", type=int, default=2, help="ranks on a host (default: 2)")
    parser.add_argument("--summaries", action="store_true", help="steps with summaries only, no spans within")
    given = parser.parse_args(arguments)
    try:
        config = TrainingConfig(
            end_unix_ns=time.time_ns(),
            data=given.data,
            pipeline=given.pipeline,
            tensor=given.tensor,
            steps=given.steps,
            microbatches=max(4, given.pipeline),
            gpus_per_host=given.gpus_per_host,
            seed=given.seed,
            fault=given.fault,
            detail=not given.summaries,
        )
        recording = simulate_training(config)
        written = write_pack(given.out, recording.requests(), build_case(recording))
    except (DemoError, OSError) as err:
        print(f"python -m rootspan_demo.training: {err}", file=sys.stderr)
        return 2
    print(f"{given.out}: " + ", ".join(f"{count:,} {signal}" for signal, count in written.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
