"""Scores of the training half: exact rank sets, silence where there is none to name, and simulated jobs.

`python -m bench.rca_training [--seeds N]` plays every kind of training fault and asks why. `score_training`
gives `bench.rca` what recorded jobs are scored by: rank sets, precision, recall.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bench.embedded import EmbeddedStore
from rootspan_analysis import Explanation, Question, explain
from rootspan_demo.training import TRAINING_FAULT_NAMES, TrainingConfig, TrainingRecording, simulate_training
from rootspan_store.ingest import Signal, frame_prefix

__all__ = ["fill_job", "score_training"]

END_NS = 1_795_341_600_000_000_000
HOUR_NS = 3_600_000_000_000


def score_training(answer: Explanation, truth: Mapping[str, Any]) -> dict[str, Any]:
    """Exactness, precision and recall of the ranks that an answer names; of level `none`, its silence.

    Args:
        truth: As in case.json: `level` and `names` (`rank=R` or `dp=A,pp=B`).
    """
    named = {name for cause in answer.causes if cause.kind == "rank" for name in _names(cause.entity)}
    if truth["level"] == "none":
        return {"silent": not answer.causes, "verdict": answer.verdict}
    if truth["level"] != "rank":
        return {}
    ones = {name for name in named if name.partition("=")[0] == str(truth["names"][0]).partition("=")[0]}
    true = set(truth["names"])
    hit = len(ones & true)
    return {
        "exact": ones == true,
        "precision": hit / len(ones) if ones else 0.0,
        "recall": hit / len(true),
        "gpu_hours": round(sum(cause.impact.gpu_hours for cause in answer.causes[:1]), 3),
    }


def _names(entity: Mapping[str, str]) -> list[str]:
    found = [f"rank={rank}" for rank in entity.get("training.rank", "").split(",") if rank]
    if "training.dp_rank" in entity and "training.pp_rank" in entity:
        found.append(f"dp={entity['training.dp_rank']},pp={entity['training.pp_rank']}")
    return found


def fill_job(store: EmbeddedStore, recording: TrainingRecording) -> None:
    """Insert a simulated job."""
    held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
    for request in recording.requests():
        held[Signal(request.signal)] += frame_prefix(len(request.payload)) + request.payload
    config = recording.config
    for signal, frames in held.items():
        if frames:
            store.insert(signal, bytes(frames), f"{config.fault}-{config.seed}-{config.end_unix_ns}-{signal}")


def play_matrix(seeds: Sequence[int], faults: Sequence[str]) -> list[dict[str, Any]]:
    """Every fault with every seed: whether the first cause is what was planted."""
    rows = []
    store = EmbeddedStore()
    for number, (seed, fault) in enumerate((seed, fault) for seed in seeds for fault in faults):
        config = TrainingConfig(
            end_unix_ns=END_NS + number * HOUR_NS,
            fault=fault,  # type: ignore[arg-type]  # checked by TrainingConfig
            seed=seed,
            gpus_per_host=2,
        )
        recording = simulate_training(config)
        fill_job(store, recording)
        began = time.monotonic()
        answer = explain(store, Question(recording.begin_unix_ns, config.end_unix_ns))
        causes = [cause.to_json() for cause in answer.causes]
        rows.append(
            {
                "fault": fault,
                "seed": seed,
                "hit": recording.truth.matches(causes),
                "verdict": answer.verdict,
                "causes": [(one["kind"], one["fault"], one["entity"]) for one in causes],
                "truth": dict(recording.truth.entity),
                "seconds": round(time.monotonic() - began, 2),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    store.close()
    return rows


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.rca_training", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1..N")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--fault", action="append", help="only this one; may be repeated")
    given = parser.parse_args()
    rows = play_matrix(range(given.first, given.first + given.seeds), given.fault or TRAINING_FAULT_NAMES)
    by_fault = {
        fault: f"{sum(row['hit'] for row in rows if row['fault'] == fault)}/{given.seeds}"
        for fault in dict.fromkeys(row["fault"] for row in rows)
    }
    print(json.dumps({"hits": sum(row["hit"] for row in rows), "of": len(rows), "by_fault": by_fault}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
