"""Small simulated fleets in an in-process database: what they are, how they are stored and asked about."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.embedded import EmbeddedStore

from rootspan_analysis import Explanation, Question, explain
from rootspan_demo.config import FleetConfig
from rootspan_demo.recording import simulate
from rootspan_demo.truth import Truth
from rootspan_store.ingest import Signal, frame_prefix

END_NS = 1_795_341_600_000_000_000
"""A whole minute; recordings end here."""
MINUTES = 14.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """A stored recording and its truth."""

    store: EmbeddedStore
    truth: Truth
    answers: dict[tuple[float, float, int], Explanation] = field(default_factory=dict)

    def ask(self, *, last_min: float = 7.0, shift_s: float = 0.0, top: int = 3) -> Explanation:
        """Ask about the recording's last minutes, or a window shifted into the past; once each."""
        key = last_min, shift_s, top
        if key not in self.answers:
            end = END_NS - int(shift_s * 1e9)
            self.answers[key] = explain(self.store, Question(end - int(last_min * 60e9), end, top=top))
        return self.answers[key]


Plant = Callable[..., Fleet]


def fill(store: EmbeddedStore, config: FleetConfig) -> Truth:
    """Simulate and insert."""
    recording = simulate(config)
    held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
    for request in recording.requests():
        held[Signal(request.signal)] += frame_prefix(len(request.payload)) + request.payload
    for signal, frames in held.items():
        if frames:
            store.insert(signal, bytes(frames), f"{config.fault}-{config.seed}-{signal}")
    return recording.truth
