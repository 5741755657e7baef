"""The current span goes along: over messages, threads, processes and launchers."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import rootspan
from rootspan.context import propagation
from rootspan.testing import Captured, Receiver, attributes_of
from support.programs import RunProgram

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


def work(name: str = "work") -> str:
    with rootspan.span(name):
        return name


def _parents(receiver: Receiver) -> dict[str, tuple[str, int]]:
    """Of each span that is called once: its parent's name, and the process it ran in."""
    spans = {span.span_id: (who, span) for who, span in receiver.spans()}
    names = {key: span.name for key, (_, span) in spans.items()}
    return {
        span.name: (names.get(span.parent_span_id, ""), int(str(attributes_of(who)["process.pid"])))
        for who, span in spans.values()
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": TRACEPARENT},
        {"Traceparent": TRACEPARENT.encode()},
        {b"traceparent": TRACEPARENT.encode()},
        [("TraceParent", TRACEPARENT)],
        [("other", None), ("traceparent", TRACEPARENT.encode())],  # Kafka
        [(b"accept", b"*"), (b"traceparent", TRACEPARENT.encode())],  # ASGI
        {"traceparent": [TRACEPARENT]},  # several values, as HTTP libraries have them
    ],
)
def test_headers_are_read_in_the_shapes_that_transports_have(captured: Captured, headers: object) -> None:
    with rootspan.span("work", context=rootspan.extract(headers)):  # type: ignore[arg-type]
        pass
    assert captured.one("work").trace_id == TRACE_ID
    (link,) = rootspan.link(headers)  # type: ignore[arg-type]
    assert link.context.trace_id == TRACE_ID


@pytest.mark.parametrize(
    "headers",
    [None, {}, [], {"traceparent": "00-zz"}, {"traceparent": None}, {7: 8}, [("one",), "text", None], ["x"]],
)
def test_headers_that_make_no_sense_mean_no_parent(captured: Captured, headers: object) -> None:
    with rootspan.span("work", context=rootspan.extract(headers)):  # type: ignore[arg-type]
        pass
    assert captured.one("work").parent_id is None
    assert rootspan.link(headers) == []  # type: ignore[arg-type]


def test_a_consumer_of_many_messages_links_to_each_producer(captured: Captured) -> None:
    messages = []
    for name in ("first", "second"):
        with rootspan.span(name, kind="producer"):
            messages.append(rootspan.inject_pairs([("x-own", b"kept")]))
    messages.append([("x-own", b"without a context")])
    links = [link for headers in messages for link in rootspan.link(headers)]
    with rootspan.span("process", kind="consumer", links=links):
        pass
    sent = {(captured.one(name).trace_id, captured.one(name).span_id) for name in ("first", "second")}
    assert {(one.trace_id, one.span_id) for one in captured.one("process").links} == sent
    assert messages[0][0] == ("x-own", b"kept")


def test_injecting_twice_replaces_what_was_there(captured: Captured) -> None:
    headers = rootspan.inject_pairs([("traceparent", b"old")])
    with rootspan.span("now"):
        rootspan.inject_pairs(headers)
    assert len(headers) == 1
    assert rootspan.link(headers)[0].context.span_id == captured.one("now").span_id


@pytest.mark.parametrize("start", ["thread", "pool", "map", "loop"])
def test_a_carried_function_runs_in_the_context_it_was_carried_from(captured: Captured, start: str) -> None:
    with rootspan.span("caller"):
        carried = rootspan.carry(work)
    if start == "thread":
        thread = threading.Thread(target=carried)
        thread.start()
        thread.join()
    elif start == "loop":

        async def main() -> None:
            await asyncio.get_running_loop().run_in_executor(None, carried)

        asyncio.run(main())
    else:
        with ThreadPoolExecutor(1) as pool:
            assert (
                pool.submit(carried).result() == "work"
                if start == "pool"
                else list(pool.map(carried, ["work"]))
            )
            pool.submit(work, "not carried").result()
        assert captured.one("not carried").parent_id is None  # the pool's thread has its own context again
    assert captured.one("work").parent_id == captured.one("caller").span_id


def test_a_carried_function_keeps_its_parent_when_it_is_pickled(captured: Captured) -> None:
    with rootspan.span("caller"):
        sent = pickle.dumps(rootspan.carry(work))
    arrived: Callable[..., str] = pickle.loads(sent)
    assert arrived("elsewhere") == "elsewhere"
    assert captured.one("elsewhere").parent_id == captured.one("caller").span_id


async def test_tasks_and_to_thread_inherit_without_help(captured: Captured) -> None:
    async def task() -> None:
        work("in a task")

    with rootspan.span("caller"):
        await asyncio.gather(asyncio.create_task(task()), asyncio.to_thread(work, "in a thread"))
    caller = captured.one("caller").span_id
    assert {captured.one(name).parent_id for name in ("in a task", "in a thread")} == {caller}


def test_an_environment_replaces_a_parent_that_is_over(captured: Captured) -> None:
    with rootspan.span("launch"):
        variables = rootspan.child_environment(
            {"PATH": "/bin", "TRACEPARENT": TRACEPARENT, "BAGGAGE": "old=1"}
        )
    launch = captured.one("launch")
    assert variables == {"PATH": "/bin", "TRACEPARENT": f"00-{launch.trace_id:032x}-{launch.span_id:016x}-01"}
    assert rootspan.child_environment({"TRACEPARENT": TRACEPARENT}) == {}


def test_baggage_travels_and_only_what_is_allowed_becomes_attributes(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        rootspan.init("a", {receiver.endpoint!r}, metrics=False, baggage=["tenant.id", "experiment.id"])
        with rootspan.baggage({{"tenant.id": "acme", "session.token": "secret"}}):
            with rootspan.baggage({{"experiment.id": 7}}):
                headers = rootspan.inject()
                with rootspan.span("both"):
                    pass
            with rootspan.span("one"), rootspan.span("below", {{"tenant.id": "own"}}):
                pass
        with rootspan.span("none"):
            pass
        with rootspan.span("callee", context=rootspan.extract(headers)):
            pass
        with rootspan.baggage({{"tenant.id": "x" * 10_000}}), rootspan.span("long"):
            pass
        """
    )
    assert done.code == 0, done.err
    told = {span.name: attributes_of(span) for _, span in receiver.spans()}
    assert told["both"] == told["callee"] == {"tenant.id": "acme", "experiment.id": "7"}
    assert told["one"] == {"tenant.id": "acme"}
    assert told["below"] == {"tenant.id": "own"}
    assert told["none"] == {}
    assert told["long"] == {"tenant.id": "x" * 256}


PROCESSES = """
    import concurrent.futures, multiprocessing, os, sys, threading
    import rootspan

    def child(name):
        with rootspan.span(name):
            return os.getpid()

    def main():
        rootspan.init("trainer", {endpoint!r}, metrics=False, instrument=["threads", "multiprocessing"],
                      resource={{"cloud.region": "eu-west"}})
        with rootspan.span("main"):
            for method in ("fork", "spawn", "forkserver"):
                worker = multiprocessing.get_context(method).Process(target=child, args=(method,))
                worker.start()
                worker.join(30)
                assert worker.exitcode == 0
            thread = threading.Thread(target=child, args=("thread",))
            thread.start()
            thread.join()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                pool.submit(child, "pool").result()
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            with rootspan.span("first"):
                first = pool.submit(rootspan.carry(child), "task of first")
            with rootspan.span("second"):
                second = pool.submit(rootspan.carry(child), "task of second")
            assert first.result(30) == second.result(30) != os.getpid()

    if __name__ == "__main__":
        main()
        print(os.getpid())
"""


def test_forked_and_spawned_processes_and_threads_go_on_in_the_trace_under_their_own_pid(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(PROCESSES.format(endpoint=receiver.endpoint), timeout_s=60)
    assert (done.code, done.err) == (0, "")
    own = int(done.out)
    found = _parents(receiver)
    for name in ("fork", "spawn", "forkserver", "thread", "pool"):
        assert found[name][0] == "main", name
    assert found["task of first"][0] == "first"
    assert found["task of second"][0] == "second"
    assert found["thread"][1] == found["pool"][1] == found["main"][1] == own
    elsewhere = [found[name][1] for name in ("fork", "spawn", "forkserver", "task of first")]
    assert len({own, *elsewhere}) == 5
    # Spawned children are set up like their parent, with an identity of their own.
    identities = {attributes_of(who)["service.instance.id"] for who, _ in receiver.spans()}
    assert len(identities) == 5
    assert {attributes_of(who)["cloud.region"] for who, _ in receiver.spans()} == {"eu-west"}


def test_a_spawned_child_may_call_init_by_itself_without_a_complaint(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import multiprocessing, rootspan

        def child():
            rootspan.init("trainer", {receiver.endpoint!r})
            with rootspan.span("child"):
                pass

        if __name__ == "__main__":
            rootspan.init("trainer", {receiver.endpoint!r}, instrument=["multiprocessing"], metrics=False)
            with rootspan.span("main"):
                worker = multiprocessing.get_context("spawn").Process(target=child)
                worker.start()
                worker.join(30)
            assert worker.exitcode == 0
        """
    )
    assert (done.code, done.err) == (0, "")
    assert _parents(receiver)["child"][0] == "main"


def test_a_launched_program_goes_on_in_the_trace_and_hands_it_on(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import os, subprocess, sys
        import rootspan
        depth = int(os.environ.get("DEPTH", 0))
        rootspan.init("job", {receiver.endpoint!r}, metrics=False)
        with rootspan.span(f"program {{depth}}"):
            if depth < 2:
                variables = rootspan.child_environment() | {{"DEPTH": str(depth + 1)}}
                subprocess.run([sys.executable, __file__], env=variables, check=True)
        """
    )
    assert (done.code, done.err) == (0, "")
    found = _parents(receiver)
    assert found["program 1"][0] == "program 0"
    assert found["program 2"][0] == "program 1"
    assert len({pid for _, pid in found.values()}) == 3


def test_torchrun_hands_the_launchers_span_to_its_workers(
    receiver: Receiver, run_program: RunProgram
) -> None:
    pytest.importorskip("torch")
    done = run_program(
        f"""
        import os, subprocess, sys
        import rootspan
        rootspan.init("job", {receiver.endpoint!r}, metrics=False)
        if "RANK" in os.environ:
            with rootspan.span("rank", rank=int(os.environ["RANK"])):
                pass
        else:
            with rootspan.span("submit"):
                subprocess.run(
                    [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0",
                     "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", __file__],
                    env=rootspan.child_environment() | {{"OMP_NUM_THREADS": "1"}},
                    check=True, capture_output=True,
                )
        """,
        timeout_s=90,
        PYTHONWARNINGS="ignore",
    )
    assert done.code == 0, done.err
    (submit,) = [span for _, span in receiver.spans() if span.name == "submit"]
    ranks = [(who, span) for who, span in receiver.spans() if span.name == "rank"]
    assert {attributes_of(span)["rank"] for _, span in ranks} == {0, 1}
    assert {span.parent_span_id for _, span in ranks} == {submit.span_id}
    assert len({attributes_of(who)["process.pid"] for who, _ in ranks}) == 2


HTTP_SERVERS = """
    import asyncio, threading, time, wsgiref.simple_server
    import rootspan
    rootspan.init("web", {endpoint!r}, metrics=False, instrument="auto")
    import httpx, requests, uvicorn
    from rootspan.integrations import http_server
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hello(request):
        await asyncio.sleep(0.03)
        return PlainTextResponse("hello")

    class Server(uvicorn.Server):
        def install_signal_handlers(self):
            pass

    app = http_server.asgi(Starlette(routes=[Route("/hello", hello)]))
    server = Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def plain(environ, start_response):
        time.sleep(0.03)
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"hello"]

    class Quiet(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, *args):
            pass

    wsgi = wsgiref.simple_server.make_server("127.0.0.1", 0, http_server.wsgi(plain), handler_class=Quiet)
    threading.Thread(target=wsgi.serve_forever, daemon=True).start()
    with rootspan.span("top"), requests.Session() as session, httpx.Client(trust_env=False) as client:
        session.trust_env = False
        assert "total;dur=" in session.get(f"http://127.0.0.1:{{port}}/hello").headers["server-timing"]
        assert client.get(f"http://127.0.0.1:{{wsgi.server_port}}/hello").text == "hello"
    wsgi.shutdown()
    wsgi.server_close()
    server.should_exit = True
"""


def test_http_servers_tell_their_duration_to_the_clients_that_called_them(
    receiver: Receiver, run_program: RunProgram
) -> None:
    for module in ("opentelemetry.instrumentation.asgi", "opentelemetry.instrumentation.wsgi", "uvicorn"):
        pytest.importorskip(module)
    done = run_program(HTTP_SERVERS.format(endpoint=receiver.endpoint))
    assert done.code == 0, done.err
    spans = {span.span_id: span for _, span in receiver.spans()}
    assert len({span.trace_id for span in spans.values()}) == 1
    clients = [span for span in spans.values() if span.kind == Span.SPAN_KIND_CLIENT]
    servers = {s.parent_span_id: s for s in spans.values() if s.kind == Span.SPAN_KIND_SERVER}
    assert len(clients) == len(servers) == 2
    for client in clients:
        server = servers[client.span_id]
        told_ms = attributes_of(client)["rootspan.peer.duration_ms"]
        assert isinstance(told_ms, float)
        assert 30 <= told_ms <= (server.end_time_unix_nano - server.start_time_unix_nano) / 1e6


def test_propagation_reads_what_it_writes_in_both_shapes() -> None:
    assert list(propagation.inject()) == [name for name, _ in propagation.inject_pairs()] == []
