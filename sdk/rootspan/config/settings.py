"""What `init()` was told, from arguments and environment, checked before anything starts.

Owns defaults, units, names of environment variables and their precedence (argument, then environment, then
default). Does no I/O and knows nothing of OpenTelemetry's objects.

A wrong argument is the developer's and raises `ConfigurationError`. A wrong environment variable is the
operator's and must not stop the program: the default is used and the problem is listed in `Config.problems`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rootspan.config.environment import Environment
from rootspan.config.targets import Target, read_target
from rootspan.errors import ConfigurationError

_SCALAR = (str, bool, int, float)
AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]

DEFAULT_SPOOL_BYTES = 64 << 20
MAX_EXIT_TIMEOUT_S = 5.0
"""Also the default. A process that hangs longer than this at its end gets killed by what supervises it."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of one signal's queue between the program and the exporter thread."""

    max_items: int
    max_batch: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class Config:
    """Everything `init()` needs, valid by construction of `load()`.

    Attributes:
        service: `service.name`, or None where OTEL_RESOURCE_ATTRIBUTES or OpenTelemetry's default decides.
        target: Where spans go; log records and metrics go to the other two, mostly the same.
        resource: Attributes given as an argument; they win over detected ones and over the environment.
        sample_ratio: Share of traces kept, in (0, 1]; None leaves OTEL_TRACES_SAMPLER in charge.
        recorded_ratio: The ratio in force, for the resource; None where no ratio is.
        exit_timeout_s: How long the process may take to end because of us, 0 to 5.
        spool: Folder for requests that cannot be sent, or None.
        disabled: OTEL_SDK_DISABLED; nothing is set up at all.
        problems: One line for each environment variable that could not be used.
    """

    service: str | None
    target: Target
    logs_target: Target
    metrics_target: Target
    resource: Mapping[str, AttributeValue]
    sample_ratio: float | None
    recorded_ratio: float | None
    traces: bool
    logs: bool
    metrics: bool
    spans: QueueLimits
    log_records: QueueLimits
    metric_interval_s: float
    exit_timeout_s: float
    spool: str | None
    spool_max_bytes: int
    disabled: bool
    problems: tuple[str, ...]


def load(
    service: str | None = None,
    endpoint: str | None = None,
    *,
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
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Merge arguments and environment into a checked configuration.

    Raises:
        ConfigurationError: An argument is out of its limits or of the wrong kind.
    """
    env = Environment(os.environ if environ is None else environ)
    if service is not None and (not isinstance(service, str) or not service.strip()):
        raise ConfigurationError(
            f"service is {service!r}: give the name of this service, e.g. service='ranker'"
        )
    if sample_ratio is not None and not 0 < sample_ratio <= 1:
        raise ConfigurationError(
            f"sample_ratio is {sample_ratio!r}: give the share of traces to keep, 0 < ratio <= 1"
        )
    _refuse_outside("export_timeout_s", export_timeout_s, low=0.001, high=600)
    _refuse_outside("exit_timeout_s", exit_timeout_s, low=0, high=MAX_EXIT_TIMEOUT_S)
    if spool_max_bytes is not None and (isinstance(spool_max_bytes, bool) or spool_max_bytes < 1):
        raise ConfigurationError(
            f"spool_max_bytes is {spool_max_bytes!r}: give the size of the spool, 1 or more"
        )
    for key, value in (resource or {}).items():
        if not isinstance(key, str) or not key or not _is_attribute(value):
            raise ConfigurationError(
                f"resource[{key!r}] is {value!r}: use str, bool, int, float or a sequence of one of them"
            )
    traces_to, logs_to, metrics_to = (
        read_target(
            env,
            signal,
            endpoint=endpoint,
            headers=headers,
            certificate=certificate,
            export_timeout_s=export_timeout_s,
        )
        for signal in ("TRACES", "LOGS", "METRICS")
    )
    return Config(
        service=service or env.text("OTEL_SERVICE_NAME"),
        target=traces_to,
        logs_target=logs_to,
        metrics_target=metrics_to,
        resource=MappingProxyType(dict(resource or {})),
        sample_ratio=sample_ratio,
        recorded_ratio=_recorded_ratio(env, sample_ratio),
        traces=_wanted(env, "OTEL_TRACES_EXPORTER", traces),
        logs=_wanted(env, "OTEL_LOGS_EXPORTER", logs),
        metrics=_wanted(env, "OTEL_METRICS_EXPORTER", metrics),
        spans=_limits(env, "OTEL_BSP", delay_ms=1000),
        log_records=_limits(env, "OTEL_BLRP", delay_ms=1000),
        metric_interval_s=env.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000, low=10) / 1e3,
        exit_timeout_s=(
            env.number("ROOTSPAN_EXIT_TIMEOUT_S", MAX_EXIT_TIMEOUT_S, low=0, high=MAX_EXIT_TIMEOUT_S)
            if exit_timeout_s is None
            else float(exit_timeout_s)
        ),
        spool=os.fspath(spool) if spool is not None else env.text("ROOTSPAN_SPOOL_DIR"),
        spool_max_bytes=spool_max_bytes
        or int(env.number("ROOTSPAN_SPOOL_MAX_BYTES", DEFAULT_SPOOL_BYTES, low=1)),
        disabled=env.flag("OTEL_SDK_DISABLED", default=False),
        # A variable for all signals is read three times and told once.
        problems=tuple(dict.fromkeys(env.problems)),
    )


def _limits(env: Environment, prefix: str, *, delay_ms: float) -> QueueLimits:
    max_items = int(env.number(f"{prefix}_MAX_QUEUE_SIZE", 8192, low=1))
    max_batch = int(env.number(f"{prefix}_MAX_EXPORT_BATCH_SIZE", 512, low=1))
    delay_s = env.number(f"{prefix}_SCHEDULE_DELAY", delay_ms, low=1) / 1e3
    return QueueLimits(max_items=max_items, max_batch=min(max_batch, max_items), delay_s=delay_s)


def _wanted(env: Environment, name: str, argument: bool | None) -> bool:
    if argument is not None:
        return argument
    exporter = env.text(name, "otlp").lower()
    if exporter not in ("otlp", "none"):
        env.problem(name, exporter, "rootspan exports otlp or none", "otlp")
    return exporter != "none"


def _recorded_ratio(env: Environment, sample_ratio: float | None) -> float | None:
    if sample_ratio is not None:
        return float(sample_ratio)
    if env.text("OTEL_TRACES_SAMPLER", "").lower().endswith("traceidratio"):
        return env.number("OTEL_TRACES_SAMPLER_ARG", 1.0, low=0, high=1)
    return None


def _is_attribute(value: object) -> bool:
    if isinstance(value, _SCALAR):
        return True
    return isinstance(value, Sequence) and all(isinstance(item, _SCALAR) for item in value)


def _refuse_outside(name: str, value: float | None, *, low: float, high: float) -> None:
    if value is not None and (isinstance(value, bool) or not low <= value <= high):
        raise ConfigurationError(f"{name} is {value!r}: give seconds from {low:g} to {high:g}")
