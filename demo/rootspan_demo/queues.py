"""Bounded FIFO queues of many single servers, advanced together.

Owns the queueing arithmetic (Lindley's recursion in max-plus form). Knows nothing of hosts' names, faults or
time slices: the caller keeps `free_at_s` between calls.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["serve_fifo"]


Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def serve_fifo(
    server: Ints, arrival_s: Floats, service_s: Floats, free_at_s: Floats, max_wait_s: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Serve jobs at many FIFO servers; refuse at arrival one that would wait longer than `max_wait_s`.

    The start of job i at one server is S[i-1] + max over j <= i of (a[j] - S[j-1]) with S the running sum of
    service times (Lindley 1952, unrolled), which is one cumulative sum and one running maximum over all
    servers at once. Refusals are not max-plus: servers where one happens are walked job by job, side by side.

    Args:
        server: Index of each job's server.
        arrival_s: Sorted, ascending.
        service_s: Positive.
        free_at_s: By server, when it has finished all earlier work; updated in place.
        max_wait_s: Bound of the queue, as time.

    Returns:
        Start of service by job (of a refused job: when it would have started), and which jobs were refused.
    """
    refused = np.zeros(len(server), dtype=np.bool_)
    if len(server) == 0:
        return np.empty(0), refused
    order = np.argsort(server, kind="stable")
    owner, arrival, service = server[order], arrival_s[order], service_s[order]
    first = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    count = np.diff(np.append(first, len(owner)))
    before = np.cumsum(service) - service
    before -= np.repeat(before[first], count)
    slack = np.maximum(arrival, free_at_s[owner]) - before
    # One running maximum serves all segments once each is lifted above the one before.
    low = slack.min()
    lift = np.repeat(np.arange(len(first)) * (slack.max() - low + 1.0), count)
    start = np.maximum.accumulate(slack - low + lift) - lift + low + before
    # The lift costs precision (1e-9 s at worst); a start is never before the arrival.
    start = np.maximum(start, arrival)
    late = start - arrival > max_wait_s
    last = first + count - 1
    free = start[last] + service[last]
    if late.any():
        full = np.flatnonzero(np.logical_or.reduceat(late, first))
        starts, rejected, free[full] = _walk(
            arrival, service, first[full], count[full], free_at_s[owner[first[full]]], max_wait_s=max_wait_s
        )
        rows = np.repeat(first[full] - np.cumsum(count[full]) + count[full], count[full])
        rows += np.arange(len(rows))
        start[rows] = starts
        refused[order[rows]] = rejected
    free_at_s[owner[first]] = np.maximum(free, free_at_s[owner[first]])
    result = np.empty_like(start)
    result[order] = start
    return result, refused


def _walk(
    arrival: Floats, service: Floats, first: Ints, count: Ints, free_at: Floats, *, max_wait_s: float
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Serve the k-th job of every listed server for k = 0, 1, …; results are in order of server, then job."""
    free = free_at.copy()
    offset = np.cumsum(count) - count
    start = np.empty(int(count.sum()))
    refused = np.zeros(len(start), dtype=np.bool_)
    for k in range(int(count.max())):
        on = np.flatnonzero(count > k)
        row = first[on] + k
        begin = np.maximum(arrival[row], free[on])
        reject = begin - arrival[row] > max_wait_s
        start[offset[on] + k] = begin
        refused[offset[on] + k] = reject
        free[on] = np.where(reject, free[on], begin + service[row])
    return start, refused, free
