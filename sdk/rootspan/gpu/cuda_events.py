"""Time on the device, by CUDA events that are read once they have happened.

Owns the pool of events. Never synchronises: recording an event enqueues it, and a time is read only after a
query, which does not wait, said that both its events are over.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol, cast


class Event(Protocol):
    """A CUDA event with timing, as `torch.cuda.Event`."""

    def record(self) -> None:
        """Enqueue it on the current stream."""

    def query(self) -> bool:
        """Whether it has happened, without waiting."""

    def elapsed_time(self, end_event: Event, /) -> float:
        """Milliseconds to a later event; both must have happened."""


class PhaseClock(Protocol):
    """What a step's phases are timed with on the device."""

    def mark(self) -> Event:
        """Begin or end something here, on the current stream."""

    def seconds(self, begin: Event, end: Event) -> float | None:
        """Time between two marks, or None while the later one has not happened."""


class CudaClock:
    """Marks on the current CUDA stream. Events are used again once they were read."""

    def __init__(self, make_event: Callable[[], Event]) -> None:
        self._make, self._free = make_event, list[Event]()

    @classmethod
    def of_torch(cls) -> CudaClock | None:
        """A clock on PyTorch's current device, or None as long as the program does not use a GPU.

        Asking whether there is one would start CUDA, which a program that forks later must not do.
        """
        torch = importlib.import_module("torch")
        if not torch.cuda.is_initialized():
            return None
        return cls(lambda: cast("Event", torch.cuda.Event(enable_timing=True)))

    def mark(self) -> Event:
        """Begin or end something here, on the current stream."""
        event = self._free.pop() if self._free else self._make()
        event.record()
        return event

    def seconds(self, begin: Event, end: Event) -> float | None:
        """Time between two marks, or None while the later one has not happened.

        Reading takes the marks back.
        """
        if not (end.query() and begin.query()):
            return None
        elapsed_s = begin.elapsed_time(end) / 1e3
        self._free += (begin, end)
        return elapsed_s
