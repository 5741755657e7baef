"""`python -m bench.rca --cases DIR`: is the labelled cause among the first, for every incident of every pack?

Each pack goes into a fresh database in a process of its own. The engine is given the window and nothing else;
history is what lies before it. An incident is hit at k if one of the first k causes has an entity value equal
to a name in its truth; truth level `none` is hit only by no cause at all.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.embedded import EmbeddedStore
from bench.rca_training import score_training
from rootspan_analysis import Explanation, Question, explain

_TOP = 5
_QUARTER_NS = 900_000_000_000
_RECOVERY_NS = 60_000_000_000
"""After an incident, before a window counts as one just before the next."""
_RANK_ATTRIBUTES = {"dp": "training.dp_rank", "pp": "training.pp_rank", "rank": "training.rank"}


@dataclass(frozen=True, slots=True)
class Row:
    """One question: where the truth stood in the answer (0: nowhere), and what was named.

    `training` holds what rank-level and silent truths are scored by beyond that; else it is empty.
    """

    incident: str
    fault: str
    hit_at: int
    verdict: str
    named: tuple[Mapping[str, str], ...]
    seconds: float
    training: Mapping[str, Any]


def matches(entity: Mapping[str, str], name: str) -> bool:
    """Whether an entity is what a label names: an equal value, or equal rank attributes for `dp=0,pp=0`."""
    if name in entity.values():
        return True
    parts = [part.partition("=") for part in name.split(",")]
    known = all(sign and key in _RANK_ATTRIBUTES for key, sign, _ in parts)
    return known and all(entity.get(_RANK_ATTRIBUTES[key]) == value for key, _, value in parts)


def hit_at(answer: Explanation, truth: Mapping[str, Any]) -> int:
    """Rank of the first right cause; 0 if there is none. For level `none`, 1 if no cause is named."""
    if truth["level"] == "none":
        return 0 if answer.causes else 1
    for cause in answer.causes:
        if any(matches(cause.entity, name) for name in truth["names"]):
            return cause.rank
    return 0


def ask_all(pack: Path) -> dict[str, Any]:
    """Load a pack and ask about each of its incidents and healthy windows."""
    case = json.loads((pack / "case.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "db")
        store.load(pack)
        rows = []
        for incident in case["incidents"]:
            began = time.monotonic()
            answer = explain(store, Question(incident["start_unix_ns"], incident["end_unix_ns"], top=_TOP))
            rows.append(
                Row(
                    incident=incident["id"],
                    fault=incident["fault"],
                    hit_at=hit_at(answer, incident["truth"]),
                    verdict=answer.verdict,
                    named=tuple(cause.entity for cause in answer.causes),
                    seconds=time.monotonic() - began,
                    training=score_training(answer, incident["truth"]),
                )
            )
        before = [
            (explain(store, Question(*window)), incident["truth"])
            for window, incident in pre_onset(case["incidents"])
        ]
        healthy = [
            explain(store, Question(start_ns, end_ns))
            for one in case["healthy"]
            for start_ns, end_ns in quarters(one["start_unix_ns"], one["end_unix_ns"])
        ]
        store.close()
    return {**_score(rows), **_quiet(healthy), **_before(before), "questions": [_plain(row) for row in rows]}


def quarters(start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """A healthy window as it would be asked about: quarters of an hour, of those longer than an hour."""
    if end_ns - start_ns <= 4 * _QUARTER_NS:
        return [(start_ns, end_ns)]
    return [(at, at + _QUARTER_NS) for at in range(start_ns, end_ns - _QUARTER_NS + 1, _QUARTER_NS)]


def pre_onset(incidents: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[int, int], Mapping[str, Any]]]:
    """Windows as long as an incident that end where it begins, unless another incident is or just was on.

    Labels say when a fault was injected; that nothing else was wrong then, nobody says.
    """
    found = []
    over_ns = 0
    for one in sorted(incidents, key=lambda each: int(each["start_unix_ns"])):
        start, end = one["start_unix_ns"], one["end_unix_ns"]
        before = min(start, one["onset_unix_ns"] or start)
        begin = before - (end - start)
        if one["truth"]["level"] != "none" and one["onset_unix_ns"] and begin >= over_ns + _RECOVERY_NS:
            found.append(((int(begin), int(before)), one))
        over_ns = max(over_ns, end)
    return found


def _score(rows: Sequence[Row]) -> dict[str, Any]:
    def at(k: int, of: Sequence[Row]) -> float:
        return sum(0 < row.hit_at <= k for row in of) / len(of) if of else 0.0

    by_fault = {}
    for fault in sorted({row.fault for row in rows}):
        some = [row for row in rows if row.fault == fault]
        by_fault[fault] = {"incidents": len(some), "ac_at_1": at(1, some), "ac_at_3": at(3, some)}
    return {
        "incidents": len(rows),
        "ac_at_1": at(1, rows),
        "ac_at_3": at(3, rows),
        "avg_at_5": sum(at(k, rows) for k in range(1, 6)) / 5,
        "mrr": sum(1 / row.hit_at for row in rows if row.hit_at) / max(len(rows), 1),
        "s_per_question": sum(row.seconds for row in rows) / max(len(rows), 1),
        "by_fault": by_fault,
    }


def _quiet(healthy: Sequence[Explanation]) -> dict[str, Any]:
    return {
        "healthy_windows": len(healthy),
        "healthy_hours": sum(one.window.duration_s for one in healthy) / 3600,
        "false_alarms": sum(bool(one.causes) for one in healthy),
    }


def _before(asked: Sequence[tuple[Explanation, Mapping[str, Any]]]) -> dict[str, Any]:
    alarms = [(answer, truth) for answer, truth in asked if answer.causes]
    return {
        "pre_onset_windows": len(asked),
        "pre_onset_alarms": len(alarms),
        # The label is late, or the faulty build was running already.
        "pre_onset_alarms_of_the_next": sum(hit_at(answer, truth) == 1 for answer, truth in alarms),
    }


def _plain(row: Row) -> dict[str, Any]:
    return {
        "incident": row.incident,
        "fault": row.fault,
        "hit_at": row.hit_at,
        "verdict": row.verdict,
        "named": [dict(one) for one in row.named],
        "seconds": round(row.seconds, 3),
        **({"training": dict(row.training)} if row.training else {}),
    }


def main() -> int:
    """Run the command. Returns 0, or 2 when there is no pack."""
    parser = argparse.ArgumentParser(prog="python -m bench.rca", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, required=True, help="folder of packs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pack", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pack:
        print(json.dumps(ask_all(given.pack)))
        return 0
    packs = sorted(path.parent for path in given.cases.glob("*/case.json"))
    if not packs:
        print(f"no pack (a folder with case.json) in {given.cases}; build them first", file=sys.stderr)
        return 2
    found = {}
    for pack in packs:
        command = [sys.executable, "-m", "bench.rca", "--cases", str(given.cases), "--pack", str(pack)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            print(f"{pack.name}: {run.stderr[-2000:]}", file=sys.stderr)
            return 1
        found[pack.name] = json.loads(run.stdout.splitlines()[-1])
        if not given.json:
            _print(pack.name, found[pack.name])
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(json.dumps({"packs": found, "machine": machine}) if given.json else machine)
    return 0


def _print(name: str, score: Mapping[str, Any]) -> None:
    print(
        f"{name}: {score['incidents']} incidents, AC@1 {score['ac_at_1']:.2f}, AC@3 {score['ac_at_3']:.2f}, "
        f"Avg@5 {score['avg_at_5']:.2f}, MRR {score['mrr']:.2f}; {score['false_alarms']} false alarms in "
        f"{score['healthy_windows']} healthy windows; {score['pre_onset_alarms']} in "
        f"{score['pre_onset_windows']} just before an onset, "
        f"{score['pre_onset_alarms_of_the_next']} of them what then came; "
        f"{score['s_per_question']:.2f} s a question"
    )
    for fault, part in score["by_fault"].items():
        shares = f"AC@1 {part['ac_at_1']:.2f}, AC@3 {part['ac_at_3']:.2f}"
        print(f"    {fault}: {part['incidents']} incidents, {shares}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
