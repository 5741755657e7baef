"""The collector's settings: typed, documented, validated at once and before any I/O."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rootspan_collector.errors import ConfigurationError
from rootspan_store.client import StoreUrl
from rootspan_store.errors import StoreConfigError
from rootspan_store.rules import Rule, RuleSet
from rootspan_store.rules.model import check_rules
from rootspan_store.settings import parse_listen

__all__ = ["MOST_WORKERS", "CollectorSettings", "load_settings", "settings_schema"]

_MIB = 1024 * 1024
MOST_WORKERS = 64
"""Each entry of what workers share has a byte for its owner; nobody has needed more."""


class CollectorSettings(BaseSettings):
    """What a collector is told. Each field `x` is read from the environment as `ROOTSPAN_X`."""

    model_config = SettingsConfigDict(env_prefix="ROOTSPAN_", frozen=True, extra="forbid")

    store: str = Field(
        default="http://127.0.0.1:8123/otel",
        description=(
            "http(s)://[user:password@]host:port/database of ClickHouse. It may be down when the "
            "collector starts"
        ),
    )
    collector_grpc: str = Field(
        default="127.0.0.1:4317", description="HOST:PORT for OTLP/gRPC; port 0 asks the system for a free one"
    )
    collector_http: str = Field(
        default="127.0.0.1:4318",
        description="HOST:PORT for OTLP/HTTP and Prometheus' /metrics; port 0: a free one, empty: none",
    )
    collector_tls_certificate: Path | None = Field(
        default=None, description="PEM chain that both receivers show; it may be replaced while they run"
    )
    collector_tls_key: Path | None = Field(default=None, description="PEM key of that certificate")
    collector_tls_client_ca: Path | None = Field(
        default=None, description="PEM authorities; senders must show a certificate that one of them signed"
    )
    collector_tenants: Path | None = Field(
        default=None,
        description=(
            "TOML file of tenants: tokens, certificates and quotas. With it, senders must say who they are"
        ),
    )
    collector_regions: Path | None = Field(
        default=None,
        description=(
            "TOML file of regions: data goes to the store of its resource's cloud.region, and to no other"
        ),
    )
    collector_insecure: bool = Field(
        default=False, description="Allow listening beyond loopback without knowing who sends"
    )
    collector_wal: Path = Field(
        default=Path("rootspan-data/wal"), description="Folder of the write-ahead log; one collector each"
    )
    wal_max_bytes: int = Field(
        default=4096 * _MIB,
        ge=8 * _MIB,
        description=(
            "Most bytes that wait in the log, all signals together; beyond it senders are told to come back"
        ),
    )
    wal_segment_bytes: int = Field(
        default=128 * _MIB,
        ge=64 * 1024,
        le=512 * _MIB,
        description=(
            "A segment is sent to the store once it is this large; an insert takes about ten times as much "
            "memory there"
        ),
    )
    wal_segment_age_s: float = Field(
        default=1.0,
        ge=0.01,
        le=60,
        description="A smaller segment is sent at this age, if the writer is idle",
    )
    wal_newest_first: bool = Field(
        default=False,
        description=(
            "After an outage of the store, store what came last first, and what waited by and by. The log "
            "frees its bytes only when the oldest is through; nearly full, it goes oldest first"
        ),
    )
    wal_fsync: Literal["always", "interval", "never"] = Field(
        default="always",
        description=(
            "always: an acknowledgement waits for fsync, which many requests share. interval: fsync once a "
            "second. never: when the system likes. Without always, losing power loses acknowledged data"
        ),
    )
    collector_max_message_bytes: int = Field(
        default=16 * _MIB, ge=64 * 1024, le=256 * _MIB, description="Largest request, uncompressed"
    )
    collector_body_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="Longest time for a request's body to arrive over HTTP"
    )
    collector_threads: int = Field(
        default=16, ge=1, le=256, description="Requests handled at once; each waits for an fsync"
    )
    collector_workers: int = Field(
        default=1,
        ge=1,
        le=MOST_WORKERS,
        description=(
            "Processes that share the ports, each with a log of its own; they know each other's requests. "
            "wal_max_bytes is divided among them"
        ),
    )
    collector_reuse_port: bool = Field(
        default=False,
        description="Share the port with other collectors (SO_REUSEPORT), each with a log of its own",
    )
    collector_repeat_window_s: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description=(
            "A request sent again within this time (the same bytes) is acknowledged and not stored again; "
            "0 stores every copy"
        ),
    )
    collector_repeat_window_requests: int = Field(
        default=262_144,
        ge=2,
        le=16_777_216,
        description="Most requests of a signal that are remembered for it, about 100 bytes each",
    )
    collector_store_timeout_s: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description=(
            "Longest wait for the store's answer to one insert; repeating it later stores nothing twice"
        ),
    )
    collector_stop_grace_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Time to store what is pending when told to stop; the rest stays in the log",
    )
    collector_migrate_on_start: bool = Field(
        default=True, description="Apply the schema's migrations, and rules, before the first insert"
    )
    rules: tuple[Rule, ...] | None = Field(
        default=None,
        max_length=200,
        description=(
            "Rules that redact, hash, remove, rename, drop and sample, in order, for the whole store. "
            "Not given: those that are in force stay; an empty list ends them"
        ),
    )
    rules_key: SecretStr | None = Field(
        default=None, description="Secret of rules that hash, 16 or more characters"
    )

    @field_validator("collector_grpc", "collector_http")
    @classmethod
    def _is_host_and_port(cls, value: str, info: ValidationInfo) -> str:
        if value or info.field_name == "collector_grpc":
            parse_listen(value)
        return value

    @field_validator("store")
    @classmethod
    def _store_is_an_url(cls, value: str) -> str:
        try:
            StoreUrl.parse(value)
        except StoreConfigError as err:
            raise ValueError(str(err)) from err
        return value

    @model_validator(mode="after")
    def _log_holds_segments(self) -> CollectorSettings:
        least = 2 * (self.wal_segment_bytes + self.collector_max_message_bytes) * self.collector_workers
        if self.wal_max_bytes < least:
            each = f" for each of {self.collector_workers} workers" if self.collector_workers > 1 else ""
            raise ValueError(
                f"wal_max_bytes {self.wal_max_bytes} is less than two segments and messages{each} ({least}): "
                "raise ROOTSPAN_WAL_MAX_BYTES or lower ROOTSPAN_WAL_SEGMENT_BYTES"
            )
        return self

    @model_validator(mode="after")
    def _rules_fit_together(self) -> CollectorSettings:
        check_rules(self.rules or (), self.rules_key)
        if self.rules and not self.collector_migrate_on_start:
            raise ValueError(
                "rules come into force with the migrations, which collector_migrate_on_start = false leaves "
                "to others: leave `rules` away here, and run `rootspan migrate --rules FILE`"
            )
        return self

    @model_validator(mode="after")
    def _strangers_need_leave(self) -> CollectorSettings:
        if (self.collector_tls_certificate is None) != (self.collector_tls_key is None):
            raise ValueError(
                "a certificate needs its key and the other way round: set ROOTSPAN_COLLECTOR_TLS_*"
            )
        if self.collector_tls_client_ca is not None and self.collector_tls_certificate is None:
            raise ValueError("collector_tls_client_ca needs ROOTSPAN_COLLECTOR_TLS_CERTIFICATE and _KEY")
        knows_senders = self.collector_tenants is not None or self.collector_tls_client_ca is not None
        if knows_senders or self.collector_insecure:
            return self
        for name in ("collector_grpc", "collector_http"):
            value = getattr(self, name)
            if value and not _is_loopback(parse_listen(value)[0]):
                raise ValueError(
                    f"{name} {value} takes data from anyone who can reach it: name tenants "
                    "(ROOTSPAN_COLLECTOR_TENANTS) or client authorities "
                    "(ROOTSPAN_COLLECTOR_TLS_CLIENT_CA), or allow it with --insecure "
                    "(ROOTSPAN_COLLECTOR_INSECURE=1)"
                )
        return self

    @property
    def store_url(self) -> StoreUrl:
        """The parsed store URL."""
        return StoreUrl.parse(self.store)

    @property
    def rule_set(self) -> RuleSet | None:
        """The rules that are to be in force; None: whichever are."""
        return None if self.rules is None else RuleSet(rules=self.rules, rules_key=self.rules_key)

    @property
    def grpc_listen(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return parse_listen(self.collector_grpc)

    @property
    def http_listen(self) -> tuple[str, int] | None:
        """Host and port for HTTP; None: not at all."""
        return parse_listen(self.collector_http) if self.collector_http else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(**given: object) -> CollectorSettings:
    """Build settings from what is given (None: not given), the environment and the defaults, in this order.

    Raises:
        ConfigurationError: One line a fault, each naming the setting.
    """
    try:
        return CollectorSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as err:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}" for fault in err.errors()
        )
        raise ConfigurationError("; ".join(faults)) from err


def settings_schema() -> dict[str, object]:
    """Return the JSON schema of a configuration file: every setting with its bounds, default and meaning."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | CollectorSettings.model_json_schema()
