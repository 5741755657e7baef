"""The command line that request systems share, and a run of one: load, the moment of the fault, the report.

Owns when a fault begins and what is said of it. Knows nothing of the system.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from examples.harness.load import Ask, drive
from examples.harness.marks import mark
from examples.harness.processes import Report

NONE = "none"


def command_line(
    module: str, about: str | None, faults: Mapping[str, str], *, seconds: float, rate: float
) -> argparse.ArgumentParser:
    """A parser with `--seconds`, `--rate`, `--fault`, `--fault-after`, `--list-faults` and `--endpoint`.

    Args:
        faults: By name, one sentence each: what a diagnosis should say.
        seconds, rate: Defaults.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    add = parser.add_argument
    add("--seconds", type=float, default=seconds, help="how long to drive it (default %(default)s)")
    add("--rate", type=float, default=rate, help="requests a second (default %(default)s)")
    add_faults(parser, faults)
    add("--fault-after", type=float, help="when it breaks, in seconds (default: after half of the time)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    return parser


def add_faults(parser: argparse.ArgumentParser, faults: Mapping[str, str]) -> None:
    """Add `--fault` and `--list-faults`."""
    parser.add_argument("--fault", choices=[NONE, *faults], default=NONE, help="what breaks")
    parser.add_argument("--list-faults", action=_ListFaults, nargs=0, faults=faults, help="name them and end")


class _ListFaults(argparse.Action):
    def __init__(self, *, faults: Mapping[str, str], **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self._faults = faults

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        width = max(map(len, self._faults), default=0)
        for name, says in self._faults.items():
            print(f"{name:{width}}  {says}")
        parser.exit()


def stop_event() -> threading.Event:
    """Set by SIGINT or SIGTERM."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def drive_with_fault(
    asked: argparse.Namespace,
    ask: Ask,
    begin_fault: Callable[[], object],
    *,
    stopping: threading.Event,
    surge: float = 1.0,
) -> None:
    """Drive a system; in the middle of it, break it.

    Args:
        begin_fault: Breaks it; returns when that is done. Called for `--fault none`, too.
        surge: From then on, so many times the rate.
    """
    after_s = asked.seconds / 2 if asked.fault_after is None else asked.fault_after
    mark("healthy")

    def strike() -> None:
        begin_fault()
        mark("broken")

    onset = threading.Timer(after_s, strike)
    onset.start()
    try:
        answers = drive(
            ask,
            seconds=asked.seconds,
            rate=lambda passed_s: asked.rate * (surge if passed_s >= after_s else 1.0),
            stopping=stopping,
        )
    finally:
        onset.cancel()
        onset.join()
    mark("done")
    print(answers)


def tell_reports(
    reports: Sequence[tuple[str, Report]], endpoint: str, *, killed: frozenset[str] = frozenset()
) -> int:
    """Say what all processes delivered. Returns 0 when those that were not killed stopped by themselves."""
    sent: Counter[str] = Counter()
    for _, report in reports:
        sent.update(report.sent)
    dropped = sum(report.dropped for _, report in reports)
    print(f"delivered to {endpoint}: {dict(sent) or 'nothing'}; dropped {dropped}")
    unclean = [f"{host} ({one.exit_code})" for host, one in reports if one.exit_code and host not in killed]
    if unclean:
        print(f"did not stop by themselves: {', '.join(unclean)}")
    return 1 if unclean else 0
