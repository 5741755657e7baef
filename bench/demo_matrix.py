"""`python -m bench.demo_matrix`: every fault of the simulators by many seeds; is the planted cause first?

Asked are small fleets with each fault (also a minute too early and too late), fleets on which something
harmless happens, healthy fleets, and training jobs. Ten cases run in a process of their own, each with a
database in memory, so several runs may go side by side.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from bench.embedded import EmbeddedStore
from bench.rca_training import play_matrix
from rootspan_analysis import Explanation, Question, explain
from rootspan_demo.config import FAULT_NAMES, SCENARIO_NAMES, FleetConfig
from rootspan_demo.recording import Recording, simulate
from rootspan_demo.training import TRAINING_FAULT_NAMES
from rootspan_store.ingest import Signal, frame_prefix

END_NS: Final = 1_795_341_600_000_000_000
SEGMENT_BYTES: Final = 32 * 1024 * 1024
SHIFT_S: Final = 60
"""Windows are asked about as they should be, and this much too early and too late."""
LOAD_ONLY: Final = frozenset({"traffic-surge", "long-requests"})
"""Harmless events whose verdict is `load`; of others any verdict without a cause is right."""
REQUEST_KINDS: Final = (*FAULT_NAMES, *SCENARIO_NAMES)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the fleets are, and how many minutes are asked about."""

    spans: int
    hosts: int
    minutes: float
    last_min: float


def fill(store: EmbeddedStore, recording: Recording) -> None:
    """Insert a recording, in segments as a collector's."""
    held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
    number = 0
    for request in recording.requests():
        signal = Signal(request.signal)
        held[signal] += frame_prefix(len(request.payload)) + request.payload
        if len(held[signal]) >= SEGMENT_BYTES:
            store.insert(signal, bytes(held[signal]), f"{number}")
            held[signal].clear()
            number += 1
    for signal, frames in held.items():
        if frames:
            store.insert(signal, bytes(frames), f"{number}-{signal}")


def is_right(recording: Recording, answer: Explanation) -> bool:
    """Whether the first cause is what was planted (of two faults: both are among the causes)."""
    causes = [cause.to_json() for cause in answer.causes]
    truth = recording.truth
    if truth.is_harmless:
        return not causes and (truth.kind not in LOAD_ONLY or answer.verdict == "load")
    if not causes or not truth.matches(causes[0]):
        return False
    both = truth.kind != "two-faults" or any(truth.others[0].matches(cause) for cause in causes)
    return both and (not truth.others or truth.kind != "two-faults" or len(causes) >= 2)


def ask(kind: str, seed: int, size: Size) -> dict[str, Any]:
    """Plant a fault, store its telemetry, and ask for the cause."""
    config = FleetConfig(
        end_unix_ns=END_NS,
        hosts=size.hosts,
        minutes=size.minutes,
        seed=seed,
        fault=kind,  # type: ignore[arg-type]  # checked by FleetConfig
        spans=size.spans,
        onset_before_end_s=None if size.minutes >= 20 else 60 * size.last_min * (0.55 + 0.03 * (seed % 10)),
    )
    recording = simulate(config)
    store = EmbeddedStore()
    fill(store, recording)
    length, shift = int(size.last_min * 60e9), SHIFT_S * 1_000_000_000
    windows = {
        "right": (END_NS - length, END_NS),
        "early": (END_NS - length - shift, END_NS - shift),
        "late": (END_NS - length + shift, END_NS),
    }
    answers = {name: explain(store, Question(*window)) for name, window in windows.items()}
    store.close()
    answer = answers["right"].to_json()
    return {
        "fault": kind,
        "seed": seed,
        **{name: is_right(recording, one) for name, one in answers.items()},
        "alarm": bool(answers["right"].causes),
        "truth": dict(recording.truth.entity),
        "hosts": list(recording.truth.hosts),
        "detail": dict(recording.truth.detail),
        "verdict": answer["verdict"],
        "symptom": answer["symptom"],
        "causes": [_brief(cause) for cause in answer["causes"]],  # type: ignore[attr-defined]
        "shifted": {
            name: [_brief(one.to_json()) for one in answers[name].causes[:1]] for name in ("early", "late")
        },
        "took_ms": answer["took_ms"],
    }


def _brief(cause: dict[str, Any]) -> dict[str, Any]:
    keys = ("kind", "entity", "fault", "score", "p_value")
    return {key: cause[key] for key in keys} | {"says": cause["evidence"][0]["text"]}


def run_batch(cases: Sequence[tuple[str, int]], size: Size) -> Iterator[dict[str, Any]]:
    """Cases in a process of their own: a line of JSON for each."""
    names = [f"{kind}:{seed}" for kind, seed in cases]
    sizes = [f"--spans={size.spans}", f"--hosts={size.hosts}", f"--minutes={size.minutes}"]
    command = [
        sys.executable,
        "-m",
        "bench.demo_matrix",
        *sizes,
        f"--last={size.last_min}",
        "--batch",
        *names,
    ]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as run,
    ):
        assert run.stdout is not None
        for line in run.stdout:
            yield json.loads(line)
        if run.wait():
            errors.seek(0)
            raise RuntimeError(f"{' '.join(names)}: {errors.read()[-2000:]}")


def summarize(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares over the rows; AC@1 is over faults only, alarms over what is healthy or harmless."""
    faults = [row for row in rows if row["fault"] != "none" and row["truth_is_fault"]]
    quiet = [row for row in rows if row["fault"] == "none"]
    harmless = [row for row in rows if row["fault"] != "none" and not row["truth_is_fault"]]

    def share(of: Sequence[dict[str, Any]], key: str) -> float | None:
        return round(sum(bool(row[key]) for row in of) / len(of), 4) if of else None

    return {
        "kinds": len({row["fault"] for row in faults}),
        "cases": len(faults),
        "ac_at_1": share(faults, "right"),
        "ac_at_1_early": share(faults, "early"),
        "ac_at_1_late": share(faults, "late"),
        "healthy_windows": len(quiet),
        "false_alarms": sum(row["alarm"] for row in quiet),
        "harmless_cases": len(harmless),
        "harmless_right": share(harmless, "right"),
        "by_fault": {
            kind: {
                key: sum(bool(row[key]) for row in rows if row["fault"] == kind)
                for key in ("right", "early", "late")
            }
            | {"of": sum(row["fault"] == kind for row in rows)}
            for kind in dict.fromkeys(row["fault"] for row in rows)
        },
    }


def _training(seeds: Sequence[int], faults: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for row in play_matrix(seeds, faults):
        fault = "none" if row["fault"] == "none" else f"training {row['fault']}"
        hit = row["hit"]
        found.append(
            {**row, "fault": fault, "right": hit, "early": hit, "late": hit, "alarm": not hit,
             "truth_is_fault": fault != "none"}
        )  # fmt: skip
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.demo_matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", nargs="+", choices=REQUEST_KINDS, default=list(REQUEST_KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 11)))
    parser.add_argument("--healthy", type=int, default=0, help="further healthy fleets, seeds 1001 on")
    parser.add_argument(
        "--training", nargs="*", choices=TRAINING_FAULT_NAMES, help="training faults (default: none)"
    )
    parser.add_argument("--spans", type=int, default=150_000)
    parser.add_argument("--hosts", type=int, default=48)
    parser.add_argument("--minutes", type=float, default=16.0)
    parser.add_argument("--last", type=float, default=6.0, help="minutes asked about")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--rows", help="also append each row, as it is found, as a line of JSON to this file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--batch", nargs="+", metavar="FAULT:SEED", help=argparse.SUPPRESS)
    return parser


def main() -> int:
    """Run the command; prints a line a recording and the shares at the end."""
    given = _parser().parse_args()
    size = Size(given.spans, given.hosts, given.minutes, given.last)
    if given.batch:
        for name in given.batch:
            kind, _, seed = name.rpartition(":")
            print(json.dumps(ask(kind, int(seed), size)), flush=True)
        return 0
    cases = [(kind, seed) for kind in given.faults for seed in given.seeds]
    cases += [("none", 1001 + i) for i in range(given.healthy)]
    rows: list[dict[str, Any]] = []
    began = time.monotonic()
    batches = [cases[i : i + 10] for i in range(0, len(cases), 10)]
    one_at_a_time = threading.Lock()

    def play(batch: Sequence[tuple[str, int]]) -> None:
        for row in run_batch(batch, size):
            row["truth_is_fault"] = row["fault"] not in HARMLESS
            with one_at_a_time:
                _keep(row, rows, given.rows)
                _tell(row, len(rows), len(cases), given.json)

    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(play, batches))
    if given.training is not None:
        for row in _training(given.seeds, given.training or TRAINING_FAULT_NAMES):
            _keep(row, rows, given.rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    summary = summarize(rows) | {"machine": machine, "took_s": round(time.monotonic() - began)}
    print(json.dumps({"rows": rows, **summary} if given.json else summary))
    return 0


HARMLESS: Final = frozenset({"none", "traffic-surge", "mix-shift", "long-requests", "missing-telemetry"})


def _keep(row: dict[str, Any], rows: list[dict[str, Any]], path: str | None) -> None:
    """Add a row; also to the file, at once, so that a run that is stopped has told what it found."""
    rows.append(row)
    if path:
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")


def _tell(row: dict[str, Any], number: int, of: int, as_json: bool) -> None:
    marks = "".join("." if row[key] else "X" for key in ("right", "early", "late"))
    line = f"[{number}/{of}] {marks} {row['fault']} seed {row['seed']}: {row['verdict']} {row['took_ms']} ms"
    print(line, file=sys.stderr if as_json else sys.stdout, flush=True)
    if not row["right"] and not as_json:
        print(
            "    " + json.dumps({k: row[k] for k in ("truth", "hosts", "detail", "symptom", "causes")}),
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
