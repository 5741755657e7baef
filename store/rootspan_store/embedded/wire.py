"""Reads a request of ClickHouse's HTTP interface: what is a setting, a parameter, or an order to the server.

Pure: text in, dataclasses out. Raises ClickHouse's own errors for what the embedded store cannot do.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from rootspan_store.errors import EngineError
from rootspan_store.settings import StoreSettings

__all__ = ["Access", "QueryRequest", "authenticate", "parse_request"]

# Orders to the HTTP server, not settings of the query. Those that ask for progress or buffering have nothing
# to do here: an answer starts only when its first block is ready, and errors before that are proper HTTP
# errors.
_IGNORED = frozenset(
    {
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "http_headers_progress_interval_ms",
        "http_zlib_compression_level",
        "quota_key",
        "send_progress_in_http_headers",
        "stacktrace",
    }
)
_CREDENTIALS = frozenset({"user", "password"})
_EXTERNAL_DATA = ("_structure", "_types", "_format")


class Access(Enum):
    """What a client may do."""

    FULL = "full"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """One request, without its body.

    Attributes:
        query: The statement, or its beginning, from the URL or a form.
        database: Current database, None for the session's or the default.
        settings: Settings for this query, as text.
        params: Values bound by `{name:Type}`, as the client escaped them.
        default_format: Output format if the statement names none.
        compressed: Whether the answer may be compressed.
        whole: Whether to wait for the end of the result before answering, so that no error comes after the
            headers.
    """

    query: str = ""
    database: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    default_format: str = "TabSeparated"
    compressed: bool = False
    whole: bool = False
    session_id: str | None = None
    session_timeout_s: float | None = None
    session_check: bool = False
    query_id: str | None = None


def _on(value: str | None) -> bool:
    return value is not None and value.lower() in ("1", "true", "yes")


def parse_request(items: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> QueryRequest:
    """Sort the URL's (and a form's) parameters.

    Args:
        items: Names and values in order; a later one wins.
        headers: The request's headers, names in lower case.

    Raises:
        EngineError: 48 for native compression, external data and roles.
    """
    fields = dict(items)
    for name in ("compress", "decompress"):
        if _on(fields.pop(name, None)):
            raise _unsupported(f"{name}=1 (native compression); use Content-Encoding and Accept-Encoding")
    if "role" in fields:
        raise _unsupported("role=")
    for name in fields:
        if name.endswith(_EXTERNAL_DATA) and f"{name.rsplit('_', 1)[0]}_structure" in fields:
            raise _unsupported("external data")
    settings, params = {}, {}
    for name, value in fields.items():
        if name.startswith("param_"):
            params[name[len("param_") :]] = value
        elif name not in _IGNORED and name not in _CREDENTIALS and name not in _OWN:
            settings[name] = value
    timeout = fields.get("session_timeout")
    return QueryRequest(
        query=fields.get("query", ""),
        database=headers.get("x-clickhouse-database") or fields.get("database") or None,
        settings=settings,
        params=params,
        default_format=headers.get("x-clickhouse-format") or fields.get("default_format") or "TabSeparated",
        compressed=_on(fields.get("enable_http_compression")),
        whole=_on(fields.get("wait_end_of_query")),
        session_id=fields.get("session_id") or None,
        session_timeout_s=_seconds(timeout) if timeout else None,
        session_check=_on(fields.get("session_check")),
        query_id=fields.get("query_id") or None,
    )


_OWN = frozenset(
    {
        "query",
        "database",
        "default_format",
        "enable_http_compression",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "wait_end_of_query",
    }
)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 3600:
        raise EngineError.of(
            374,
            "INVALID_SESSION_TIMEOUT",
            f"session_timeout {text!r} is not a number of seconds from 1 to 3600",
        )
    return value


def _unsupported(what: str) -> EngineError:
    return EngineError.of(48, "NOT_IMPLEMENTED", f"The embedded store does not support {what}")


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(token, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def authenticate(fields: Mapping[str, str], headers: Mapping[str, str], settings: StoreSettings) -> Access:
    """Tell what the client may do, from HTTP Basic, X-ClickHouse-User and -Key, or user= and password=.

    Without a configured user everyone has full access, whatever they name (the server then listens on
    loopback, or was told to be open).

    Raises:
        EngineError: 516, no or wrong credentials.
    """
    if settings.user is None or settings.password is None:
        return Access.FULL
    user = headers.get("x-clickhouse-user")
    given = (
        (user, headers.get("x-clickhouse-key", ""))
        if user is not None
        else _basic(headers.get("authorization", ""))
    )
    if given is None and "user" in fields:
        given = (fields["user"], fields.get("password", ""))
    if given is not None:
        if _same(given, settings.user, settings.password.get_secret_value()):
            return Access.FULL
        if settings.readonly_user is not None and settings.readonly_password is not None:
            secret = settings.readonly_password.get_secret_value()
            if _same(given, settings.readonly_user, secret):
                return Access.READ_ONLY
    name = given[0] if given else "default"
    raise EngineError.of(
        516,
        "AUTHENTICATION_FAILED",
        f"{name}: Authentication failed: password is incorrect, or there is no user with such name",
    )


def _same(given: tuple[str, str], user: str, password: str) -> bool:
    # Both are compared in constant time, always: an early end would tell which names exist.
    user_ok = hmac.compare_digest(given[0].encode(), user.encode())
    password_ok = hmac.compare_digest(given[1].encode(), password.encode())
    return user_ok and password_ok
