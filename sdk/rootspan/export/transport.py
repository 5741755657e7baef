"""Carries encoded OTLP requests to a collector over gRPC, and gives up in time.

Owns the channel, retries, deadlines and what a fork does to them. Knows nothing of spans or queues.

Why not OpenTelemetry's own exporter: it sleeps through a shutdown, its backoff draws from the program's
global `random`, and its blocking call holds gRPC's lock across `os.fork()`, which hangs the child.

A request that timed out may have arrived: delivery is at least once for what is `sent`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc._cython import cygrpc  # type: ignore[attr-defined, unused-ignore]

from rootspan.config.targets import Target
from rootspan.export.ledger import Ledger, Loss, Signal

RETRY_FOR_S = 60.0
"""How long one batch is tried. The queue behind it is bounded, so an old batch costs newer ones."""
SPOOL_AFTER_S = 5.0
"""How long it is tried where a disk can take it instead."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0

_METHODS = {
    Signal.SPANS: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
# The specification's list of codes that are worth a retry, RESOURCE_EXHAUSTED added as OpenTelemetry's SDK
# does.
_RETRYABLE = frozenset(
    {"UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS"}
) | {"RESOURCE_EXHAUSTED"}
_CHANNEL_OPTIONS = (
    # gRPC's own reconnect pause grows to two minutes; a restarted collector should be found in seconds.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.primary_user_agent", "rootspan-python"),
)

_FORK_HELP = (
    "call rootspan.init() before grpc is imported, or set GRPC_ENABLE_FORK_SUPPORT=1, for children to send"
)


Keep = Callable[[Signal, bytes, int], bool]


class Call(Protocol):
    """A request under way."""

    def result(self, timeout: float | None = None) -> bytes:
        """Wait for the response."""

    def cancel(self) -> object:
        """Give the request up."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and whether and when another one makes sense."""

    error: str
    retryable: bool
    pause_s: float | None = None


class OtlpTransport:
    """Delivers requests; thread-safe; survives `os.fork()` in parent and child."""

    def __init__(self, target: Target, ledger: Ledger, keep: Keep | None = None) -> None:
        """Nothing is opened yet.

        Args:
            target: Where to.
            ledger: Who counts.
            keep: Puts a request on disk that cannot be sent; None drops it.
        """
        self._target, self._ledger, self._keep = target, ledger, keep
        self._is_away = False
        # The pauses between retries must not move the program's random numbers: the kernel's are used.
        self._random = random.SystemRandom()
        self._deadline: float | None = None
        self._may_send = True
        self._reached = self._answers = False
        self._reset()

    def _reset(self) -> None:
        # Held while a call is being started, so that a fork never happens in the middle of one.
        self._gate = threading.Lock()
        self._in_flight: set[Call] = set()
        self._channel: grpc.Channel | None = None
        self._exiting = threading.Event()
        self._aborted = threading.Event()

    def deliver(self, signal: Signal, body: bytes, n_items: int) -> bool:
        """Send one request, retrying while that makes sense, and account for its items. Never raises.

        Returns:
            Whether the collector acknowledged it.
        """
        give_up_at = time.monotonic() + (RETRY_FOR_S if self._keep is None else SPOOL_AFTER_S)
        pause_s = FIRST_PAUSE_S
        while True:
            if not self._may_send:
                self._ledger.failed(_FORK_HELP)
                return self._lose(signal, Loss.FORKED, body, n_items)
            if self._aborted.is_set():
                return self._lose(signal, Loss.EXIT_DEADLINE, body, n_items)
            if self._is_away and n_items:
                # The batch before this one waited for the collector; this one need not.
                return self._lose(signal, Loss.UNREACHABLE, body, n_items)
            outcome = self._attempt(signal, body)
            if not isinstance(outcome, Failure):
                self._acknowledged(signal, outcome, n_items)
                return True
            self._answers = False
            self._ledger.failed(outcome.error)
            if not outcome.retryable:
                self._ledger.dropped(signal, Loss.REFUSED, n_items)
                return False
            wait_s = (
                outcome.pause_s if outcome.pause_s is not None else pause_s * self._random.uniform(0.8, 1.2)
            )
            loss = self._out_of_time(wait_s, give_up_at)
            if loss is not None:
                return self._lose(signal, loss, body, n_items)
            # Exit wakes a sleeper once; from then on only the abort does.
            (self._aborted if self._exiting.is_set() else self._exiting).wait(wait_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def attempt(self, signal: Signal, body: bytes) -> Failure | None:
        """Send a request that was on disk, once. Its items are the caller's to count. Never raises."""
        if not self._may_send or self._aborted.is_set():
            return Failure("not sending", retryable=True)
        outcome = self._attempt(signal, body)
        if isinstance(outcome, Failure):
            self._answers = False
            return outcome
        self._reached, self._answers, self._is_away = True, True, False
        return None

    def _lose(self, signal: Signal, loss: Loss, body: bytes, n_items: int) -> bool:
        """Put a request on disk, or else count it as lost. Returns False: it was not acknowledged."""
        if self._keep is None or not n_items:
            self._ledger.dropped(signal, loss, n_items)
        elif self._keep(signal, body, n_items):
            self._is_away = loss is Loss.UNREACHABLE
            self._ledger.spooled(signal, n_items)
        else:
            self._ledger.dropped(signal, Loss.SPOOL_FULL, n_items)
        return False

    @property
    def is_reached(self) -> bool:
        """Whether the last attempt got through, and another one may be made."""
        return self._answers and not self._aborted.is_set()

    def begin_exit(self, deadline: float) -> None:
        """From now on nothing is tried or waited for beyond `deadline` (monotonic seconds)."""
        self._deadline = deadline
        self._exiting.set()

    def abort(self) -> None:
        """Give up everything under way at once."""
        self._aborted.set()
        self._cancel_all()

    def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def before_fork(self) -> None:
        """Stop every call: gRPC waits for them before it lets the process fork, however long they take."""
        self._gate.acquire()
        self._cancel_all()

    def after_fork_in_parent(self) -> None:
        """Go on; a cancelled request is sent again."""
        self._gate.release()

    def after_fork_in_child(self) -> None:
        """Forget the parent's channel; a new one opens with the first request."""
        self._reset()
        self._deadline, self._reached, self._answers = None, False, False
        # Without its fork handlers a gRPC call in the child blocks for ever, past its own timeout.
        self._may_send = bool(cygrpc.is_fork_support_enabled())

    def _attempt(self, signal: Signal, body: bytes) -> bytes | Failure:
        timeout_s = self._target.timeout_s
        if self._deadline is not None:
            timeout_s = max(0.001, min(timeout_s, self._deadline - time.monotonic()))
        call: Call | None = None
        try:
            with self._gate:
                method = self._open().unary_unary(_METHODS[signal], None, None)
                if not self._exiting.is_set():
                    # A future, because it can be cancelled before a fork.
                    call = method.future(body, timeout=timeout_s, metadata=self._target.headers)
                    self._in_flight.add(call)
            if call is not None:
                return call.result()
            # A future needs a thread, and an interpreter that ends (3.12 on) starts none: block instead.
            return bytes(method(body, timeout=timeout_s, metadata=self._target.headers))
        except grpc.FutureCancelledError:
            return Failure("the request was cancelled", retryable=True, pause_s=0.0)
        except grpc.RpcError as err:
            return _explain(err)
        except Exception as err:
            return Failure(f"{type(err).__name__}: {err}", retryable=False)
        finally:
            if call is not None:
                self._in_flight.discard(call)

    def _open(self) -> grpc.Channel:
        if self._channel is None:
            options = _CHANNEL_OPTIONS
            compression = grpc.Compression.Gzip if self._target.gzip else None
            if self._target.insecure:
                self._channel = grpc.insecure_channel(self._target.address, options, compression)
            else:
                self._channel = grpc.secure_channel(
                    self._target.address, _credentials(self._target), options, compression
                )
        return self._channel

    def _acknowledged(self, signal: Signal, response: bytes, n_items: int) -> None:
        self._reached = self._answers = True
        rejected, message = _partial_success(response)
        rejected = min(rejected, n_items)
        if rejected:
            self._ledger.failed(message or "partial success")
            self._ledger.dropped(signal, Loss.REFUSED, rejected)
        self._ledger.sent(signal, n_items - rejected)

    def _out_of_time(self, wait_s: float, give_up_at: float) -> Loss | None:
        now = time.monotonic()
        if self._deadline is not None:
            # A collector that never answered will hardly begin to in our last seconds: end at once.
            if not self._reached:
                return Loss.UNREACHABLE
            if now + wait_s >= self._deadline:
                return Loss.EXIT_DEADLINE
        return Loss.UNREACHABLE if now + wait_s >= give_up_at else None

    def _cancel_all(self) -> None:
        for call in tuple(self._in_flight):
            call.cancel()


def _credentials(target: Target) -> grpc.ChannelCredentials:
    def read(path: str | None) -> bytes | None:
        return Path(path).read_bytes() if path else None

    return grpc.ssl_channel_credentials(
        root_certificates=read(target.certificate),
        private_key=read(target.client_key),
        certificate_chain=read(target.client_certificate),
    )


def _explain(err: grpc.RpcError) -> Failure:
    code = err.code()
    return Failure(
        error=f"{code.name}: {err.details()}",
        retryable=code.name in _RETRYABLE,
        pause_s=_retry_after_s(err),
    )


def _retry_after_s(err: grpc.RpcError) -> float | None:
    """The collector's own wish, google.rpc.RetryInfo in the status details, in seconds."""
    # A tuple of pairs at run time, whatever the stubs say.
    trailer: Any = err.trailing_metadata()
    for key, value in trailer or ():
        info = RetryInfo()
        if key == "google.rpc.retryinfo-bin":
            info.ParseFromString(value)
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
        if key == "grpc-status-details-bin":
            for detail in Status.FromString(value).details:
                if detail.Unpack(info):
                    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None


def _partial_success(response: bytes) -> tuple[int, str]:
    """How many items the collector refused, and why. The three responses differ in name only."""
    if not response:
        return 0, ""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    partial = ExportTraceServiceResponse.FromString(response).partial_success
    return partial.rejected_spans, partial.error_message
