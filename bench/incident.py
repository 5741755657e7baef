"""`python -m bench.incident`: how soon is a fault in a live `rootspan up` an incident with the right cause?

For each kind of fault: a real `up` (store, collector, watcher) on free ports and an empty folder, a simulated
fleet whose healthy past is sent first with the stamps it had and whose present is sent as it happens, each
batch when its senders would let it go. Once the fault has begun, the table of incidents is looked at twice a
second. A healthy run has to open nothing. Exit status 1 if a fault was not found in time, or named wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from tests.support.installation import UpProcess

from rootspan_analysis.watch import Incident, incidents
from rootspan_demo import FleetConfig, OtlpRequest, Recording, SendSettings, send, simulate
from rootspan_demo.config import FAULT_NAMES, SCENARIO_NAMES
from rootspan_store.client import connect

__all__ = ["Played", "Size", "play"]

NS_PER_S: Final = 1_000_000_000
TARGET_S: Final = 60.0
POLL_S: Final = 0.5
STAYS_S: Final = 5.0
"""The right answer is looked at for so much longer."""
LOAD_ONLY: Final = frozenset({"traffic-surge", "long-requests"})
"""Harmless events of which `load` may be told, as the verdict of an incident without a cause."""
KINDS: Final = (*FAULT_NAMES, *SCENARIO_NAMES)


@dataclass(frozen=True, slots=True)
class Size:
    """The fleet, and how it is watched.

    Attributes:
        hosts: Rankers; the services around them come on top.
        minutes: Of healthy past that is stored before the fault.
        spans_per_s: After head sampling.
        flush_s: How long senders hold spans back; OpenTelemetry's batch processor does for 5 s.
        lead_s: From the simulation's begin to the fault: for sending the past and watching a healthy present.
        after_s: Looked at for so long after the fault began.
        healthy_s: Looked at for so long where nothing is wrong.
    """

    hosts: int
    minutes: float
    spans_per_s: float
    flush_s: float
    lead_s: float
    after_s: float
    healthy_s: float


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one fault.

    Attributes:
        opened_s: From the fault's begin to the first incident's row; None without one.
        right_s: To the first row whose first cause is what was planted.
        early: Incidents that were opened before the fault began.
        incidents: All of them.
        first, last: First cause of the first incident when it had one, and at the end.
        symptom: The first incident's worst breach.
        late_s: Of the sender behind the simulation's clock, at most.
        load: Of the machine, one minute's mean at the end.
        right: Whether the right cause was there in time, and nothing before; of a healthy or harmless run,
            whether no cause was named.
    """

    fault: str
    seed: int
    opened_s: float | None
    right_s: float | None
    early: int
    incidents: int
    first: str
    last: str
    symptom: str
    truth: str
    late_s: float
    load: float
    right: bool


class _Stream:
    """Sends a recording: what lies in the past at once, the rest when its time has come."""

    def __init__(self, recording: Recording, endpoint: str, flush_s: float) -> None:
        self._stamped = recording.stamped(flush_s=flush_s)
        self._stop = threading.Event()
        self.now_ns = 0
        self.late_s = 0.0
        settings = SendSettings(endpoint=endpoint, in_flight=4)
        self._thread = threading.Thread(target=lambda: send(self._due(), settings), daemon=True)
        self._thread.start()

    def _due(self) -> Iterator[OtlpRequest]:
        was_live = False
        for one in self._stamped:
            wait_s = (one.sent_unix_ns - time.time_ns()) / NS_PER_S
            if self._stop.wait(max(0.0, wait_s)):
                return
            was_live = was_live or wait_s > 0
            self.late_s = max(self.late_s, -wait_s if was_live else 0.0)
            self.now_ns = one.sent_unix_ns
            yield one.request

    def end(self) -> None:
        """Stop sending; what is on its way arrives."""
        self._stop.set()
        self._thread.join(60)


def play(fault: str, seed: int, size: Size, folder: Path) -> Played:
    """Bring an installation up, plant the fault in its live stream, and see what the watcher makes of it.

    Raises:
        RuntimeError: The past was not sent before the fault began: the machine is too slow for this size.
    """
    after_s = size.healthy_s if fault == "none" else size.after_s
    up = UpProcess(folder)
    with up.running():
        onset_ns = time.time_ns() + round(size.lead_s * NS_PER_S)
        past_s = size.minutes * 60
        recording = simulate(
            FleetConfig(
                end_unix_ns=onset_ns + round(after_s) * NS_PER_S,
                hosts=size.hosts,
                minutes=(past_s + round(after_s)) / 60,
                seed=seed,
                fault=fault,  # type: ignore[arg-type]  # checked by FleetConfig
                spans=round(size.spans_per_s * (past_s + after_s)),
                onset_before_end_s=float(round(after_s)),
            )
        )
        stream = _Stream(recording, up.collector, size.flush_s)
        client = connect(up.store)
        try:
            return _follow(lambda: incidents(client), recording, stream, onset_ns, after_s)
        finally:
            stream.end()
            client.close()
            up.stop()


def _follow(
    look: Callable[[], Sequence[Incident]],
    recording: Recording,
    stream: _Stream,
    onset_ns: int,
    after_s: float,
) -> Played:
    truth, early = recording.truth, 0
    opened_s: float | None = None
    right_s: float | None = None
    first = last = symptom = ""
    found: Sequence[Incident] = ()
    while (since_s := (time.time_ns() - onset_ns) / NS_PER_S) < after_s:
        if since_s >= 0 and stream.now_ns < onset_ns - 10 * NS_PER_S:
            behind_s = (onset_ns - stream.now_ns) / NS_PER_S
            raise RuntimeError(
                f"as the fault begins, the stream is {behind_s:.0f} s behind; "
                "take a smaller fleet or a longer --lead-s"
            )
        found = sorted(look(), key=lambda each: each.opened_ns)
        early = len(found) if since_s < 0 else early
        for one in found[:1]:
            opened_s = (one.opened_ns - onset_ns) / NS_PER_S
            symptom = one.lead.text
            last = _words(one)
            first = first or (last if one.causes else "")
        if right_s is None and any(one.causes and truth.matches(one.causes[0]) for one in found):
            right_s = (time.time_ns() - onset_ns) / NS_PER_S
        if right_s is not None and since_s > right_s + STAYS_S:
            break
        time.sleep(POLL_S)
    if truth.is_harmless:
        right = not any(one.causes for one in found) if truth.kind in LOAD_ONLY else not found
    else:
        right = right_s is not None and right_s <= TARGET_S and not early
    return Played(
        fault=truth.kind,
        seed=recording.config.seed,
        opened_s=None if opened_s is None else round(opened_s, 1),
        right_s=None if right_s is None else round(right_s, 1),
        early=early,
        incidents=len(found),
        first=first,
        last=last,
        symptom=symptom,
        truth=" ".join([*truth.entity.values(), ",".join(truth.hosts)]).strip(),
        late_s=round(stream.late_s, 1),
        load=round(os.getloadavg()[0], 1),
        right=right,
    )


def _words(one: Incident) -> str:
    if not one.causes:
        return one.verdict
    first: Mapping[str, Any] = one.causes[0]
    return f"{first['kind']} {first['fault']}: {' '.join(first['entity'].values())}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.incident", description=__doc__)
    parser.add_argument("--faults", nargs="+", choices=KINDS, default=list(FAULT_NAMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument(
        "--all", action="store_true", help=f"all {len(KINDS)} kinds: about a minute and a half each"
    )
    parser.add_argument("--hosts", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=15.0, help="of healthy past")
    parser.add_argument("--spans-per-s", type=float, default=500.0, help="after head sampling")
    parser.add_argument("--flush-s", type=float, default=5.0, help="how long senders hold spans back")
    parser.add_argument("--lead-s", type=float, default=40.0, help="from the run's begin to the fault's")
    parser.add_argument("--after-s", type=float, default=90.0, help="how long a fault is waited for")
    parser.add_argument(
        "--healthy-s", type=float, default=180.0, help="how long a healthy fleet is looked at"
    )
    parser.add_argument("--keep", type=Path, help="folder in which each run's data and logs stay")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each run")
    return parser


def main() -> int:
    """Play each kind and print a line about it."""
    given = _parser().parse_args()
    size = Size(**{one.name: getattr(given, one.name) for one in fields(Size)})
    wrong = 0
    for fault in KINDS if given.all else given.faults:
        for seed in given.seeds:
            with tempfile.TemporaryDirectory(prefix="rootspan-incident-") as folder:
                where = Path(folder) if given.keep is None else given.keep / f"{fault}-{seed}"
                played = play(fault, seed, size, where)
            wrong += not played.right
            print(json.dumps(asdict(played)) if given.json else _line(played), flush=True)
    return 1 if wrong else 0


def _line(one: Played) -> str:
    def seconds(value: float | None) -> str:
        return "     -" if value is None else f"{value:5.1f}s"

    told = f"opened {seconds(one.opened_s)}  right {seconds(one.right_s)}  load {one.load:4.1f}"
    late = f", sender {one.late_s:.1f} s late" if one.late_s > 1 else ""
    mark = "ok   " if one.right else "WRONG"
    line = f"{mark} {one.fault:<18} seed {one.seed:<3} {told}  {one.last or 'nothing opened'}{late}"
    if one.right:
        return line
    further = {"planted": one.truth, "first": one.first, "symptom": one.symptom}
    more = f"{one.incidents} incidents, {one.early} before the fault"
    return line + f"\n      {more}; " + "; ".join(f"{name}: {text}" for name, text in further.items() if text)


if __name__ == "__main__":
    sys.exit(main())
