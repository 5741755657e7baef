from __future__ import annotations

import multiprocessing
import os
import random
import threading
from multiprocessing.connection import Connection

import pytest

from rootspan.tracing.ids import KernelIdGenerator

N_RANKS, N_IDS = 8, 2000
_generator = KernelIdGenerator()


def _rank(pipe: Connection) -> None:
    """A rank seeds itself as all others do, traces, and draws its own numbers."""
    random.seed(0)
    before = random.random()
    ids = [(_generator.generate_trace_id(), _generator.generate_span_id()) for _ in range(N_IDS)]
    pipe.send((before, random.random(), ids))
    pipe.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ranks_seeded_alike_do_not_collide_and_keep_their_random_numbers(method: str) -> None:
    _generator.generate_span_id()  # so that forked ranks inherit a half-used block
    context = multiprocessing.get_context(method)
    pipes, ranks = [], []
    for _ in range(N_RANKS):
        receiving, sending = context.Pipe(duplex=False)
        rank = context.Process(target=_rank, args=(sending,))
        rank.start()
        sending.close()
        pipes.append(receiving)
        ranks.append(rank)
    answers = [pipe.recv() for pipe in pipes]
    for rank in ranks:
        rank.join(20)
        assert rank.exitcode == 0
    ids = [pair for _, _, pairs in answers for pair in pairs]
    assert len({trace for trace, _ in ids}) == N_RANKS * N_IDS
    assert len({span for _, span in ids}) == N_RANKS * N_IDS
    random.seed(0)
    expected = (random.random(), random.random())
    assert {(first, second) for first, second, _ in answers} == {expected}


def test_a_plain_fork_does_not_repeat_its_parents_block() -> None:
    _generator.generate_span_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(_generator.generate_span_id().to_bytes(8, "little") for _ in range(100)))
        os._exit(0)
    theirs = os.read(reading, 800)
    os.waitpid(child, 0)
    mine = {_generator.generate_span_id() for _ in range(100)}
    assert not mine & {int.from_bytes(theirs[i : i + 8], "little") for i in range(0, 800, 8)}
    os.close(reading)
    os.close(writing)


def test_threads_never_share_an_id() -> None:
    generator, found, lock = KernelIdGenerator(), set[int](), threading.Lock()

    def draw() -> None:
        mine = [generator.generate_span_id() for _ in range(20_000)]
        with lock:
            found.update(mine)

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80_000
    assert 0 not in found
    assert all(one < 1 << 64 for one in found)


def test_trace_ids_are_random_in_all_their_bits() -> None:
    ids = [KernelIdGenerator().generate_trace_id() for _ in range(200)]
    ones = [sum(one >> bit & 1 for one in ids) for bit in range(128)]
    # 200 fair coins: 6.4 standard deviations around 100.
    assert all(55 < n < 145 for n in ones)
    assert KernelIdGenerator().is_trace_id_random()
