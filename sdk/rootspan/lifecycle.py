"""`init()`, `flush()`, `shutdown()`: the SDK's only global state, and its place in the life of the process.

Owns the one pipeline of this process, the exit handler and the fork handlers. Importing it does nothing;
OpenTelemetry's SDK and gRPC are imported by `init()`, because a program that is not traced should not pay.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rootspan.config import settings as configuration
from rootspan.config.settings import AttributeValue
from rootspan.export.ledger import Delivery

if TYPE_CHECKING:
    from rootspan.pipeline import Pipeline

_logger = logging.getLogger("rootspan")
# Re-entrant, because a fork takes it, and the thread that forks may be inside init().
_lock = threading.RLock()
_pipeline: Pipeline | None = None
_last_delivery = Delivery({}, {})
_settings: Mapping[str, Any] | None = None
_inherited = False
_hooked = False
_captured = False


def init(
    service: str | None = None,
    endpoint: str | None = None,
    *,
    instrument: Sequence[str] = (),
    baggage: Sequence[str] = (),
    resource: Mapping[str, AttributeValue] | None = None,
    headers: Mapping[str, str] | None = None,
    certificate: str | os.PathLike[str] | None = None,
    sample_ratio: float | None = None,
    traces: bool | None = None,
    logs: bool | None = None,
    metrics: bool | None = None,
    export_timeout_s: float | None = None,
    exit_timeout_s: float | None = None,
    spool: str | os.PathLike[str] | None = None,
    spool_max_bytes: int | None = None,
) -> None:
    """Set up OpenTelemetry to send spans, log records and metrics by OTLP/gRPC. Call it once, early.

    An argument wins over its environment variable, which wins over the default. A second call is told in a
    log line and changes nothing. Nothing is sent from the calling thread, then or later.

    Args:
        service: Name of this service (OTEL_SERVICE_NAME).
        endpoint: `host:port`, `http://…` or, for TLS, `https://…` (OTEL_EXPORTER_OTLP_ENDPOINT,
            default http://localhost:4317).
        instrument: Libraries to trace: "grpc", "requests", "httpx", "threads", "multiprocessing",
            "structlog", "loguru", or "auto" for all that are installed.
        baggage: Names of baggage entries that become attributes of every span, e.g. "tenant.id".
        resource: More about this process, e.g. {"cloud.region": "eu-west"} (OTEL_RESOURCE_ATTRIBUTES).
        headers: Metadata of every export, e.g. a token (OTEL_EXPORTER_OTLP_HEADERS).
        certificate: PEM file of the collector's authority (OTEL_EXPORTER_OTLP_CERTIFICATE).
        sample_ratio: Share of traces kept, 0 < ratio <= 1, decided where a trace begins
            (OTEL_TRACES_SAMPLER, default all).
        traces: Whether to send spans (OTEL_TRACES_EXPORTER=otlp|none).
        logs: Whether to send records of standard logging (OTEL_LOGS_EXPORTER).
        metrics: Whether to send metrics (OTEL_METRICS_EXPORTER).
        export_timeout_s: Limit of one export (OTEL_EXPORTER_OTLP_TIMEOUT, default 10).
        exit_timeout_s: Longest delay of the end of the process, 0 to 5 (ROOTSPAN_EXIT_TIMEOUT_S, default 5).
        spool: Folder for what cannot be sent; the next start sends it (ROOTSPAN_SPOOL_DIR, default none).
            Processes may share it.
        spool_max_bytes: What the folder may hold (ROOTSPAN_SPOOL_MAX_BYTES, default 64 MiB).

    Raises:
        ConfigurationError: An argument cannot be used. Environment variables never raise; they are told.
        MissingExtraError: The package for an entry of `instrument` is not installed.
    """
    global _pipeline, _settings, _inherited
    settings: dict[str, Any] = {
        "service": service,
        "endpoint": endpoint,
        "resource": dict(resource) if resource else None,
        "headers": dict(headers) if headers else None,
        "certificate": certificate,
        "sample_ratio": sample_ratio,
        "traces": traces,
        "logs": logs,
        "metrics": metrics,
        "export_timeout_s": export_timeout_s,
        "exit_timeout_s": exit_timeout_s,
        "spool": spool,
        "spool_max_bytes": spool_max_bytes,
    }
    config = configuration.load(**settings)
    from rootspan import instrument as instrumentation

    chosen = instrumentation.resolve(instrument)
    if _captured:
        # Under rootspan.testing.capture() the program's own init() must not send to anywhere.
        return
    with _lock:
        if _pipeline is not None:
            if _inherited:
                # A spawned child has its parent's settings already; that it asks for them is no mistake.
                _inherited = False
                return
            _logger.warning("rootspan.init() was called again; the settings of the first call stay")
            return
        for problem in config.problems:
            _logger.warning("%s", problem)
        if config.disabled:
            return
        try:
            _pipeline = _build(config)
        except Exception as err:
            _logger.warning(
                "rootspan could not start, the program runs untraced: %s: %s", type(err).__name__, err
            )
            return
        _hook_process()
        _settings = {**settings, "instrument": chosen, "baggage": tuple(baggage)}
    _take_context_along(baggage)
    instrumentation.switch_on(chosen)


def flush(timeout_s: float = 5.0) -> bool:
    """Wait until everything made so far was delivered.

    Returns:
        True when it was; False when `timeout_s` passed or something was lost. True without `init()`.
    """
    pipeline = _pipeline
    return True if pipeline is None else pipeline.flush(timeout_s)


def shutdown(timeout_s: float | None = None) -> Delivery:
    """Deliver what can be delivered in time and stop. Runs at exit by itself; safe to call twice or before
    init().

    Args:
        timeout_s: The limit; None takes `exit_timeout_s` of `init()`.

    Returns:
        What was delivered and what was dropped. Losses are also told in one log line.
    """
    global _pipeline, _last_delivery
    with _lock:
        pipeline, _pipeline = _pipeline, None
    if pipeline is None:
        return _last_delivery
    try:
        _last_delivery = pipeline.close(pipeline.config.exit_timeout_s if timeout_s is None else timeout_s)
    except Exception as err:
        _logger.warning("rootspan could not shut down cleanly: %s: %s", type(err).__name__, err)
        return _last_delivery
    if _last_delivery.n_dropped or _last_delivery.spooled:
        _logger.warning(
            "rootspan, collector %s: %s", pipeline.config.target.address, _last_delivery.sentence()
        )
    return _last_delivery


def delivery() -> Delivery:
    """What was delivered and what was dropped so far, without waiting."""
    pipeline = _pipeline
    return _last_delivery if pipeline is None else pipeline.delivery()


def settings() -> Mapping[str, Any] | None:
    """What `init()` was called with, for a child process to be set up alike; None where it was not."""
    return None if _pipeline is None else _settings


def inherit(settings: Mapping[str, Any]) -> None:
    """Set this process up like its parent, unless it did so itself. Its own `init()` then changes nothing."""
    global _inherited
    if _pipeline is None:
        init(**settings)
        _inherited = True
        _end_with_multiprocessing()


def set_captured(captured: bool) -> bool:
    """Have `init()` set up nothing, for tests. Returns whether a pipeline is running already."""
    global _captured
    _captured = captured
    return _pipeline is not None


def _take_context_along(baggage: Sequence[str]) -> None:
    from rootspan.context import launch

    launch.adopt()
    if baggage:
        from opentelemetry import trace

        from rootspan.context.baggage_processor import BaggageProcessor

        add = getattr(trace.get_tracer_provider(), "add_span_processor", None)
        if add is not None:
            add(BaggageProcessor(baggage))


def _build(config: configuration.Config) -> Pipeline:
    if "grpc" not in sys.modules:
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")
    from rootspan.pipeline import Pipeline

    return Pipeline(config)


def _hook_process() -> None:
    """Register exit and fork handlers, once. They find the pipeline of the moment."""
    global _hooked
    if _hooked:
        return
    _hooked = True
    atexit.register(shutdown)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        # A fork server's child runs no exit handlers either.
        _finalize_multiprocessing_child(_shutdown_token)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )


def _before_fork() -> None:
    _lock.acquire()
    if _pipeline is not None:
        _pipeline.before_fork()


def _after_fork_in_parent() -> None:
    if _pipeline is not None:
        _pipeline.after_fork_in_parent()
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    if _pipeline is not None:
        _pipeline.after_fork_in_child()
    _end_with_multiprocessing()


def _end_with_multiprocessing() -> None:
    # multiprocessing ends its children by os._exit and runs no exit handlers, only its own finalizers, which
    # it clears just before it runs these callbacks.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_shutdown_token, _finalize_multiprocessing_child)


class _Token:
    """Keeps multiprocessing's weak registry entry alive as long as this module lives."""


_shutdown_token = _Token()


def _finalize_multiprocessing_child(_token: object) -> None:
    from multiprocessing import util

    util.Finalize(None, shutdown, exitpriority=-100)
