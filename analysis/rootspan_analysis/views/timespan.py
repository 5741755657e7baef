"""A range of time as the read models see it: nanoseconds as asked, whole minutes for the rollups, and
buckets.

Pure. The rollups know minutes only, so every figure that comes from them covers `minutes`, not the range
itself.
"""

from dataclasses import dataclass
from typing import Final

from rootspan_analysis.question import NS_PER_S, Window

__all__ = ["Slices", "TimeSpan", "pick_slices", "pick_step"]

MINUTE_S: Final = 60
STEPS_S: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """`from_ns` <= t < `to_ns`, unix nanoseconds."""

    from_ns: int
    to_ns: int

    def __post_init__(self) -> None:
        if self.to_ns <= self.from_ns:
            raise ValueError(
                f"the range ends ({self.to_ns}) before it begins ({self.from_ns}); swap its ends"
            )

    @property
    def from_s(self) -> int:
        """Start of the first minute, unix seconds."""
        return self.from_ns // NS_PER_S // MINUTE_S * MINUTE_S

    @property
    def to_s(self) -> int:
        """End of the last minute, unix seconds."""
        return -(-self.to_ns // (NS_PER_S * MINUTE_S)) * MINUTE_S

    @property
    def minutes(self) -> "TimeSpan":
        """The whole minutes that it lies in."""
        return TimeSpan(self.from_s * NS_PER_S, self.to_s * NS_PER_S)

    @property
    def duration_s(self) -> float:
        """Length as asked, in seconds."""
        return (self.to_ns - self.from_ns) / NS_PER_S

    @property
    def window(self) -> Window:
        """The same as the engine's type."""
        return Window(self.from_ns, self.to_ns)

    def preceding(self) -> "TimeSpan":
        """The whole minutes of the same number just before this range's."""
        length = (self.to_s - self.from_s) * NS_PER_S
        start = self.from_s * NS_PER_S
        return TimeSpan(start - length, start)

    def covered_s(self, first_ns: int, last_ns: int) -> float:
        """Seconds of the range's whole minutes in which there can be data, at least one.

        What a rate divides by.
        """
        begin = max(self.from_s * NS_PER_S, first_ns)
        end = min(self.to_s * NS_PER_S, last_ns)
        return max(1.0, (end - begin) / NS_PER_S)


@dataclass(frozen=True, slots=True)
class Slices:
    """Some seconds of a range that stand for all of it, in a few runs, so that the store reads few blocks.

    Attributes:
        seconds: Unix seconds; empty: the whole range.
        scale: What counts of these seconds are multiplied by.
    """

    seconds: tuple[int, ...]
    scale: float


def pick_slices(span: TimeSpan, *, spans: int, most: int, runs: int = 12) -> Slices:
    """As many seconds of the range as hold about `most` of its spans, in runs spread evenly over it."""
    if spans <= most:
        return Slices((), 1.0)
    first, last = span.from_ns // NS_PER_S, -(-span.to_ns // NS_PER_S)
    length = last - first
    run = max(1, round(length * most / spans / runs))
    pace = max(run, length // runs)
    seconds = tuple(s for start in range(first, last, pace) for s in range(start, min(start + run, last)))
    return Slices(seconds, length / len(seconds))


def pick_step(span: TimeSpan, *, most: int = 120) -> int:
    """Shortest bucket, in seconds, with which the range has at most `most` buckets."""
    length = span.to_s - span.from_s
    return next((step for step in STEPS_S if length <= step * most), STEPS_S[-1])
