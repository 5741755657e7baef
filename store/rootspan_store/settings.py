"""Configuration of the store, read from keyword arguments and ROOTSPAN_* environment variables.

Every value is validated here, before any I/O. Nothing else in the package reads the environment.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rootspan_store.errors import StoreConfigError

__all__ = ["RetentionSettings", "StoreSettings", "load_retention", "parse_listen"]

_MIB = 1024 * 1024
_LISTEN = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def parse_listen(text: str) -> tuple[str, int]:
    """Split `HOST:PORT` or `[IPV6]:PORT`; an empty host is 127.0.0.1.

    Raises:
        ValueError: It is neither, or the port is above 65535.
    """
    match = _LISTEN.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8123")
    return match["v6"] or match["host"] or "127.0.0.1", int(match["port"])


def _half_of_memory_bytes() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(512 * _MIB, total // 2)


class StoreSettings(BaseSettings):
    """Settings of the embedded store (`rootspan store`)."""

    model_config = SettingsConfigDict(env_prefix="ROOTSPAN_STORE_", frozen=True, extra="forbid")

    data: Path = Field(
        default=Path("rootspan-data"), description="Folder of the database. ROOTSPAN_STORE_DATA"
    )
    http: str = Field(default="127.0.0.1:8123", description="HOST:PORT to listen on. ROOTSPAN_STORE_HTTP")
    user: str | None = Field(default=None, description="User that clients must name. None: no authentication")
    password: SecretStr | None = Field(default=None, description="That user's password")
    readonly_user: str | None = Field(default=None, description="A second user that may only read")
    readonly_password: SecretStr | None = Field(default=None, description="The read-only user's password")
    insecure: bool = Field(
        default=False,
        description="Allow listening beyond loopback without authentication. ROOTSPAN_STORE_INSECURE",
    )
    readers: int = Field(default=4, ge=1, le=64, description="Queries that run at once")
    writers: int = Field(default=2, ge=1, le=16, description="Inserts and DDL statements that run at once")
    queue_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait for a free slot before TOO_MANY_SIMULTANEOUS_QUERIES",
    )
    max_execution_time_s: float = Field(default=60.0, gt=0, le=86400, description="Longest run of one query")
    max_memory_usage_bytes: int = Field(
        default=4096 * _MIB, ge=16 * _MIB, description="Most memory that one query may use"
    )
    max_result_rows: int = Field(
        # clickhouse-connect reads system.settings (1,900 rows) when it connects.
        default=10_000_000,
        ge=10_000,
        description="Most rows that one query may return",
    )
    max_result_bytes: int = Field(
        default=4096 * _MIB, ge=_MIB, description="Most bytes that one query may return"
    )
    memory_max_bytes: int = Field(
        default_factory=_half_of_memory_bytes,
        ge=256 * _MIB,
        description="Most memory of the whole engine; default: half of this machine's",
    )
    max_query_bytes: int = Field(default=262_144, ge=1024, le=16 * _MIB, description="Longest statement")
    max_buffered_body_bytes: int = Field(
        default=64 * _MIB,
        ge=_MIB,
        description="Largest body that is held in memory (INSERT … VALUES, forms)",
    )
    client_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Longest silence of a client within a request or an answer"
    )
    session_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Idle life of a session without its own"
    )
    stop_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Time that requests in flight get to finish when the store stops",
    )
    background_threads: int = Field(
        default_factory=lambda: max(2, os.cpu_count() or 2),
        ge=1,
        le=128,
        description="Threads that merge parts",
    )
    fsync: bool = Field(
        default=True,
        description="Answer an INSERT only after its parts are fsynced; without it a power cut may lose them",
    )
    access_log: bool = Field(default=False, description="Log one line per request to stderr")

    @field_validator("http")
    @classmethod
    def _listen_is_host_and_port(cls, value: str) -> str:
        parse_listen(value)
        return value

    @model_validator(mode="after")
    def _users_are_whole(self) -> "StoreSettings":
        for user, password, name in (
            (self.user, self.password, "user"),
            (self.readonly_user, self.readonly_password, "readonly_user"),
        ):
            if (user is None) != (password is None):
                raise ValueError(f"{name} and its password must be given together")
        if self.readonly_user is not None and self.user is None:
            raise ValueError(
                "readonly_user without user would leave writing open to everyone; set user and password"
            )
        if self.readonly_user is not None and self.readonly_user == self.user:
            raise ValueError(f"readonly_user and user are both {self.user!r}; name them differently")
        return self

    @model_validator(mode="after")
    def _public_needs_authentication(self) -> "StoreSettings":
        host, _ = self.listen
        loopback = host in ("localhost", "::1") or host.startswith("127.")
        if not loopback and self.user is None and not self.insecure:
            raise ValueError(
                f"listening on {host} without authentication would let anyone read and delete the data; "
                "set ROOTSPAN_STORE_USER and ROOTSPAN_STORE_PASSWORD, or ROOTSPAN_STORE_INSECURE=1 to allow "
                "it"
            )
        return self

    @property
    def listen(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 asks the system for a free one."""
        return parse_listen(self.http)


class RetentionSettings(BaseSettings):
    """How long telemetry is kept, counted from its arrival, and what is kept for longer.

    A trace or training step is kept for longer if it failed, was slow or rare, or was part of an incident;
    see docs/retention.md.
    """

    model_config = SettingsConfigDict(env_prefix="ROOTSPAN_RETENTION_", frozen=True, extra="forbid")

    raw_days: float = Field(
        default=30, gt=0, le=3650, description="Spans, logs, points. ROOTSPAN_RETENTION_RAW_DAYS"
    )
    kept_days: int = Field(
        default=365, ge=1, le=3650, description="Traces and steps that matter. ROOTSPAN_RETENTION_KEPT_DAYS"
    )
    rollup_days: int = Field(
        default=365, ge=1, le=3650, description="Rollups. ROOTSPAN_RETENTION_ROLLUP_DAYS"
    )
    keep: bool = Field(
        default=True, description="Whether collectors copy what matters. ROOTSPAN_RETENTION_KEEP"
    )
    quiet_s: int = Field(
        default=3600,
        ge=1,
        le=86_400,
        description="How long after its arrival telemetry is judged; longer than any insert may take",
    )
    slow_factor: float = Field(
        default=1.5,
        ge=1,
        le=1000,
        description="A request is slow beyond this many times its operation's p99 of the last 7 days, a "
        "training step beyond this many times its job's median",
    )
    rare_traces: int = Field(
        default=100,
        ge=0,
        le=100_000,
        description="An operation or version is rare until 7 days have seen it in this many spans; 0: never",
    )
    ordinary_one_in: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="One in so many of all other traces is kept too, to compare with; 0: none",
    )
    incident_lead_s: int = Field(
        default=900, ge=0, le=86_400, description="What came this long before an incident is part of it"
    )

    @property
    def raw_s(self) -> int:
        """Seconds that raw rows live."""
        return round(self.raw_days * 86_400)

    @property
    def read_raw_s(self) -> int:
        """Seconds for which readers see the raw rows; then the kept ones: a little before raw rows expire."""
        return self.raw_s - min(3600, self.raw_s // 8)

    @model_validator(mode="after")
    def _fits_together(self) -> "RetentionSettings":
        if self.keep and self.raw_s < 4 * self.quiet_s:
            raise ValueError(
                f"raw_days {self.raw_days:g} ({self.raw_s} s) is less than four times quiet_s "
                f"({self.quiet_s} s): what matters could expire before it is copied; raise "
                "ROOTSPAN_RETENTION_RAW_DAYS, lower ROOTSPAN_RETENTION_QUIET_S, or set "
                "ROOTSPAN_RETENTION_KEEP=0"
            )
        if self.keep and self.kept_days < self.raw_days:
            raise ValueError(
                f"kept_days {self.kept_days} is less than raw_days {self.raw_days:g}: what is kept for "
                "longer would go first; raise ROOTSPAN_RETENTION_KEPT_DAYS"
            )
        return self


def load_retention() -> RetentionSettings:
    """Read ROOTSPAN_RETENTION_* from the environment.

    Raises:
        StoreConfigError: One of them cannot be used; the message says which, and what would do.
    """
    try:
        return RetentionSettings()
    except ValidationError as error:
        raise StoreConfigError("; ".join(_words_of(fault) for fault in error.errors())) from error


def _words_of(fault: Mapping[str, Any]) -> str:
    said = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return said
    return f"ROOTSPAN_RETENTION_{str(fault['loc'][0]).upper()} = {fault['input']}: {said}"


def require_identifier(name: str, what: str) -> str:
    """Return `name` if it is a plain SQL identifier; anything else would have to be quoted everywhere.

    Raises:
        ValueError: It is not.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(
            f"{what} {name!r} must be letters, digits and underscores, and not start with a digit"
        )
    return name
