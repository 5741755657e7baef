"""Trace and span ids from counters, and the head sampler that decides by them.

A 64-bit mixing bijection makes ids look random, differ for different counters, and need no memory.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SPANS_PER_TRACE", "TraceIds"]

SPANS_PER_TRACE: Final = 32
"""Room for span slots in a trace's block of counters."""
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
UInts = NDArray[np.uint64]


class TraceIds:
    """Ids of one recording; another seed gives other ids."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._high, self._low, self._span = rng.integers(1, 2**63, 3, dtype=np.uint64)

    def sampled(self, trace: NDArray[np.int64], ratio: float) -> NDArray[np.bool_]:
        """Traces that a TraceIdRatioBased sampler keeps: their lower id half is below ratio * 2**64."""
        if ratio >= 1:
            return np.ones(len(trace), dtype=np.bool_)
        kept: NDArray[np.bool_] = _mix(trace.astype(np.uint64) + self._low) < np.uint64(int(ratio * 2**64))
        return kept

    def trace_bytes(self, trace: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Trace ids as (n, 16) bytes."""
        counter = trace.astype(np.uint64)
        halves = np.stack([_mix(counter + self._high), _mix(counter + self._low)], axis=1)
        return halves.astype(">u8").view(np.uint8).reshape(len(trace), 16)

    def span_bytes(self, trace: NDArray[np.int64], slot: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Span ids as (n, 8) bytes; `slot` is the span's number in its trace, below SPANS_PER_TRACE."""
        counter = (trace * SPANS_PER_TRACE + slot).astype(np.uint64) + self._span
        return _mix(counter).astype(">u8").view(np.uint8).reshape(len(trace), 8)


def _mix(counter: UInts) -> UInts:
    """Steele's splitmix64 finaliser (a bijection on 64 bits)."""
    z = counter * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
