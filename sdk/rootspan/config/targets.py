"""Where each signal goes and how it is secured, from arguments and OTEL_EXPORTER_OTLP_* variables.

Owns the reading of endpoints and headers, and their precedence: argument, then the signal's own variable,
then the one for all signals, then the default. Does no I/O; paths of PEM files are read when a channel opens.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from rootspan.config.environment import Environment
from rootspan.errors import ConfigurationError

DEFAULT_ENDPOINT = "http://localhost:4317"
DEFAULT_PORT = 4317
_PREFIX = "OTEL_EXPORTER_OTLP"


@dataclass(frozen=True, slots=True)
class Target:
    """Where OTLP/gRPC goes and how it is secured.

    Paths name PEM files; they are read when the channel opens.
    """

    address: str
    insecure: bool
    certificate: str | None
    client_key: str | None
    client_certificate: str | None
    headers: tuple[tuple[str, str], ...]
    gzip: bool
    timeout_s: float


def read_target(
    env: Environment,
    signal: str,
    *,
    endpoint: str | None,
    headers: Mapping[str, str] | None,
    certificate: str | os.PathLike[str] | None,
    export_timeout_s: float | None,
) -> Target:
    """Where one signal goes; what cannot be used of the environment is listed there.

    Args:
        env: The variables.
        signal: TRACES, LOGS or METRICS.
        endpoint: Argument for all signals; so are the others.
        headers: Added to those of the environment.
        certificate: PEM file.
        export_timeout_s: Limit of one export.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    def name(setting: str) -> str:
        own = f"{_PREFIX}_{signal}_{setting}"
        return own if env.text(own) is not None else f"{_PREFIX}_{setting}"

    protocol = env.text(name("PROTOCOL"), "grpc")
    if protocol != "grpc":
        env.problem(name("PROTOCOL"), protocol, "rootspan speaks grpc only", "grpc")
    # OpenTelemetry's Python exporters read this variable in seconds, whatever the specification says.
    timeout_s = export_timeout_s or env.number(name("TIMEOUT"), 10, low=0.001, high=600)
    pem = os.fspath(certificate) if certificate is not None else env.text(name("CERTIFICATE"))
    insecure_by_name = env.flag(name("INSECURE"), default=pem is None)
    if endpoint is not None:
        address, insecure = parse_endpoint(endpoint)
    else:
        given = env.text(name("ENDPOINT"), DEFAULT_ENDPOINT)
        try:
            address, insecure = parse_endpoint(given)
        except ConfigurationError as err:
            env.problem(name("ENDPOINT"), given, str(err), DEFAULT_ENDPOINT)
            address, insecure = parse_endpoint(DEFAULT_ENDPOINT)
    compression = env.text(name("COMPRESSION"), "none")
    if compression not in ("none", "gzip"):
        env.problem(name("COMPRESSION"), compression, "not gzip or none", "none")
    merged = dict(_parse_headers(env, name("HEADERS")))
    for header, value in (headers or {}).items():
        if not isinstance(header, str) or not isinstance(value, str):
            raise ConfigurationError(
                f"headers[{header!r}] is {type(value).__name__}: names and values are strings"
            )
        merged[header.lower()] = value
    return Target(
        address=address,
        insecure=insecure_by_name if insecure is None else insecure,
        certificate=pem,
        client_key=env.text(name("CLIENT_KEY")),
        client_certificate=env.text(name("CLIENT_CERTIFICATE")),
        headers=tuple(merged.items()),
        gzip=compression == "gzip",
        timeout_s=float(timeout_s),
    )


def parse_endpoint(endpoint: str) -> tuple[str, bool | None]:
    """Split an endpoint into gRPC's `host:port` and whether its scheme says plain text.

    Returns:
        The address and True for `http://`, False for `https://`, None where no scheme decides.

    Raises:
        ConfigurationError: It is no endpoint.
    """
    help_text = "use host:port, http://host:port or https://host:port, e.g. localhost:4317"
    if not isinstance(endpoint, str) or not endpoint.strip():
        raise ConfigurationError(f"endpoint is {endpoint!r}: {help_text}")
    text = endpoint.strip()
    if text.startswith("unix:"):
        return text, True
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise ConfigurationError(f"endpoint is {endpoint!r}: {err}; {help_text}") from err
    strange = parts.scheme not in ("", "http", "https") or parts.path not in ("", "/") or port == 0
    if strange or not host or any(ch.isspace() for ch in host):
        raise ConfigurationError(f"endpoint is {endpoint!r}: {help_text}")
    bracketed = f"[{host}]" if ":" in host else host
    insecure = {"http": True, "https": False}.get(parts.scheme)
    return f"{bracketed}:{port or DEFAULT_PORT}", insecure


def _parse_headers(env: Environment, name: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for item in env.text(name, "").split(","):
        header, separator, value = item.partition("=")
        if not item.strip():
            continue
        if not separator or not header.strip():
            # The value may be a token: only the name is told.
            env.problem(name, header.strip(), "an item is no name=value", "the rest of it")
            continue
        found[unquote(header).strip().lower()] = unquote(value).strip()
    return found
