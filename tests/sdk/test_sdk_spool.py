"""What cannot be sent goes to disk, within bounds, and the next start sends it."""

from __future__ import annotations

import multiprocessing
import os
import signal as signals
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from rootspan.export.drain import Drain
from rootspan.export.ledger import Ledger, Loss, Signal
from rootspan.export.spool import Spool
from rootspan.export.transport import Failure
from rootspan.testing import Receiver
from support.programs import RunProgram

AWAY = Failure("UNAVAILABLE: away", retryable=True)


def waiting(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def test_requests_come_back_as_they_went_in_oldest_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new" / "folder", 1000)
    assert spool.is_empty()
    for i in range(3):
        assert spool.keep(Signal.LOGS if i else Signal.SPANS, b"body %d" % i, 10 + i)
    assert spool.size_bytes() == 18
    found = []
    for path in spool.waiting():
        with spool.claim(path) as request:
            assert request is not None
            found.append((request.signal, request.body, request.n_items))
            request.remove()
    assert found == [
        (Signal.SPANS, b"body 0", 10),
        (Signal.LOGS, b"body 1", 11),
        (Signal.LOGS, b"body 2", 12),
    ]
    assert spool.is_empty()
    assert (tmp_path / "new" / "folder").stat().st_mode & 0o077 == 0


def test_it_never_holds_more_than_it_may(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    assert [spool.keep(Signal.SPANS, b"x" * 40, 1) for _ in range(4)] == [True, True, False, False]
    assert spool.size_bytes() == 80
    assert len(waiting(tmp_path)) == 2  # nothing is left of what did not fit


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file", 100)


def test_a_request_is_one_processs_at_a_time_and_free_again_when_that_is_killed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    spool.keep(Signal.SPANS, b"body", 1)
    (path,) = spool.waiting()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from rootspan.export.spool import Spool\n"
            "with Spool(sys.argv[1], 100).claim(Path(sys.argv[2])) as request:\n"
            "    print(request.n_items, flush=True); time.sleep(60)",
            str(tmp_path),
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"1\n"
    with spool.claim(path) as request:
        assert request is None
    holder.send_signal(signals.SIGKILL)
    holder.wait(10)
    holder.stdout.close()
    with spool.claim(path) as request:
        assert request is not None
        assert request.body == b"body"


def test_a_child_forked_while_a_request_is_claimed_does_not_keep_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    spool.keep(Signal.SPANS, b"body", 1)
    (path,) = spool.waiting()
    with spool.claim(path):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
    with spool.claim(path) as request:
        assert request is not None
    child.kill()
    child.join(10)


def test_two_that_drain_one_folder_send_each_request_once(tmp_path: Path) -> None:
    spool, lock = Spool(tmp_path, 1 << 20), threading.Lock()
    for i in range(200):
        spool.keep(Signal.SPANS, b"%d" % i, 1)
    sent: list[bytes] = []

    def send(_signal: Signal, body: bytes) -> None:
        with lock:
            sent.append(body)

    ledgers = [Ledger(), Ledger()]
    drains = [Drain(Spool(tmp_path, 1 << 20), ledger, send) for ledger in ledgers]
    for drain in drains:
        drain.start()
    for drain in drains:
        assert drain.close().wait(20)
    assert sorted(map(int, sent)) == list(range(200))
    assert sum(ledger.read().recovered.get("spans", 0) for ledger in ledgers) == 200


def test_a_drain_waits_for_the_collector_and_gives_up_what_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rootspan.export.drain.FIRST_PAUSE_S", 0.01)
    spool, ledger = Spool(tmp_path, 1 << 20), Ledger()
    spool.keep(Signal.SPANS, b"good", 5)
    spool.keep(Signal.LOGS, b"bad", 3)
    is_away, attempts = threading.Event(), 0
    is_away.set()

    def send(_signal: Signal, body: bytes) -> Failure | None:
        nonlocal attempts
        attempts += 1
        if is_away.is_set():
            return AWAY
        return Failure("INVALID_ARGUMENT", retryable=False) if body == b"bad" else None

    drain = Drain(spool, ledger, send)
    drain.start()
    until(lambda: attempts >= 2)
    assert len(waiting(tmp_path)) == 2
    is_away.clear()
    until(spool.is_empty)
    until(lambda: ledger.read().dropped)
    assert ledger.read().recovered == {"spans": 5}
    assert ledger.read().dropped == {("log records", Loss.REFUSED.value): 3}
    assert drain.close().wait(5)


PROGRAM = """
    import rootspan
    rootspan.init("ranker", {endpoint!r}, logs=False, metrics=False, spool={folder!r}, {more})
    for i in range({n}):
        with rootspan.span({name!r}, i=i):
            pass
    account = rootspan.shutdown()
    print(dict(account.spooled), dict(account.recovered), account.n_dropped)
"""


def test_a_restart_sends_what_the_last_life_could_not(
    tmp_path: Path, receiver: Receiver, run_program: RunProgram
) -> None:
    folder = str(tmp_path / "spool")
    away = PROGRAM.format(endpoint="127.0.0.1:1", folder=folder, more="", n=1000, name="first life")
    done = run_program(away)
    assert (done.code, done.out.strip()) == (0, "{'spans': 1000} {} 0"), done.err
    assert "spooled 1000 spans" in done.err
    back = PROGRAM.format(endpoint=receiver.endpoint, folder=folder, more="", n=1, name="second life")
    done = run_program(back)
    assert (done.code, done.out.strip()) == (0, "{} {'spans': 1000} 0"), done.err
    names = [span.name for _, span in receiver.spans()]
    assert (names.count("first life"), names.count("second life")) == (1000, 1)
    assert len({span.span_id for _, span in receiver.spans()}) == 1001
    assert waiting(tmp_path / "spool") == []


def test_a_full_spool_drops_counts_and_says_so(tmp_path: Path, run_program: RunProgram) -> None:
    done = run_program(
        PROGRAM.format(
            endpoint="127.0.0.1:1", folder=str(tmp_path), more="spool_max_bytes=100_000", n=3000, name="work"
        )
    )
    assert done.code == 0, done.err
    n_dropped = int(done.out.split()[-1])
    assert 0 < n_dropped < 3000
    assert f"{n_dropped} spans (disk spool full)" in done.err
    assert sum(path.stat().st_size for path in tmp_path.iterdir() if path.name != "program.py") <= 100_000


def test_a_collector_that_hangs_costs_the_deadline_and_nothing_else(
    tmp_path: Path, run_program: RunProgram
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        done = run_program(
            PROGRAM.format(
                endpoint=endpoint, folder=str(tmp_path / "s"), more="exit_timeout_s=2", n=2000, name="work"
            )
        )
    assert (done.code, done.out.strip()) == (0, "{'spans': 2000} {} 0"), done.err
    assert done.took_s < 8


def test_a_collector_that_comes_back_gets_what_went_to_disk_meanwhile(
    tmp_path: Path, receiver: Receiver, run_program: RunProgram
) -> None:
    receiver.refuse_with = grpc.StatusCode.UNAVAILABLE
    folder = tmp_path / "s"

    def come_back_when_something_waits() -> None:
        until(lambda: folder.exists() and waiting(folder), timeout_s=30)
        receiver.refuse_with = None

    back = threading.Thread(target=come_back_when_something_waits)
    back.start()
    done = run_program(
        f"""
        import time, rootspan
        from rootspan.export import drain, transport
        transport.SPOOL_AFTER_S, drain.FIRST_PAUSE_S = 0.5, 0.2
        rootspan.init("ranker", {receiver.endpoint!r}, logs=False, metrics=False, spool={str(folder)!r})
        end = time.monotonic() + 20
        made = 0
        while time.monotonic() < end and not rootspan.delivery().recovered:
            with rootspan.span("work"):
                made += 1
            rootspan.flush(0.1)
        account = rootspan.shutdown()
        assert account.spooled, account
        print(made, account.n_dropped)
        """
    )
    back.join()
    assert done.code == 0, done.err
    made, n_dropped = map(int, done.out.split())
    assert n_dropped == 0
    assert len({span.span_id for _, span in receiver.spans()}) == made
    assert waiting(folder) == []


def test_a_folder_that_cannot_be_used_is_told_and_the_program_runs(
    tmp_path: Path, receiver: Receiver, run_program: RunProgram
) -> None:
    (tmp_path / "file").write_text("")
    done = run_program(
        PROGRAM.format(endpoint=receiver.endpoint, folder=str(tmp_path / "file"), more="", n=1, name="work")
    )
    assert done.code == 0
    assert "rootspan keeps nothing on disk" in done.err
    assert "give a folder this user may write to" in done.err
    assert len(receiver.spans()) == 1


def test_forked_children_keep_and_recover_too(
    tmp_path: Path, receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import os, sys, rootspan
        rootspan.init("trainer", "127.0.0.1:1", logs=False, metrics=False, spool={str(tmp_path / "s")!r})
        for i in range(3):
            pid = os.fork()
            if pid == 0:
                with rootspan.span("child"):
                    pass
                sys.exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        """
    )
    assert done.code == 0, done.err
    assert len(waiting(tmp_path / "s")) == 3
    program = PROGRAM.format(endpoint=receiver.endpoint, folder=str(tmp_path / "s"), more="", n=0, name="")
    assert run_program(program).out.strip() == "{} {'spans': 3} 0"
    assert len({os.fspath(span.name) for _, span in receiver.spans()}) == 1
    assert len(receiver.spans()) == 3
