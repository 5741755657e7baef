"""What a person asks: a window, and where to look. Checked at once; opens nothing."""

from dataclasses import dataclass
from typing import Final

from rootspan_analysis.errors import QuestionError

__all__ = ["MAX_CAUSES", "Question", "Window"]

NS_PER_S: Final = 1_000_000_000
SHORTEST_S: Final = 0.1
"""A few steps of a training job fit in a second; requests need far more and answer `not_enough_data`."""
LONGEST_S: Final = 7 * 24 * 3600
"""Steps of a training job may be sampled over days."""
MAX_CAUSES: Final = 20


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time, `from_ns` <= t < `to_ns`, in unix nanoseconds."""

    from_ns: int
    to_ns: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.to_ns - self.from_ns) / NS_PER_S

    def to_json(self) -> dict[str, int]:
        """As `why --json` writes a window."""
        return {"from_unix_ns": self.from_ns, "to_unix_ns": self.to_ns}


@dataclass(frozen=True, slots=True)
class Question:
    """Why was it slow or broken between `from_ns` and `to_ns`?

    The fault may have begun anywhere within the window, or shortly before it.

    Attributes:
        from_ns, to_ns: Unix nanoseconds, half-open; 0.1 s to 7 days long.
        service: Consider requests that touch this service only; None: all.
        job: Consider spans of this training job only; None: all.
        noticed: Services of which it is known that somebody suffers, such as by a missed objective.
        top: Most causes to name, 1-20.

    Raises:
        QuestionError: The window is empty, reversed, too short or too long, or `top` is out of range.
    """

    from_ns: int
    to_ns: int
    service: str | None = None
    job: str | None = None
    top: int = 3
    noticed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        length_s = (self.to_ns - self.from_ns) / NS_PER_S
        if length_s <= 0:
            raise QuestionError(
                f"the window ends {-length_s:.0f} s before it begins ({self.from_ns} to {self.to_ns}); "
                "give --from before --to"
            )
        if not SHORTEST_S <= length_s <= LONGEST_S:
            raise QuestionError(
                f"the window is {length_s:.1f} s long, outside {SHORTEST_S}-{LONGEST_S} s; "
                "ask for a window of that length"
            )
        if self.from_ns < 0:
            raise QuestionError(f"the window begins at {self.from_ns}, before 1970; give unix nanoseconds")
        if not 1 <= self.top <= MAX_CAUSES:
            raise QuestionError(f"top is {self.top}, outside 1-{MAX_CAUSES}; choose a number in that range")

    @property
    def window(self) -> Window:
        """The window asked about."""
        return Window(self.from_ns, self.to_ns)
