"""The official instrumentations over real sockets, each in a process of its own: they patch globally."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from rootspan import ConfigurationError, MissingExtraError, instrument
from rootspan.context import server_timing
from rootspan.integrations import http_server
from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

GRPC = """
    import asyncio, time, rootspan
    rootspan.init("svc", {endpoint!r}, instrument=["grpc"], metrics=False)
    import grpc, grpc.aio
    from concurrent import futures

    def behaviour(request, context):
        time.sleep(0.02)
        context.set_trailing_metadata((("x-own", "kept"),))
        if request == b"abort":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue full")
        if request == b"raise":
            raise KeyError("oops")
        with rootspan.span("inside"):
            return request

    async def aio_behaviour(request, context):
        await asyncio.sleep(0.02)
        with rootspan.span("inside"):
            return request

    def stream(request, context):
        yield request
        yield request

    def handlers(unary):
        return grpc.method_handlers_generic_handler("Ranker", {{
            "Rank": grpc.unary_unary_rpc_method_handler(unary),
            "Stream": grpc.unary_stream_rpc_method_handler(stream),
        }})
"""


def _by_kind(receiver: Receiver, name: str) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = {}
    for _, span in receiver.spans():
        if span.name == name:
            found.setdefault(span.kind, []).append(span)
    return found


def test_grpc_calls_are_connected_and_tell_the_peers_duration(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        GRPC.format(endpoint=receiver.endpoint)
        + """
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handlers(behaviour),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"localhost:{port}")
    rank = channel.unary_unary("/Ranker/Rank")
    with rootspan.span("top"):
        response, call = rank.with_call(b"ok")
        assert dict(call.trailing_metadata())["x-own"] == "kept"
        with rootspan.attempt(2):
            assert rank.future(b"ok").result() == b"ok"
        assert list(channel.unary_stream("/Ranker/Stream")(b"s")) == [b"s", b"s"]
    server.stop(1).wait()
    """
    )
    assert done.code == 0, done.err
    spans = {span.span_id: span for _, span in receiver.spans()}
    assert len({span.trace_id for span in spans.values()}) == 1
    kinds = _by_kind(receiver, "Ranker/Rank")
    assert (len(kinds[Span.SPAN_KIND_CLIENT]), len(kinds[Span.SPAN_KIND_SERVER])) == (2, 2)
    for server in kinds[Span.SPAN_KIND_SERVER]:
        client = spans[server.parent_span_id]
        assert client.kind == Span.SPAN_KIND_CLIENT
        told_ms = attributes_of(client)["rootspan.peer.duration_ms"]
        assert isinstance(told_ms, float)
        server_ms = (server.end_time_unix_nano - server.start_time_unix_nano) / 1e6
        client_ms = (client.end_time_unix_nano - client.start_time_unix_nano) / 1e6
        # Measured inside the server's span, which lies inside the client's.
        assert 20 <= told_ms <= server_ms <= client_ms
        assert attributes_of(client)["server.address"] == "localhost"
        assert attributes_of(client)["rpc.method"] == "Ranker/Rank"
    attempts = [attributes_of(span).get("rootspan.retry.attempt") for span in spans.values()]
    assert [one for one in attempts if one is not None] == [2]
    assert len(_by_kind(receiver, "Ranker/Stream")) == 2


def test_grpc_errors_name_their_code_on_both_sides(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        GRPC.format(endpoint=receiver.endpoint)
        + """
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handlers(behaviour),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    rank = grpc.insecure_channel(f"localhost:{port}").unary_unary("/Ranker/Rank")
    for request in (b"abort", b"raise"):
        try:
            with rootspan.span("caller"):
                rank(request)
        except grpc.RpcError as err:
            print(err.code().name)
    server.stop(1).wait()
    """
    )
    assert done.out.split() == ["RESOURCE_EXHAUSTED", "UNKNOWN"], done.err
    kinds = _by_kind(receiver, "Ranker/Rank")
    for span in kinds[Span.SPAN_KIND_CLIENT]:
        assert span.status.code == Status.STATUS_CODE_ERROR
    assert [attributes_of(span)["error.type"] for span in kinds[Span.SPAN_KIND_CLIENT]] == [
        "RESOURCE_EXHAUSTED",
        "UNKNOWN",
    ]
    # A refusal is an error of the call, not of the server: the semantic conventions leave its status unset.
    refused, raised = kinds[Span.SPAN_KIND_SERVER]
    assert refused.status.code == Status.STATUS_CODE_UNSET
    assert attributes_of(refused)["rpc.response.status_code"] == "RESOURCE_EXHAUSTED"
    assert "error.type" not in attributes_of(refused)
    assert raised.status.code == Status.STATUS_CODE_ERROR
    assert attributes_of(raised)["error.type"] == "KeyError"
    # The program's own exception is told once, where it began; what abort() raises is none.
    events = [(span.kind, event) for _, span in receiver.spans() for event in span.events]
    assert len(events) == 1
    kind, event = events[0]
    assert kind == Span.SPAN_KIND_SERVER
    assert {pair.key: pair.value.string_value for pair in event.attributes}["exception.type"] == "KeyError"


def test_grpc_aio_calls_are_connected_and_tell_the_peers_duration(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        GRPC.format(endpoint=receiver.endpoint)
        + """
    async def main():
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((handlers(aio_behaviour),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            with rootspan.span("top"):
                assert await channel.unary_unary("/Ranker/Rank")(b"ok") == b"ok"
        await server.stop(1)
    asyncio.run(main())
    """
    )
    assert done.code == 0, done.err
    assert len({span.trace_id for _, span in receiver.spans()}) == 1
    (client,) = _by_kind(receiver, "Ranker/Rank")[Span.SPAN_KIND_CLIENT]
    told_ms = attributes_of(client)["rootspan.peer.duration_ms"]
    assert isinstance(told_ms, float)
    assert 20 <= told_ms <= (client.end_time_unix_nano - client.start_time_unix_nano) / 1e6


def test_a_stream_of_responses_tells_the_peers_duration_with_its_last_one(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        GRPC.format(endpoint=receiver.endpoint)
        + """
    def slow_stream(request, context):
        yield request
        time.sleep(0.02)
        yield request
        if request == b"refuse":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue full")

    async def aio_stream(request, context):
        yield request
        await asyncio.sleep(0.02)
        yield request

    def stream_handlers(stream):
        handler = grpc.unary_stream_rpc_method_handler(stream)
        return grpc.method_handlers_generic_handler("Ranker", {"Stream": handler})

    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((stream_handlers(slow_stream),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stream = grpc.insecure_channel(f"localhost:{port}").unary_stream("/Ranker/Stream")
    assert list(stream(b"s")) == [b"s", b"s"]
    try:
        list(stream(b"refuse"))
    except grpc.RpcError as err:
        print(err.code().name)
    server.stop(1).wait()

    async def main():
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((stream_handlers(aio_stream),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            assert [one async for one in channel.unary_stream("/Ranker/Stream")(b"a")] == [b"a", b"a"]
        await server.stop(1)
    asyncio.run(main())
    """
    )
    assert (done.code, done.out.split()) == (0, ["RESOURCE_EXHAUSTED"]), done.err
    kinds = _by_kind(receiver, "Ranker/Stream")
    servers = {span.parent_span_id: span for span in kinds[Span.SPAN_KIND_SERVER]}
    clients = kinds[Span.SPAN_KIND_CLIENT]
    assert len(clients) == len(servers) == 3
    for client in clients:
        server = servers[client.span_id]
        told_ms = attributes_of(client)["rootspan.peer.duration_ms"]
        assert isinstance(told_ms, float)
        assert 20 <= told_ms <= (server.end_time_unix_nano - server.start_time_unix_nano) / 1e6
        assert attributes_of(client)["server.address"] == "localhost"
    (refused,) = [span for span in clients if span.status.code == Status.STATUS_CODE_ERROR]
    assert attributes_of(refused)["error.type"] == "RESOURCE_EXHAUSTED"


HTTP = """
    import rootspan
    rootspan.init("svc", {endpoint!r}, instrument=["requests", "httpx"], metrics=False)
    import asyncio, http.server, threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with rootspan.span("GET /", kind="server", context=rootspan.extract(dict(self.headers))):
                self.send_response(200)
                self.send_header("Server-Timing", "cache;dur=1, total;dur=12.5")
                self.send_header("content-length", "0")
                self.end_headers()
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{{server.server_address[1]}}/"
    import httpx, requests
    async def get():
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(url)
    with rootspan.span("top"), requests.Session() as session, httpx.Client(trust_env=False) as client:
        session.trust_env = False
        with rootspan.attempt(1):
            session.get(url)
        client.get(url)
        asyncio.run(get())
    server.shutdown()
    server.server_close()
"""


def test_http_calls_are_connected_and_read_server_timing(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(HTTP.format(endpoint=receiver.endpoint))
    assert done.code == 0, done.err
    spans = {span.span_id: span for _, span in receiver.spans()}
    assert len({span.trace_id for span in spans.values()}) == 1
    clients = [span for span in spans.values() if span.kind == Span.SPAN_KIND_CLIENT]
    servers = [span for span in spans.values() if span.kind == Span.SPAN_KIND_SERVER]
    assert [attributes_of(span)["rootspan.peer.duration_ms"] for span in clients] == [12.5] * 3
    assert [attributes_of(span).get("rootspan.retry.attempt") for span in clients] == [1, None, None]
    assert {span.parent_span_id for span in servers} == {span.span_id for span in clients}


def test_our_own_exports_are_not_traced(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        f"""
        import rootspan
        rootspan.init("svc", {receiver.endpoint!r}, instrument=["grpc"], metrics=False)
        with rootspan.span("work"):
            pass
        for _ in range(3):
            assert rootspan.flush(5)
        """
    )
    assert done.code == 0, done.err
    assert [span.name for _, span in receiver.spans()] == ["work"]


def test_a_redis_command_tells_the_server_and_the_attempt_also_where_nobody_listens(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        rootspan.init("svc", {receiver.endpoint!r}, instrument=["redis"], metrics=False)
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
        client = redis.Redis("127.0.0.1", 1, retry=Retry(NoBackoff(), 0))
        for number in range(2):
            with rootspan.attempt(number):
                try:
                    client.get("user:7")
                except redis.ConnectionError:
                    pass
        rootspan.shutdown()
        """
    )
    assert done.code == 0, done.err
    spans = [span for _, span in receiver.spans()]
    assert [(one.name, one.kind, one.status.code) for one in spans] == [
        ("GET", Span.SPAN_KIND_CLIENT, Status.STATUS_CODE_ERROR)
    ] * 2
    told = [attributes_of(one) for one in spans]
    assert [one["rootspan.retry.attempt"] for one in told] == [0, 1]
    assert all(one["peer.service"] == "redis" for one in told)
    assert all((one["server.address"], one["server.port"]) == ("127.0.0.1", 1) for one in told)
    assert "user:7" not in str(told)


def test_auto_finds_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"grpc", "requests", "httpx", "threads", "multiprocessing"} <= set(instrument.resolve("auto"))
    assert instrument.resolve(["grpc", "auto", "grpc"])[0] == "grpc"
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.httpx", None)
    assert "httpx" not in instrument.resolve("auto")
    assert "requests" in instrument.resolve("auto")


def test_an_unknown_library_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match="'grpc', 'requests', 'httpx'"):
        instrument.resolve(["flask"])
    with pytest.raises(ConfigurationError, match=r"instrument=\['grpc'\]"):
        instrument.resolve("grpc")


def test_a_missing_package_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.httpx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rootspan\[http\]'") as raised:
        instrument.resolve(["grpc", "httpx"])
    assert raised.value.extra == "http"


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("grpc", "opentelemetry.instrumentation.grpc", "grpc"),
        ("requests", "requests", "http"),
        ("redis", "redis", "redis"),
        ("structlog", "structlog", "logs"),
        ("loguru", "loguru", "logs"),
    ],
)
def test_every_extra_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as raised:
        instrument.resolve([name])
    assert raised.value.extra == extra
    assert module in str(raised.value)


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_missing_server_middleware_names_the_extra(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(sys.modules, f"opentelemetry.instrumentation.{kind}", None)
    with pytest.raises(MissingExtraError, match=r"rootspan\[http\]"):
        getattr(http_server, kind)(lambda *_: None)


@pytest.mark.parametrize(
    ("value", "duration_ms"),
    [
        ("total;dur=12.345", 12.345),
        ('db;dur=1, total;desc="x";dur="3"', 3.0),
        (b"total;dur=0", 0.0),
        ("total", None),
        ("total;dur=abc", None),
        ("total;dur=-1", None),
        ("total;dur=inf", None),
        ("", None),
        (None, None),
    ],
)
def test_server_timing_is_read_or_ignored(value: str | bytes | None, duration_ms: float | None) -> None:
    assert server_timing.parse(value) == duration_ms


def test_server_timing_reads_what_it_writes() -> None:
    assert server_timing.parse(server_timing.render(1.5)) == 1.5
