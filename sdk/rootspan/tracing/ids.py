"""Trace and span ids that do not collide and leave the program's random numbers alone.

OpenTelemetry's default generator draws from the global `random`: ranks that are seeded alike then share their
ids, and tracing changes what a seeded program computes. Here the bits come from the kernel, a block at a
time, because a system call for every id costs more than the id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import get_ident

from opentelemetry.sdk.trace.id_generator import IdGenerator

_BLOCK_WORDS = 512
_WORD_BYTES = 8


CHOSEN: dict[int, int] = {}
"""Trace ids chosen for the next root, by thread. Empty but for moments: who draws an id asks no more."""


@contextmanager
def trace_id_of_root(trace_id: int) -> Iterator[None]:
    """Have the next root span that this thread starts inside the block begin the given trace.

    For trace ids that several processes derive alike from what they do. Our generators heed it; with another
    one the root gets an id of its own.
    """
    thread = get_ident()
    CHOSEN[thread] = trace_id
    try:
        yield
    finally:
        CHOSEN.pop(thread, None)


class KernelIdGenerator(IdGenerator):
    """Draws ids from `os.urandom`.

    Thread-safe without a lock; a forked child never repeats its parent's ids.
    """

    def __init__(self) -> None:
        self._words: list[int] = []
        self.draw = self._words.pop
        """The next 64 random bits, as fast as can be; IndexError when the block is used up, and then
        `generate_span_id` draws another one. list.pop is atomic: no two threads get the same word."""
        # A block belongs to the process that drew it. Where no fork exists, there is nothing to forget.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._words.clear)

    def generate_span_id(self) -> int:
        """64 random bits, never 0."""
        while True:
            try:
                word = self._words.pop()
            except IndexError:
                self._words.extend(_draw())
                continue
            if word:
                return word

    def generate_trace_id(self) -> int:
        """128 random bits, never 0; or the id that this thread chose."""
        if CHOSEN and (chosen := CHOSEN.pop(get_ident(), 0)):
            return chosen
        return self.generate_span_id() << 64 | self.generate_span_id()

    def is_trace_id_random(self) -> bool:
        """True: the W3C random-trace-id flag may be set, ratio samplers may trust the low bits."""
        return True


class CountingIdGenerator(IdGenerator):
    """Ids 1, 2, 3 and so on, for tests. Traces and spans count apart."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin at 1 again."""
        self._trace_ids, self._span_ids = count(1), count(1)

    def generate_span_id(self) -> int:
        """The next span id."""
        return next(self._span_ids)

    def generate_trace_id(self) -> int:
        """The next trace id, or the one that this thread chose."""
        return CHOSEN.pop(get_ident(), 0) or next(self._trace_ids)


def _draw() -> list[int]:
    block = os.urandom(_BLOCK_WORDS * _WORD_BYTES)
    return list(memoryview(block).cast("Q"))
