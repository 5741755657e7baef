"""`python -m examples.run_all`: run every system, inject its faults, hold `rootspan why` to the truth.

Owns the table, its progress and its JSON. Exit status 0 if at least nine of ten faults were the first cause
and no healthy run was given a cause; 1 otherwise; 2 for wrong use.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from examples.harness.command import NONE
from examples.harness.installation import Stage, installation
from examples.harness.programs import ExampleFailed
from examples.harness.rows import Row
from examples.harness.truth import Answer, in_words
from examples.systems import ROWS

from rootspan_cli.processes.interrupt import Interrupted, interruptible

WANTED_SHARE = 0.9
NOT_RUN: Answer = {"verdict": "the example did not run", "causes": ()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `why` said of one run."""

    fault: str
    truth: str
    hit: bool
    answer: Answer
    took_s: float

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        causes = self.answer["causes"]
        return {
            "name": self.fault,
            "hit": self.hit,
            "first_cause": causes[0] if causes else {},
            "truth": self.truth,
            "verdict": self.answer["verdict"],
            "took_s": round(self.took_s, 1),
        }


@dataclass(slots=True)
class Told:
    """All outcomes of one system."""

    system: str
    outcomes: list[Outcome] = field(default_factory=list)
    healthy: Outcome | None = None
    skipped: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        told: dict[str, Any] = {
            "system": self.system,
            "faults": [one.to_json() for one in self.outcomes],
            "healthy_false_alarm": self.healthy is not None and not self.healthy.hit,
        }
        if self.healthy is not None and not self.healthy.hit:
            told["healthy_first_cause"] = next(iter(self.healthy.answer["causes"]), {})
        if self.skipped:
            told["skipped"] = self.skipped
        return told


class Progress:
    """Lines on stderr: what runs now, and each outcome as it comes."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._began = time.monotonic()

    def begins(self, system: str, fault: str) -> None:
        """Say what runs."""
        passed = time.monotonic() - self._began
        rest = f", about {passed / self._done * (self._total - self._done):.0f} s to go" if self._done else ""
        print(f"[{self._done + 1}/{self._total}{rest}] {system}: {fault} …", file=sys.stderr, flush=True)

    def ends(self, outcome: Outcome) -> None:
        """Say how it went."""
        self._done += 1
        said = in_words(outcome.answer)
        print(
            f"    {'hit ' if outcome.hit else 'MISS'}  {said}  ({outcome.took_s:.0f} s)",
            file=sys.stderr,
            flush=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status."""
    asked = _arguments(arguments)
    chosen = [row for row in ROWS if not asked.only or any(one in row.system for one in asked.only)]
    if not chosen:
        known = "\n  ".join(row.system for row in ROWS)
        print(
            f"run_all: no system is named like {', '.join(asked.only)}; there are:\n  {known}",
            file=sys.stderr,
        )
        return 2
    plan = {row.system: _faults_of(row, asked.fault) for row in chosen}
    if asked.list:
        for row in chosen:
            print(row.system)
            for fault in plan[row.system]:
                print(f"    {fault}: {row.truth(fault).says}")
        return 0
    progress = Progress(sum(len(faults) for faults in plan.values()))
    told: list[Told] = []
    with installation() as stage:
        for row in chosen:
            one = Told(row.system, skipped=row.missing())
            told.append(one)
            if one.skipped:
                print(f"{row.system}: skipped, {one.skipped}", file=sys.stderr)
                continue
            for fault in plan[row.system]:
                outcome = _play(row, fault, stage, short=asked.short, progress=progress)
                if fault == NONE:
                    one.healthy = outcome
                else:
                    one.outcomes.append(outcome)
    if asked.json:
        print(json.dumps({"rows": [one.to_json() for one in told]}, ensure_ascii=False))
    else:
        _print_table(told)
    return 0 if _is_good(told) else 1


def _faults_of(row: Row, wanted: Sequence[str]) -> list[str]:
    return [fault for fault in (*row.faults, NONE) if not wanted or fault in wanted]


def _play(row: Row, fault: str, stage: Stage, *, short: bool, progress: Progress) -> Outcome:
    progress.begins(row.system, fault)
    began = time.monotonic()
    truth = row.truth(fault)
    try:
        answer = row.ask(stage, row.play(fault, stage, short=short))
        hit = truth.is_told(answer)
    except ExampleFailed as err:  # a miss that is told: what the others said is not lost with it
        print(err, file=sys.stderr)
        answer, hit = NOT_RUN, False
    outcome = Outcome(fault, truth.says, hit, answer, time.monotonic() - began)
    progress.ends(outcome)
    return outcome


def _is_good(told: Sequence[Told]) -> bool:
    faults = [outcome for one in told for outcome in one.outcomes]
    alarms = [one for one in told if one.healthy is not None and not one.healthy.hit]
    return sum(one.hit for one in faults) >= WANTED_SHARE * len(faults) and not alarms


def _print_table(told: Sequence[Told]) -> None:
    from rich.table import Table

    from rootspan_cli.output import terminal

    table = Table("system", "fault", "", "rootspan why says", "truth", box=None, pad_edge=False)
    for one in told:
        shown = one.system
        for outcome in [*one.outcomes, *([one.healthy] if one.healthy else [])]:
            verdict = "[green]hit[/]" if outcome.hit else "[red]MISS[/]"
            table.add_row(shown, outcome.fault, verdict, in_words(outcome.answer), outcome.truth)
            shown = ""
        if one.skipped:
            table.add_row(one.system, "skipped", "", one.skipped, "")
    faults = [outcome for one in told for outcome in one.outcomes]
    healthy = [one.healthy for one in told if one.healthy]
    blamed = sum(bool(one.answer["causes"]) for one in healthy)
    screen = terminal()
    screen.print(table)
    screen.print(
        f"\n{sum(one.hit for one in faults)} of {len(faults)} faults are the first cause; "
        f"{blamed} of {len(healthy)} healthy runs were given a cause"
    )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.run_all", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="WORD", help="systems whose name holds it; repeatable")
    add("--fault", action="append", default=[], metavar="NAME", help="only this fault (or none); repeatable")
    add("--short", action="store_true", help="shorter runs, as the tests make them")
    add("--list", action="store_true", help="name systems, faults and truths, and end")
    add("--json", action="store_true", help="one object on stdout")
    return parser.parse_args(arguments)


def run() -> int:
    """`main` for a shell: a signal ends what runs and removes what was written."""
    try:
        with interruptible():
            return main()
    except Interrupted:
        print("run_all: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(run())
