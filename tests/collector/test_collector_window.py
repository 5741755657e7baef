"""The memory of requests that workers share: what one holds, what a dead one leaves, what is forgotten."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rootspan_collector.wal.record import DIGEST_BYTES
from rootspan_collector.wal.window import Claim
from rootspan_collector.workers.window import SharedWindow

Open = Callable[[int], SharedWindow]


def digest(number: int) -> bytes:
    return blake2b(number.to_bytes(4, "big"), digest_size=DIGEST_BYTES).digest()


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(tmp_path: Path, clock: Clock) -> Open:
    """Opens the window as worker n has it; 64 places are promised."""
    return lambda number: SharedWindow(tmp_path / "window", number, window_s=600, most=64, now_s=clock)


def test_a_request_is_its_first_worker_s_until_it_is_durable_and_then_everybody_s(worker: Open) -> None:
    first, second = worker(0), worker(1)
    assert first.claim(digest(1)) is Claim.MINE
    assert second.claim(digest(1)) is Claim.TAKEN
    assert not second.knows(digest(1))
    first.settle([digest(1)], are_durable=True)
    assert second.knows(digest(1))
    assert second.claim(digest(1)) is Claim.KNOWN
    assert second.claim(digest(2)) is Claim.MINE


def test_a_request_that_could_not_be_written_is_free_again(worker: Open) -> None:
    first, second = worker(0), worker(1)
    first.claim(digest(1))
    first.settle([digest(1)], are_durable=False)
    assert second.claim(digest(1)) is Claim.MINE


def test_what_a_dead_worker_began_is_decided_by_its_log(worker: Open) -> None:
    dead, other = worker(0), worker(1)
    for number in (1, 2):
        assert dead.claim(digest(number)) is Claim.MINE
    assert other.claim(digest(3)) is Claim.MINE
    successor = worker(0)
    assert other.claim(digest(1)) is Claim.TAKEN, "nobody knows before its log is read"
    successor.recover([digest(1)])  # its fsync came in time; the other's did not
    assert other.claim(digest(1)) is Claim.KNOWN
    assert other.claim(digest(2)) is Claim.MINE
    assert successor.claim(digest(3)) is Claim.TAKEN, "of another worker's, nothing was given back"


def test_a_request_is_forgotten_when_its_time_is_over_and_not_before(worker: Open, clock: Clock) -> None:
    first, second = worker(0), worker(1)
    first.claim(digest(1))
    first.settle([digest(1)], are_durable=True)
    clock.now_s += 600
    assert second.claim(digest(1)) is Claim.KNOWN
    clock.now_s += 2
    assert second.claim(digest(1)) is Claim.MINE


def test_the_oldest_durable_ones_make_room_and_those_under_way_never_do(worker: Open, clock: Clock) -> None:
    first, second = worker(0), worker(1)
    for number in range(1000):
        clock.now_s += 0.01
        if first.claim(digest(number)) is Claim.MINE:
            first.settle([digest(number)], are_durable=True)
    known = sum(second.knows(digest(number)) for number in range(936, 1000))
    assert known >= 60, "of the 64 that are promised, nearly all"
    begun = [number for number in range(2000, 3000) if first.claim(digest(number)) is Claim.MINE]
    assert 64 <= len(begun) <= 128
    assert all(second.claim(digest(number)) is Claim.TAKEN for number in begun)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(("claim", "durable", "refused", "killed")), st.integers(0, 2), st.integers(0, 5)
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_no_request_is_ever_two_workers_at_once_or_new_after_it_was_durable(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("model") / "window"

    def window(worker: int) -> SharedWindow:
        return SharedWindow(path, worker, window_s=600, most=64)

    windows = [window(number) for number in range(3)]
    logs: list[set[bytes]] = [set() for _ in windows]
    holder: dict[bytes, int] = {}
    for step, worker, number in steps:
        one = digest(number)
        if step == "claim":
            is_durable = any(one in log for log in logs)
            wanted = Claim.KNOWN if is_durable else Claim.TAKEN if one in holder else Claim.MINE
            assert windows[worker].claim(one) is wanted
            if wanted is Claim.MINE:
                holder[one] = worker
        elif step == "killed":
            # Between its log and the window: one of the requests under way may be in the log already.
            held = [one for one, by in holder.items() if by == worker]
            logs[worker].update(held[: number % 2])
            holder = {one: by for one, by in holder.items() if by != worker}
            windows[worker] = window(worker)
            windows[worker].recover(logs[worker])
        elif holder.get(one) == worker:
            if step == "durable":
                logs[worker].add(one)
            windows[worker].settle([one], are_durable=step == "durable")
            del holder[one]


_CLAIMS = """
import sys
from pathlib import Path
from rootspan_collector.wal.window import Claim
from rootspan_collector.workers.window import SharedWindow
path, worker, most = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
window = SharedWindow(path, worker, window_s=600, most=4096)
print("ready", flush=True)
sys.stdin.readline()
for number in range(most):
    one = number.to_bytes(16, "little")
    if window.claim(one) is Claim.MINE:
        print(number, flush=True)
        window.settle([one], are_durable=True)
"""


def test_processes_that_ask_for_the_same_requests_get_each_once(tmp_path: Path) -> None:
    path, most = tmp_path / "window", 2000
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIMS, str(path), str(worker), str(most)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for worker in range(3)
    ]
    for one in claimers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in claimers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    won = [list(map(int, one.communicate(timeout=120)[0].split())) for one in claimers]
    assert sorted(itertools.chain(*won)) == list(range(most))
