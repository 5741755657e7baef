"""Calls that are answered later: without a thread each, in their order, and whatever clients do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from running import collector

from rootspan_collector import grpc_calls
from rootspan_collector.grpc_calls import CallPool
from support import otlp_requests as otlp
from support.processes import wait_until

METHOD = "/test.Test/Export"


class Answer(grpc.Status):
    code = grpc.StatusCode.PERMISSION_DENIED
    details = "not you"
    trailing_metadata = (("told", "so"),)


class Desk:
    """A handler that keeps what it is asked until the test answers it."""

    def __init__(self) -> None:
        self.open: dict[bytes, Callable[[bytes | grpc.Status], None]] = {}
        self.threads: set[str] = set()
        self.is_broken = False

    def __call__(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        self.threads.add(threading.current_thread().name)
        return b"waited for " + body

    def later(
        self, body: bytes, context: grpc.ServicerContext, answer: Callable[[bytes | grpc.Status], None]
    ) -> None:
        self.open[body] = answer
        if self.is_broken:
            raise RuntimeError("as told by the test")

    def wait_for(self, *bodies: bytes) -> None:
        wait_until(lambda: set(bodies) <= self.open.keys(), timeout_s=10, what=f"{bodies} are asked")


@contextmanager
def served(desk: Desk, *, at_once: int = 4) -> Iterator[Callable[[], grpc.Channel]]:
    server = grpc.server(CallPool(2, at_once=at_once))
    handler = grpc.unary_unary_rpc_method_handler(desk)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    options = [("grpc.use_local_subchannel_pool", 1)]
    try:
        yield lambda: grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
    finally:
        server.stop(5).wait()


def test_a_call_holds_no_thread_and_is_answered_from_any() -> None:
    desk = Desk()
    with served(desk, at_once=50) as connect, connect() as channel:
        calls = [channel.unary_unary(METHOD).future(b"%d" % number) for number in range(50)]
        desk.wait_for(*(b"%d" % number for number in range(50)))
        assert not any(thread.name.startswith("grpc") for thread in threading.enumerate())
        for body, answer in reversed(desk.open.items()):
            answer(b"answer " + body)
        assert [call.result(10) for call in calls] == [b"answer %d" % number for number in range(50)]


def test_a_refusal_reaches_the_client_with_its_metadata() -> None:
    desk = Desk()
    with served(desk) as connect, connect() as channel:
        call = channel.unary_unary(METHOD).future(b"x")
        desk.wait_for(b"x")
        desk.open[b"x"](Answer())
        desk.open[b"x"](b"an answer too many")
        error = call.exception(10)
        assert isinstance(error, grpc.RpcError)
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert error.details() == "not you"
        assert ("told", "so") in [tuple(pair) for pair in error.trailing_metadata()]


def test_calls_beyond_the_limit_wait_unread_and_those_that_gave_up_hold_nobody_up() -> None:
    desk = Desk()
    with served(desk, at_once=2) as connect, connect() as channel:
        export = channel.unary_unary(METHOD)
        first = [export.future(b"first %d" % number) for number in range(2)]
        desk.wait_for(b"first 0", b"first 1")
        given_up = [export.future(b"given up %d" % number, timeout=0.3) for number in range(300)]
        assert all(isinstance(call.exception(30), grpc.RpcError) for call in given_up)
        patient = export.future(b"patient")
        assert desk.open.keys() == {b"first 0", b"first 1"}
        desk.open[b"first 0"](b"done")
        desk.wait_for(b"patient")
        assert desk.open.keys() == {b"first 0", b"first 1", b"patient"}
        for body in (b"first 1", b"patient"):
            desk.open[body](b"done")
        assert [call.result(10) for call in (*first, patient)] == [b"done"] * 3


def test_an_answer_to_a_client_that_left_frees_its_place() -> None:
    desk = Desk()
    with served(desk, at_once=1) as connect, connect() as channel:
        export = channel.unary_unary(METHOD)
        left = export.future(b"left")
        desk.wait_for(b"left")
        left.cancel()
        stayed = export.future(b"stayed")
        desk.open[b"left"](b"too late")
        desk.wait_for(b"stayed")
        desk.open[b"stayed"](b"done")
        assert stayed.result(10) == b"done"


def test_a_handler_that_fails_costs_one_call_and_not_the_server() -> None:
    desk = Desk()
    with served(desk, at_once=1) as connect, connect() as channel:
        export = channel.unary_unary(METHOD)
        desk.is_broken = True
        error = export.future(b"broken").exception(10)
        assert isinstance(error, grpc.RpcError)
        assert error.code() is grpc.StatusCode.INTERNAL
        desk.is_broken = False
        call = export.future(b"well")
        desk.wait_for(b"well")
        desk.open[b"well"](b"done")
        assert call.result(10) == b"done"


def test_a_client_that_sends_no_message_is_refused() -> None:
    desk = Desk()
    with served(desk, at_once=1) as connect, connect() as channel:
        for _ in range(3):  # and holds no place
            with pytest.raises(grpc.RpcError) as caught:
                channel.stream_unary(METHOD)(iter(()), timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_with_a_grpcio_that_is_not_known_calls_take_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_calls, "_NAMES", ("_gone_in_a_later_version",))
    desk = Desk()
    with served(desk) as connect, connect() as channel:
        assert channel.unary_unary(METHOD)(b"x", timeout=10) == b"waited for x"
        assert all(name.startswith("grpc") for name in desk.threads)


def test_the_collector_takes_and_refuses_alike_with_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_calls, "_NAMES", ("_gone_in_a_later_version",))
    options = [("grpc.use_local_subchannel_pool", 1)]
    with (
        collector(tmp_path) as running,
        grpc.insecure_channel(running.grpc_address, options=options) as channel,
        ThreadPoolExecutor(8) as pool,
    ):
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        bodies = [otlp.traces(3, name=str(number)).SerializeToString() for number in range(20)]
        assert list(pool.map(export, bodies)) == [b""] * 20
        with pytest.raises(grpc.RpcError) as caught:
            export(b"\x0a\xff\xff\xff")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
