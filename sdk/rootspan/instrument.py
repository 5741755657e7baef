"""Switches on OpenTelemetry's official instrumentations, and ours beside them.

Owns the list of names `init(instrument=[...])` knows, and which extra brings each. A name that is unknown
or not installed raises at once; an instrumentation that fails to start is told and left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rootspan.errors import ConfigurationError, MissingExtraError

_logger = logging.getLogger("rootspan")
AUTO = "auto"
"""Stands for every name whose libraries are installed, but for those that do not suit every process."""


def _always() -> bool:
    return True


def _is_rank() -> bool:
    """Whether a launcher of ranks started this process; elsewhere torch would be imported for nothing."""
    from rootspan.resource.job import detect

    return detect() is not None


def _when_named() -> bool:
    """Only when asked for: GPUs are the host's, and one process of it should tell of them."""
    return False


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """One library that can be traced.

    Attributes:
        modules: What must be installed: the library, and OpenTelemetry's instrumentation of it.
        extra: The extra that brings them; empty where nothing is needed.
        switch_on: The function that does it, as `module:function`; imported when it is asked for.
        auto: Whether "auto" means it in this process.
    """

    modules: tuple[str, ...]
    extra: str
    switch_on: str
    auto: Callable[[], bool] = _always


def resolve(names: Sequence[str]) -> tuple[str, ...]:
    """The names to switch on, each once; "auto" stands for all that are installed.

    Raises:
        ConfigurationError: A name is not known, or a string other than "auto" was given where a list belongs.
        MissingExtraError: The package behind a name is not installed.
    """
    if isinstance(names, str):
        if names != AUTO:
            raise ConfigurationError(f"instrument is {names!r}: give a list, instrument=[{names!r}]")
        names = (names,)
    chosen: list[str] = []
    for name in names:
        if name == AUTO:
            chosen += [known for known, one in KNOWN.items() if not _missing(one) and one.auto()]
            continue
        if name not in KNOWN:
            raise ConfigurationError(
                f'instrument names {name!r}: use "auto" or any of {", ".join(map(repr, KNOWN))}'
            )
        missing = _missing(KNOWN[name])
        if missing:
            extra = KNOWN[name].extra
            raise MissingExtraError(
                f"instrument names {name!r}, but {missing} is not installed: pip install 'rootspan[{extra}]'",
                extra=extra,
            )
        chosen.append(name)
    return tuple(dict.fromkeys(chosen))


def switch_on(names: Sequence[str]) -> None:
    """Switch each on, once a process; what fails is told and left out."""
    for name in names:
        if name in _switched_on:
            continue
        module, _, function = KNOWN[name].switch_on.partition(":")
        try:
            getattr(importlib.import_module(module), function)()
            _switched_on.add(name)
        except Exception as err:
            _logger.warning("rootspan could not instrument %s: %s: %s", name, type(err).__name__, err)


_switched_on: set[str] = set()


def _missing(one: Instrumentation) -> str | None:
    return next((module for module in one.modules if not is_installed(module)), None)


def is_installed(module: str) -> bool:
    """Whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # a parent package is missing, or the module is a stand-in
        return False


KNOWN: Mapping[str, Instrumentation] = {
    "grpc": Instrumentation(
        ("opentelemetry.instrumentation.grpc",), "grpc", "rootspan.integrations.grpc:install"
    ),
    "requests": Instrumentation(
        ("requests", "opentelemetry.instrumentation.requests"),
        "http",
        "rootspan.integrations.http_client:install_requests",
    ),
    "httpx": Instrumentation(
        ("httpx", "opentelemetry.instrumentation.httpx"),
        "http",
        "rootspan.integrations.http_client:install_httpx",
    ),
    "redis": Instrumentation(
        ("redis", "opentelemetry.instrumentation.redis"), "redis", "rootspan.integrations.redis:install"
    ),
    "torch": Instrumentation(("torch",), "torch", "rootspan.training.watch:watch", _is_rank),
    "nvml": Instrumentation(("pynvml",), "gpu", "rootspan.gpu.watch:watch", _when_named),
    "threads": Instrumentation((), "", "rootspan.integrations.threads:install"),
    "multiprocessing": Instrumentation((), "", "rootspan.integrations.processes:install"),
    "structlog": Instrumentation(("structlog",), "logs", "rootspan.logs.structlog:install"),
    "loguru": Instrumentation(("loguru",), "logs", "rootspan.logs.loguru:install"),
}
"""Libraries by the name `init()` takes."""
