from __future__ import annotations

import socket

from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

HEAD = """
    import multiprocessing, os, sys, time, rootspan
    rootspan.init("trainer", {endpoint!r}, metrics={metrics})
    from opentelemetry import metrics

    def child(i):
        metrics.get_meter("app").create_counter("steps").add(1)
        with rootspan.span("child", i=i):
            pass

    with rootspan.span("parent before"):
        pass
    {flush}
"""


def _identities(receiver: Receiver) -> dict[str, set[tuple[object, object]]]:
    found: dict[str, set[tuple[object, object]]] = {}
    for resource, span in receiver.spans():
        who = attributes_of(resource)
        found.setdefault(span.name, set()).add((who["process.pid"], who["service.instance.id"]))
    return found


def test_forked_children_export_under_their_own_identity(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        HEAD.format(endpoint=receiver.endpoint, metrics=True, flush="assert rootspan.flush(10)")
        + """
    pids = []
    for i in range(4):
        pid = os.fork()
        if pid == 0:
            child(i)
            sys.exit(0)
        pids.append(pid)
    codes = [os.waitpid(pid, 0)[1] for pid in pids]
    assert codes == [0] * 4, codes
    with rootspan.span("parent after"):
        pass
    print(os.getpid(), *pids)
    """
    )
    assert (done.code, done.err) == (0, "")
    parent_pid, *child_pids = map(int, done.out.split())
    found = _identities(receiver)
    assert {pid for pid, _ in found["child"]} == set(child_pids)
    assert len({instance for _, instance in found["child"]}) == 4
    assert found["parent before"] == found["parent after"]
    assert {pid for pid, _ in found["parent before"]} == {parent_pid}
    assert len(receiver.spans()) == 6  # what waited in the parent's queue is sent once, not by every child
    counted = {
        attributes_of(who)["process.pid"] for who, metric in receiver.metrics() if metric.name == "steps"
    }
    assert counted == set(child_pids)


def test_multiprocessing_children_deliver_although_they_run_no_exit_handlers(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        HEAD.format(endpoint=receiver.endpoint, metrics=False, flush="assert rootspan.flush(10)")
        + """
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=child, args=(i,)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    print([worker.exitcode for worker in workers])
    """
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() == "[0, 0, 0]"
    assert len(_identities(receiver)["child"]) == 3


def test_spawned_children_are_told_by_their_own_init(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        f"""
        import multiprocessing, rootspan

        def child(i):
            rootspan.init("trainer", {receiver.endpoint!r})
            with rootspan.span("child", i=i):
                pass

        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            workers = [context.Process(target=child, args=(i,)) for i in range(2)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(20)
            print([worker.exitcode for worker in workers])
        """
    )
    assert done.out.strip() == "[0, 0]", done.err
    assert len(_identities(receiver)["child"]) == 2


def test_forking_in_the_middle_of_exports_neither_hangs_nor_loses(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        HEAD.format(endpoint=receiver.endpoint, metrics=False, flush="")
        + """
    import threading
    stop, made = threading.Event(), 0
    def busy():
        global made
        while not stop.is_set():
            with rootspan.span("busy"):
                made += 1
            time.sleep(0.0005)
    thread = threading.Thread(target=busy)
    thread.start()
    for i in range(15):
        pid = os.fork()
        if pid == 0:
            child(i)
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    thread.join()
    print(made)
    """,
        OTEL_BSP_SCHEDULE_DELAY="5",
    )
    assert (done.code, done.err) == (0, "")
    names = [span.name for _, span in receiver.spans()]
    assert names.count("child") == 15
    # A request that a fork cancels may have arrived, and is sent again: every span at least once.
    assert len({span.span_id for _, span in receiver.spans() if span.name == "busy"}) == int(done.out)


def test_a_fork_during_a_hanging_export_does_not_wait_for_it(run_program: RunProgram) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        done = run_program(
            f"""
        import os, time, rootspan
        rootspan.init("trainer", {endpoint!r}, exit_timeout_s=0.5)
        with rootspan.span("parent"):
            pass
        rootspan.flush(0.3)
        begin = time.monotonic()
        pid = os.fork()
        took = time.monotonic() - begin
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        assert took < 2, took
        """
        )
    assert done.code == 0, done.err
    assert done.took_s < 10


def test_a_program_that_imported_grpc_first_is_told_why_its_children_are_silent(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import os, sys
        import grpc
        import rootspan
        rootspan.init("trainer", {receiver.endpoint!r}, metrics=False)
        pid = os.fork()
        if pid == 0:
            with rootspan.span("child"):
                pass
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """
    )
    assert done.code == 0, done.err
    assert "1 spans (forked without gRPC fork support" in done.err
    assert "GRPC_ENABLE_FORK_SUPPORT" in done.err
    assert done.took_s < 10
