"""`python -m bench.demo_matrix`: every fault of the demo by many seeds; is the planted cause named first?

Each recording is simulated, stored and asked about in a process of its own. Healthy ones count false alarms.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.embedded import EmbeddedStore
from rootspan_analysis import Question, explain
from rootspan_demo.config import FAULT_NAMES, FleetConfig
from rootspan_demo.recording import simulate
from rootspan_store.ingest import Signal, frame_prefix

_END_NS = 1_795_341_600_000_000_000
_SEGMENT_BYTES = 32 * 1024 * 1024


def ask(
    fault: str, seed: int, *, spans: int, hosts: int, minutes: float, last_min: float
) -> dict[str, object]:
    """Plant a fault, store its telemetry in a folder that is deleted afterwards, and ask for the cause."""
    config = FleetConfig(
        end_unix_ns=_END_NS, hosts=hosts, minutes=minutes, seed=seed, fault=fault, spans=spans
    )  # type: ignore[arg-type]
    recording = simulate(config)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "db")
        held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
        number = 0
        for request in recording.requests():
            signal = Signal(request.signal)
            held[signal] += frame_prefix(len(request.payload)) + request.payload
            if len(held[signal]) >= _SEGMENT_BYTES:
                store.insert(signal, bytes(held[signal]), f"{number}")
                held[signal].clear()
                number += 1
        for signal, frames in held.items():
            if frames:
                store.insert(signal, bytes(frames), f"{number}-{signal}")
        answer = explain(store, Question(_END_NS - int(last_min * 60e9), _END_NS)).to_json()
        store.close()
    causes = answer["causes"]
    truth = recording.truth
    hits = [i for i, cause in enumerate(causes, start=1) if truth.matches(cause)]  # type: ignore[arg-type,var-annotated]
    return {
        "fault": fault,
        "seed": seed,
        "hit_at": hits[0] if hits else 0,
        "right": hits[:1] == [1] if fault != "none" else not causes,
        "truth": dict(truth.entity),
        "detail": dict(truth.detail),
        "verdict": answer["verdict"],
        "symptom": answer["symptom"],
        "causes": [
            {key: cause[key] for key in ("kind", "entity", "fault", "score", "p_value")} for cause in causes
        ],  # type: ignore[attr-defined]
        "took_ms": answer["took_ms"],
    }


def main() -> int:
    """Run the command; prints a line a recording and the shares at the end."""
    parser = argparse.ArgumentParser(prog="python -m bench.demo_matrix")
    parser.add_argument("--faults", nargs="+", choices=FAULT_NAMES, default=list(FAULT_NAMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 11)))
    parser.add_argument("--spans", type=int, default=1_500_000)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--last", type=float, default=15.0, help="minutes asked about")
    parser.add_argument("--one", nargs=2, metavar=("FAULT", "SEED"), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.one:
        found = ask(
            given.one[0],
            int(given.one[1]),
            spans=given.spans,
            hosts=given.hosts,
            minutes=given.minutes,
            last_min=given.last,
        )
        print(json.dumps(found))
        return 0
    rows = []
    for seed in given.seeds:
        for fault in given.faults:
            sizes = [f"--{name}={getattr(given, name)}" for name in ("spans", "hosts", "minutes", "last")]
            command = [sys.executable, "-m", "bench.demo_matrix", "--one", fault, str(seed), *sizes]
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if run.returncode:
                print(run.stderr[-2000:], file=sys.stderr)
                return 1
            row = json.loads(run.stdout.splitlines()[-1])
            rows.append(row)
            if not given.json:
                mark = "right" if row["right"] else "WRONG"
                print(f"{mark} {fault} seed {seed}: {row['verdict']} {row['took_ms']} ms", flush=True)
                if not row["right"]:
                    print(json.dumps(row), flush=True)
    summary = {
        fault: sum(bool(row["right"]) for row in rows if row["fault"] == fault) / len(given.seeds)
        for fault in given.faults
    }
    print(json.dumps({"rows": rows, "right": summary} if given.json else summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
