"""`python -m bench.watch_delay`: how soon does the watcher name a fault, on a fast machine?

In virtual time: a simulated fleet's requests are stored when its senders would have sent them, and a real
watcher looks every five seconds of the simulation's clock. What a machine needs for its work does not count,
but for how long answers are said to take, by which the watcher spaces its questions. `bench.incident` does
the same in real time.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bench.demo_matrix import REQUEST_KINDS
from bench.embedded import EmbeddedStore
from rootspan_analysis import Explanation, Question
from rootspan_analysis.reader import Reader
from rootspan_analysis.watch import Incident, Watcher, WatchSettings, asking
from rootspan_demo import FleetConfig, OtlpRequest, Recording, simulate
from rootspan_store.ingest import Signal, frame_prefix

S: Final = 1_000_000_000
T0_NS: Final = 1_795_341_600 * S
"""A whole minute."""
TARGET_S: Final = 60
PAST_S: Final = 900
LEAD_S, AFTER_S, EVERY_S = 40, 90, 5
SPANS_PER_S: Final = 500
HOSTS: Final = 24
FLUSH_S: Final = 5.0
VISIBLE_S: Final = 2.0
"""From sent to visible in the store."""


@dataclass(frozen=True, slots=True)
class Delay:
    """What became of one fault; seconds after it began, None: not within 90 s.

    Attributes:
        opened_s: When the first incident was opened.
        right_s: When the planted cause was first.
        said: What the first incident says at the end.
        right: Whether the planted cause was there in time; of what is harmless, whether no cause was named.
    """

    opened_s: int | None
    right_s: int | None
    said: str
    right: bool


class _Feed:
    """Stores a recording as its senders send it."""

    def __init__(self, recording: Recording, store: EmbeddedStore) -> None:
        self._store, self._n = store, 0
        self._stamped = recording.stamped(flush_s=FLUSH_S)
        self._next = next(self._stamped, None)

    def until(self, now_ns: int) -> None:
        """Store what is visible by then."""
        held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
        for request in self._sent(now_ns - int(VISIBLE_S * S)):
            held[Signal(request.signal)] += frame_prefix(len(request.payload)) + request.payload
        for signal, frames in held.items():
            if frames:
                self._n += 1
                self._store.insert(signal, bytes(frames), str(self._n))

    def _sent(self, until_ns: int) -> Iterator[OtlpRequest]:
        while self._next is not None and self._next.sent_unix_ns <= until_ns:
            yield self._next.request
            self._next = next(self._stamped, None)


def play(fault: str, seed: int, onset_ns: int) -> Delay:
    """Watch a fleet on which a fault begins at `onset_ns`."""
    recording = simulate(
        FleetConfig(
            end_unix_ns=onset_ns + AFTER_S * S,
            hosts=HOSTS,
            minutes=(PAST_S + AFTER_S) / 60,
            seed=seed,
            fault=fault,  # type: ignore[arg-type]  # checked by FleetConfig
            spans=SPANS_PER_S * (PAST_S + AFTER_S),
            onset_before_end_s=float(AFTER_S),
        )
    )
    store = EmbeddedStore()
    try:
        feed, watcher = _Feed(recording, store), Watcher(store, WatchSettings(every_s=EVERY_S))
        opened_s: int | None = None
        right_s: int | None = None
        is_accused = False
        found: Sequence[Incident] = ()
        for after_s in range(-LEAD_S, AFTER_S + 1, EVERY_S):
            now_ns = onset_ns + after_s * S
            feed.until(now_ns)
            found = watcher.look(now_ns).open
            is_accused = is_accused or any(one.causes for one in found)
            if found and opened_s is None:
                opened_s = after_s
            if right_s is None and any(
                one.causes and recording.truth.matches(one.causes[0]) for one in found
            ):
                right_s = after_s
        is_right = right_s is not None and right_s <= TARGET_S
        if recording.truth.is_harmless:
            is_right = not is_accused
        return Delay(opened_s, right_s, found[0].title if found else "nothing is open", is_right)
    finally:
        store.close()


def main() -> int:
    """Play each kind and print a line about it; exit status 1 if one is not right."""
    parser = argparse.ArgumentParser(prog="python -m bench.watch_delay", description=__doc__)
    parser.add_argument("--faults", nargs="+", choices=REQUEST_KINDS, default=list(REQUEST_KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--answer-ms", type=int, default=500, help="how long an answer is said to take")
    parser.add_argument("--offset-s", type=float, default=1.0, help="from a whole minute to the fault")
    given = parser.parse_args()
    explain = asking.explain

    def explain_in(client: Reader, question: Question) -> Explanation:
        return replace(explain(client, question), took_ms=given.answer_ms)

    asking.explain = explain_in
    wrong = 0
    for fault in given.faults:
        for seed in given.seeds:
            delay = play(fault, seed, T0_NS + int(given.offset_s * S))
            wrong += not delay.right
            opened, right = ("   -" if at is None else f"{at:3d}s" for at in (delay.opened_s, delay.right_s))
            mark = "ok   " if delay.right else "WRONG"
            print(
                f"{mark} {fault:<18} seed {seed:<3} opened {opened}  right {right}  {delay.said}", flush=True
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
