"""A bounded queue between the program and one exporter thread.

Owns the queue, its thread and the order of a batch. The caller never blocks and never sees an exception: what
does not fit is counted and dropped, newest first to go, so that the beginning of an incident stays.
Knows nothing of spans, logs or gRPC.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from opentelemetry import context

from rootspan.config.settings import QueueLimits
from rootspan.export.ledger import Ledger, Loss, Signal

ItemT = TypeVar("ItemT")


class _Marker:
    """Stands in the queue behind everything that was offered before it."""

    __slots__ = ("reached",)

    def __init__(self) -> None:
        self.reached = threading.Event()


class BatchQueue(Generic[ItemT]):
    """Collects items, ships them in batches from a daemon thread that starts with the first item.

    `ship` gets 1 to `limits.max_batch` items in the order of `offer`, on one thread at a time, and accounts
    for them in the ledger; when it raises, the batch is halved until the item it chokes on is alone and
    dropped.
    """

    def __init__(
        self, signal: Signal, limits: QueueLimits, ledger: Ledger, ship: Callable[[list[ItemT]], None]
    ) -> None:
        self._signal, self._limits, self._ledger, self._ship = signal, limits, ledger, ship
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        self._items: deque[ItemT | _Marker] = deque()
        self._wake = threading.Event()
        self._start_lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._in_hand = 0

    def offer(self, item: ItemT) -> None:
        """Queue an item. Never blocks on the network, never raises; drops and counts when full or closed."""
        if self._closed:
            self._ledger.dropped(self._signal, Loss.AFTER_SHUTDOWN)
            return
        waiting = len(self._items)
        if waiting >= self._limits.max_items:
            self._ledger.dropped(self._signal, Loss.QUEUE_FULL)
            return
        self._items.append(item)
        if self._worker is None:
            self._start()
        # Only the item that completes a batch wakes the thread: setting an event is a lock for the caller.
        if waiting + 1 == self._limits.max_batch:
            self._wake.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything offered so far was shipped.

        Returns:
            False when that took longer than `timeout_s`, or when an item of this signal was lost meanwhile.
        """
        lost_before = self._ledger.n_dropped(self._signal)
        in_time = self._mark().wait(timeout_s)
        return in_time and self._ledger.n_dropped(self._signal) == lost_before

    def close(self) -> threading.Event:
        """Refuse further items and have the rest shipped at once. Returns the event that says it is done."""
        self._closed = True
        return self._mark()

    def abandon(self) -> None:
        """Count what waits or is under way as lost to the exit deadline. The last thing to be counted."""
        left = self._in_hand
        while self._items:
            left += not isinstance(self._items.popleft(), _Marker)
        self._ledger.dropped(self._signal, Loss.EXIT_DEADLINE, left)

    def after_fork_in_child(self) -> None:
        """Leave the waiting items to the parent, which still has them, and begin anew without a thread."""
        self._reset()

    def _mark(self) -> threading.Event:
        marker = _Marker()
        if self._worker is None and not self._items:
            marker.reached.set()
            return marker.reached
        self._items.append(marker)
        self._wake.set()
        return marker.reached

    def _start(self) -> None:
        with self._start_lock:
            if self._worker is not None:
                return
            worker = threading.Thread(
                target=self._run, name=f"rootspan-{self._signal.name.lower()}", daemon=True
            )
            try:
                worker.start()
            except RuntimeError:
                # No threads at the very end of the interpreter: what comes now is lost, and counted.
                self._closed = True
                self.abandon()
                return
            self._worker = worker

    def _run(self) -> None:
        # Our own gRPC calls must not become spans, our own log records must not be shipped.
        context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
        while not (self._closed and not self._items):
            self._wake.wait(self._limits.delay_s)
            self._wake.clear()
            self._drain()

    def _drain(self) -> None:
        batch: list[ItemT] = []
        while self._items:
            head = self._items.popleft()
            if isinstance(head, _Marker):
                self._ship_safely(batch)
                batch = []
                head.reached.set()
                continue
            batch.append(head)
            if len(batch) >= self._limits.max_batch:
                self._ship_safely(batch)
                batch = []
        self._ship_safely(batch)

    def _ship_safely(self, batch: list[ItemT]) -> None:
        if not batch:
            return
        self._in_hand = len(batch)
        try:
            self._ship(batch)
        except Exception as err:
            if len(batch) == 1:
                self._ledger.failed(f"{type(err).__name__}: {err}")
                self._ledger.dropped(self._signal, Loss.UNREADABLE)
                return
            middle = len(batch) // 2
            self._ship_safely(batch[:middle])
            self._ship_safely(batch[middle:])
        finally:
            self._in_hand = 0
