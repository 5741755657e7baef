"""Lays time out: how much history a question gets, and the buckets in which everything is counted.

Owns the choice of history and of the bucket's length. Does not decide where in the window the fault began.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.question import NS_PER_S, Question, Window
from rootspan_analysis.reader import Ints, Reader, Value, fetch, numbers

__all__ = ["Timeline", "lay_out", "sampling"]

HISTORY_MINUTES: Final = (30, 60)
"""At least and at most; between them twice the window. Only minutes that hold data count."""
LOOK_BACK_S: Final = 24 * 3600
NEAR_S: Final = 3 * 3600
"""Looked through first; the rest of the day only where that holds too little."""
MAX_SPANS: Final = 3_000_000
"""Above this, traces are sampled by the hash of their id: the answer stays, and so does the time it takes."""
SAMPLED: Final = 8
"""One trace in so many is kept in a narrow table of its own, which is read then (migration 23)."""
LEVELS: Final = 7
"""The table is sorted by how often one in eight can be halved, up to so often."""
MAX_SAMPLED: Final = 300_000
"""Spans of it to read at most: whole services and places need no more, and hosts are told by the rollup."""
BUCKETS_S: Final = (10, 15, 20, 30, 60, 120, 300, 600, 1800)
BUCKETS_PER_WINDOW: Final = 60
BUCKETS_LEAST: Final = 8
MINUTE_S: Final = 60
MINUTES_FROM_S: Final = 300
"""Windows from which on a large fleet is looked at by minutes, which the rollup has of every host."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Buckets of equal length that hold data, oldest first.

    Attributes:
        origin_ns: The question's begin; bucket 0 starts there, history has negative numbers.
        bucket_s: Length of a bucket.
        numbers: Bucket numbers in use, ascending; gaps in the data are left out.
        start_ns, end_ns: What is read of the store.
        modulus: One trace in this many is read.
        sampled: Whether from the table of sampled traces.
        spans: Spans stored between start and end.
    """

    origin_ns: int
    bucket_s: int
    numbers: Ints
    start_ns: int
    end_ns: int
    modulus: int
    sampled: bool
    spans: int

    @property
    def size(self) -> int:
        """Number of buckets."""
        return len(self.numbers)

    @property
    def first(self) -> int:
        """Place of the window's first bucket; as many buckets are history."""
        return int(np.searchsorted(self.numbers, 0))

    def places(self, bucket: Ints) -> Ints:
        """Places of bucket numbers on the timeline; -1 where it has none."""
        place = np.searchsorted(self.numbers, bucket)
        place = np.minimum(place, self.size - 1)
        return np.where(self.numbers[place] == bucket, place, -1)

    def at_ns(self, place: int) -> int:
        """When the bucket at `place` begins; for `place == size`, when the last one ends."""
        if place >= self.size:
            return min(self.end_ns, self.at_ns(self.size - 1) + self.bucket_s * NS_PER_S)
        return self.origin_ns + int(self.numbers[place]) * self.bucket_s * NS_PER_S

    @property
    def has_minutes(self) -> bool:
        """Whether the rollup's minutes are to be read beside a sample: its buckets are no shorter."""
        return self.sampled and self.bucket_s >= MINUTE_S

    def parameters(self, question: Question) -> dict[str, Value]:
        """Parameters that all cell queries share."""
        return {
            "from_ns": self.start_ns,
            "to_ns": self.end_ns,
            "origin_ns": self.origin_ns,
            "bucket_ns": self.bucket_s * NS_PER_S,
            "modulus": self.modulus,
            "sampled": int(self.sampled),
            "level": min(LEVELS, (self.modulus // SAMPLED).bit_length() - 1) if self.sampled else 0,
            "service": question.service or "",
            "job": question.job or "",
        }


def _bucket_s(window: Window) -> int:
    """A sixtieth of the window, at least 30 s where the window allows eight such buckets."""
    wanted = min(max(window.duration_s / BUCKETS_PER_WINDOW, 30), window.duration_s / BUCKETS_LEAST)
    return next((one for one in reversed(BUCKETS_S) if one <= wanted), BUCKETS_S[0])


def lay_out(client: Reader, question: Question) -> Timeline:
    """Choose history and buckets. `size` is 0 when nothing is stored.

    History is the time before the window: the latest 30-60 minutes that hold spans, within a day.

    Raises:
        StoreError: The store did not answer.
    """
    window = question.window
    from_s = window.from_ns // NS_PER_S
    to_s = -(-window.to_ns // NS_PER_S)
    wanted = int(np.clip(2 * window.duration_s / 60, *HISTORY_MINUTES))
    for look_back_s in (NEAR_S, LOOK_BACK_S):
        table = fetch(client, "minutes", {"from_s": from_s - look_back_s, "to_s": to_s})
        minute = numbers(table, "minute_s").astype(np.int64)
        spans = numbers(table, "spans")
        if (minute < from_s - 59).sum() >= wanted:
            break
    history = minute[minute < from_s - 59][-wanted:]
    start_s = int(history[0]) if len(history) else from_s
    used = minute >= start_s
    total = int(spans[used].sum())
    modulus, sampled = sampling(client, total, min(start_s, from_s))
    bucket_s = _bucket_s(window)
    if sampled and window.duration_s >= MINUTES_FROM_S:
        bucket_s = max(bucket_s, MINUTE_S)
    bucket = np.unique(
        np.concatenate(
            [
                np.arange((one - from_s) // bucket_s, -((from_s - one - 60) // bucket_s))
                for one in minute[used].tolist()
            ]
            or [np.empty(0, dtype=np.int64)]
        )
    ).astype(np.int64)
    last = -(-(window.to_ns - window.from_ns) // (bucket_s * NS_PER_S))
    bucket = bucket[bucket < last]
    return Timeline(
        origin_ns=window.from_ns,
        bucket_s=bucket_s,
        numbers=bucket,
        start_ns=min(start_s * NS_PER_S, window.from_ns),
        end_ns=window.to_ns,
        modulus=modulus,
        sampled=sampled,
        spans=total,
    )


def sampling(client: Reader, total: int, start_s: int) -> tuple[int, bool]:
    """One trace in how many to read, and whether the table of sampled traces has them from the start on."""
    if total <= MAX_SPANS:
        return 1, False
    table = fetch(client, "sampled_from", {"from_s": start_s})
    if numbers(table, "spans")[0]:
        times = -(-total // (SAMPLED * MAX_SAMPLED))
        return SAMPLED << max(0, times - 1).bit_length(), True
    return -(-total // MAX_SPANS), False
