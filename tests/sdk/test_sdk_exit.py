"""A program ends in time and says what it lost, whatever the collector does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rootspan.testing import Receiver
from support.programs import RunProgram

# What Python, OpenTelemetry's SDK and gRPC need to start on a busy two-core machine, beside our deadline.
START_S = 6.0

PROGRAM = """
    import logging, rootspan
    rootspan.init("ranker", {endpoint!r}, exit_timeout_s={exit_timeout_s})
    from opentelemetry import metrics
    metrics.get_meter("app").create_counter("requests").add(1)
    for i in range(100):
        with rootspan.span("work"):
            logging.getLogger("app").error("record %d", i)
    {more}
    print("end of main")
"""


@pytest.fixture
def hanging() -> Iterator[str]:
    """A listener that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def stuck_after_settings() -> Iterator[str]:
    """A gRPC server that takes a request and never responds: the connection works, the call hangs."""
    process = subprocess.Popen(
        [sys.executable, "-c", _STUCK_SERVER], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    yield f"127.0.0.1:{process.stdout.readline().strip()}"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()


_STUCK_SERVER = """
import grpc, threading
from concurrent import futures
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: threading.Event().wait(60) or b"")
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((Handler(),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


def test_with_no_collector_it_ends_at_once_and_says_what_it_lost(run_program: RunProgram) -> None:
    done = run_program(PROGRAM.format(endpoint="127.0.0.1:1", exit_timeout_s=5, more=""))
    assert (done.code, done.out) == (0, "end of main\n")
    assert done.took_s < START_S
    told = [line for line in done.err.splitlines() if line.startswith("rootspan, collector 127.0.0.1:1:")]
    assert len(told) == 1
    assert "100 log records (collector unreachable)" in told[0]
    assert "100 spans (collector unreachable)" in told[0]
    assert "1 metric points (collector unreachable)" in told[0]


@pytest.mark.parametrize("exit_timeout_s", [0, 0.5, 2])
def test_with_a_hanging_listener_it_ends_within_its_deadline(
    hanging: str, run_program: RunProgram, exit_timeout_s: float
) -> None:
    done = run_program(PROGRAM.format(endpoint=hanging, exit_timeout_s=exit_timeout_s, more=""))
    assert (done.code, done.out) == (0, "end of main\n")
    assert done.took_s < START_S + exit_timeout_s
    assert done.err.count("rootspan, collector") == 1
    assert "100 spans" in done.err


def test_with_a_call_that_hangs_under_way_it_ends_within_its_deadline(
    stuck_after_settings: str, run_program: RunProgram
) -> None:
    done = run_program(
        PROGRAM.format(endpoint=stuck_after_settings, exit_timeout_s=1, more="assert not rootspan.flush(0.5)")
    )
    assert (done.code, done.out) == (0, "end of main\n"), done.err
    assert done.took_s < START_S + 1.5
    assert "100 spans" in done.err
    assert "delivered nothing" in done.err


def test_the_default_deadline_is_five_seconds(stuck_after_settings: str, run_program: RunProgram) -> None:
    done = run_program(PROGRAM.format(endpoint=stuck_after_settings, exit_timeout_s=None, more=""))
    assert (done.code, done.out) == (0, "end of main\n")
    assert done.took_s < START_S + 5


def test_a_program_that_ends_right_away_still_delivers(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(PROGRAM.format(endpoint=receiver.endpoint, exit_timeout_s=5, more=""))
    assert done.code == 0
    assert "rootspan" not in done.err
    assert (len(receiver.spans()), len(receiver.logs()), len(receiver.metrics())) == (100, 100, 1)


def test_shutdown_says_what_became_of_it_and_may_be_called_twice(
    receiver: Receiver, run_program: RunProgram
) -> None:
    more = "a = rootspan.shutdown(5); b = rootspan.shutdown(); print(a == b, a.sent['spans'], a.n_dropped)"
    done = run_program(PROGRAM.format(endpoint=receiver.endpoint, exit_timeout_s=5, more=more))
    assert done.code == 0, done.err
    assert "True 100 0" in done.out


def test_an_uncaught_exception_leaves_the_program_as_ever(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        PROGRAM.format(endpoint=receiver.endpoint, exit_timeout_s=5, more="raise SystemExit(3)")
    )
    assert done.code == 3
    assert len(receiver.spans()) == 100


def test_without_init_everything_is_harmless(run_program: RunProgram) -> None:
    done = run_program(
        """
        import rootspan
        @rootspan.trace
        def f():
            rootspan.set_attributes(a=1)
            return rootspan.current_span().is_recording()
        assert f() is False
        assert rootspan.flush(0) is True
        assert rootspan.shutdown().n_dropped == 0
        """
    )
    assert (done.code, done.err) == (0, "")


def test_a_processor_that_raises_does_not_reach_the_program(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        from opentelemetry import trace
        from opentelemetry.sdk.trace import SpanProcessor
        class Broken(SpanProcessor):
            def on_start(self, span, parent_context=None):
                raise RuntimeError("on_start")
        rootspan.init("ranker", {receiver.endpoint!r})
        trace.get_tracer_provider().add_span_processor(Broken())
        with rootspan.span("work"):
            print("inside")
        """
    )
    assert (done.code, done.out) == (0, "inside\n")
    assert "could not start a span: RuntimeError: on_start" in done.err


def test_sigterm_without_a_handler_still_kills(receiver: Receiver) -> None:
    begin = f"import rootspan, time; rootspan.init('x', {receiver.endpoint!r})"
    program = f"{begin}; print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    process.stdout.close()
