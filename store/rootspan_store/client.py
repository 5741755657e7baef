"""How everything but the engine itself reaches ClickHouse: a URL, a client, and errors sorted by what to do.

Speaks HTTP through clickhouse-connect, to the embedded store and to a ClickHouse server alike. Opens
connections only when told to.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote, urlsplit

from rootspan_store.errors import StoreConfigError, StoreRejected, StoreUnreachable
from rootspan_store.settings import require_identifier

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["StoreUrl", "connect", "store_errors", "wait_ready"]

_DEFAULT_PORTS = {"http": 8123, "https": 8443}
_PING_TIMEOUT_S = 2.0
_PING_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where the store is: `http://[user:password@]host:port/database`, or https.

    Attributes:
        host: Name or address, IPv6 without brackets.
        database: Plain identifier; `otel` when the URL names none.
        secure: Whether to use TLS.
    """

    host: str
    port: int
    user: str = "default"
    password: str = ""
    database: str = "otel"
    secure: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL.

        Raises:
            StoreConfigError: It is not of that form.
        """
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError as error:
            raise StoreConfigError(f"store URL {text!r}: {error}") from error
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
            raise StoreConfigError(
                f"store URL {_without_password(text)!r} is not http[s]://[user:password@]host:port/database"
            )
        try:
            database = require_identifier(unquote(parts.path.strip("/")) or "otel", "database")
        except ValueError as error:
            raise StoreConfigError(f"store URL: {error}") from error
        return cls(
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=database,
            secure=parts.scheme == "https",
        )

    @property
    def base(self) -> str:
        """Scheme, host and port: `http://127.0.0.1:8123`. Holds no secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    def with_database(self, database: str) -> "StoreUrl":
        """Return the same server with another database."""
        return replace(self, database=require_identifier(database, "database"))

    def __str__(self) -> str:
        """Return a URL that `parse` reads back, but for the password, which it leaves out."""
        scheme, _, place = self.base.partition("://")
        user = f"{quote(self.user, safe='')}@" if self.user != "default" else ""
        return f"{scheme}://{user}{place}/{self.database}"

    def __repr__(self) -> str:
        return f"StoreUrl({str(self)!r})"


def _without_password(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    credentials, at, place = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{mark}{user}{at}{place}" if at else text


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


@cache
def _direct_pool() -> Any:
    from clickhouse_connect.driver.httputil import get_pool_manager

    return get_pool_manager()


def connect(
    url: StoreUrl | str,
    *,
    timeout_s: float = 60.0,
    connect_timeout_s: float = 5.0,
    compress: bool | None = None,
) -> "Client":
    """Return a clickhouse-connect client on the URL's database, which need not exist yet.

    The client holds no server session, so threads may share it. Its own calls raise clickhouse-connect's
    errors; wrap them in `store_errors`.

    Args:
        url: The store.
        timeout_s: Longest silence while an answer is awaited.
        connect_timeout_s: Longest wait for the connection.
        compress: Whether answers and inserts travel compressed; by default if the store is not on this
            machine.

    Raises:
        StoreConfigError: The URL is malformed.
        StoreUnreachable: Nothing answers there.
        StoreRejected: It answers, but not to these credentials.
    """
    import clickhouse_connect

    at = url if isinstance(url, StoreUrl) else StoreUrl.parse(url)
    local = _is_loopback(at.host)
    # A proxy named in the environment must not come between processes of one machine.
    options: dict[str, Any] = {"pool_mgr": _direct_pool()} if local and not at.secure else {}
    with store_errors(at):
        client = clickhouse_connect.get_client(
            host=at.host,
            port=at.port,
            username=at.user,
            password=at.password,
            secure=at.secure,
            connect_timeout=max(1, round(connect_timeout_s)),
            send_receive_timeout=max(1, round(timeout_s)),
            compress=(not local) if compress is None else compress,
            autogenerate_session_id=False,
            client_name="rootspan",
            **options,
        )
    # Named only now: the client's first questions would fail on a database that migrations have yet to
    # create.
    client.database = at.database
    return client


@contextmanager
def store_errors(url: StoreUrl | None = None) -> Iterator[None]:
    """Turn clickhouse-connect's errors into `StoreUnreachable` and `StoreRejected`.

    Raises:
        StoreUnreachable: No answer, a broken one, or a server that is overloaded.
        StoreRejected: An answer with a ClickHouse error, its code in `.code`.
    """
    from clickhouse_connect.driver.exceptions import Error

    try:
        yield
    except Error as error:
        code = getattr(error, "code", None)
        if isinstance(code, int):
            raise StoreRejected(str(error), code=code) from error
        where = f" at {url.base}" if url else ""
        raise StoreUnreachable(
            f"the store{where} does not answer: {error}; start it with `rootspan store`, or check --store"
        ) from error


def wait_ready(url: StoreUrl | str, timeout_s: float) -> None:
    """Return as soon as the store answers `/ping`.

    Raises:
        StoreUnreachable: It did not within `timeout_s`.
    """
    at = url if isinstance(url, StoreUrl) else StoreUrl.parse(url)
    opener = urllib.request.build_opener(
        *([urllib.request.ProxyHandler({})] if _is_loopback(at.host) else [])
    )
    deadline = time.monotonic() + timeout_s
    reason = "no attempt was made"
    while True:
        try:
            with opener.open(f"{at.base}/ping", timeout=_PING_TIMEOUT_S) as answer:
                answer.read()
            return
        except (OSError, urllib.error.URLError) as error:
            reason = str(error)
        if time.monotonic() >= deadline:
            raise StoreUnreachable(f"the store at {at.base} did not answer within {timeout_s:g} s: {reason}")
        time.sleep(_PING_EVERY_S)
