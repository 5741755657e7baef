from __future__ import annotations

import threading
import time

from rootspan.config.settings import QueueLimits
from rootspan.export.ledger import Ledger, Loss, Signal
from rootspan.export.queue import BatchQueue


class Shipped:
    """Takes batches; can be blocked, and chokes on negative numbers."""

    def __init__(self, ledger: Ledger) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()
        self._ledger = ledger

    def __call__(self, batch: list[int]) -> None:
        self.entered.set()
        self.go.wait(10)
        if any(item < 0 for item in batch):
            raise ValueError("negative")
        self.batches.append(batch)
        self._ledger.sent(Signal.SPANS, len(batch))


def _queue(limits: QueueLimits) -> tuple[BatchQueue[int], Shipped, Ledger]:
    ledger = Ledger()
    shipped = Shipped(ledger)
    return BatchQueue(Signal.SPANS, limits, ledger, shipped), shipped, ledger


def test_items_arrive_in_order_in_batches_of_limited_size() -> None:
    queue, shipped, ledger = _queue(QueueLimits(max_items=1000, max_batch=7, delay_s=60))
    for item in range(100):
        queue.offer(item)
    assert queue.flush(10)
    assert [item for batch in shipped.batches for item in batch] == list(range(100))
    assert max(map(len, shipped.batches)) == 7
    assert ledger.read().sent == {"spans": 100}


def test_a_small_load_is_shipped_after_the_delay() -> None:
    queue, shipped, _ = _queue(QueueLimits(max_items=10, max_batch=10, delay_s=0.05))
    queue.offer(1)
    deadline = time.monotonic() + 5
    while not shipped.batches and time.monotonic() < deadline:
        time.sleep(0.005)
    assert shipped.batches == [[1]]


def test_a_full_queue_drops_and_counts_and_never_blocks() -> None:
    queue, shipped, ledger = _queue(QueueLimits(max_items=10, max_batch=2, delay_s=60))
    shipped.go.clear()
    queue.offer(0)
    queue.offer(0)
    assert shipped.entered.wait(5)
    begin = time.monotonic()
    for item in range(1, 100):
        queue.offer(item)
    assert time.monotonic() - begin < 1
    shipped.go.set()
    assert queue.flush(5)
    delivery = ledger.read()
    n_sent, n_full = delivery.sent["spans"], delivery.dropped["spans", Loss.QUEUE_FULL.value]
    assert n_sent + n_full == 101
    assert n_full >= 87  # 2 under way, 10 waiting, and room for what went out meanwhile


def test_flush_says_when_it_was_not_in_time_or_something_was_lost() -> None:
    queue, shipped, _ = _queue(QueueLimits(max_items=10, max_batch=1, delay_s=60))
    shipped.go.clear()
    queue.offer(1)
    assert not queue.flush(0.05)
    shipped.go.set()
    assert queue.flush(5)
    shipped.go.clear()
    queue.offer(-1)
    threading.Timer(0.05, shipped.go.set).start()
    assert not queue.flush(5)


def test_an_item_that_cannot_be_encoded_costs_only_itself() -> None:
    queue, shipped, ledger = _queue(QueueLimits(max_items=100, max_batch=50, delay_s=60))
    for item in (*range(20), -1, *range(20, 40)):
        queue.offer(item)
    queue.flush(5)
    assert sorted(item for batch in shipped.batches for item in batch) == list(range(40))
    assert ledger.read().dropped == {("spans", Loss.UNREADABLE.value): 1}


def test_closing_ships_the_rest_and_counts_what_comes_after() -> None:
    queue, shipped, ledger = _queue(QueueLimits(max_items=100, max_batch=50, delay_s=60))
    queue.offer(1)
    assert queue.close().wait(5)
    assert shipped.batches == [[1]]
    queue.offer(2)
    assert ledger.read().dropped == {("spans", Loss.AFTER_SHUTDOWN.value): 1}


def test_an_idle_queue_has_no_thread_and_closes_at_once() -> None:
    queue, _, _ = _queue(QueueLimits(max_items=100, max_batch=50, delay_s=60))
    before = threading.active_count()
    assert queue.flush(0)
    assert queue.close().is_set()
    assert threading.active_count() == before


def test_abandoning_counts_everything_that_waits() -> None:
    queue, shipped, ledger = _queue(QueueLimits(max_items=100, max_batch=1, delay_s=60))
    shipped.go.clear()
    for item in range(5):
        queue.offer(item)
    assert shipped.entered.wait(5)
    queue.close()
    queue.abandon()
    account = ledger.close()
    assert account.dropped == {("spans", Loss.EXIT_DEADLINE.value): 5}  # one under way, four waiting
    shipped.go.set()
    deadline = time.monotonic() + 5
    while not shipped.batches and time.monotonic() < deadline:
        time.sleep(0.005)
    assert ledger.read() == account  # what arrives after the account does not change it
