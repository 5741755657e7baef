"""The file of tenants: who may send, how they prove it, and how much. Read at the start and when it changes.

    [tenants.search]
    token_sha256 = ["…64 hex digits…"]        # of a bearer token: printf %s "$TOKEN" | sha256sum
    certificates = ["search.example"]         # common or alternative names of client certificates
    max_bytes_per_s = 20_000_000
    max_items_per_s = 50_000

Tokens are kept and compared as digests, so the file tells nobody how to send.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rootspan_collector.errors import ConfigurationError, Unauthenticated
from rootspan_collector.senders.caller import ANONYMOUS, Tenant
from rootspan_collector.senders.quota import Quota, SharedLevels

__all__ = ["Everyone", "Tenants", "TenantsFile"]

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS = {"token_sha256", "certificates", "max_bytes_per_s", "max_items_per_s"}
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class _Book:
    by_token: Mapping[str, Tenant]
    by_certificate: Mapping[str, Tenant]


class Tenants:
    """Tells who a sender is, as a seam. `needs_proof` is False if nobody has to say."""

    needs_proof = True

    def identify(self, authorization: str | None, certificate_names: Iterable[str] = ()) -> Tenant:
        """Return the tenant of an Authorization header or of a verified client certificate.

        Raises:
            Unauthenticated: Neither names one.
        """
        raise NotImplementedError

    def refresh(self) -> None:
        """Take changes over. Never raises: a broken file leaves things as they are."""


class Everyone(Tenants):
    """No tenants: every sender is the same anonymous one."""

    needs_proof = False

    def identify(self, authorization: str | None, certificate_names: Iterable[str] = ()) -> Tenant:
        """See `Tenants.identify`."""
        del authorization, certificate_names
        return ANONYMOUS


class TenantsFile(Tenants):
    """Tenants of a TOML file.

    Args:
        path: The file.
        shared: Folder in which quotas are kept that other processes take from, too; None: this one's alone.

    Raises:
        ConfigurationError: The file cannot be read or understood.
    """

    def __init__(self, path: Path, *, shared: Path | None = None) -> None:
        self._path = path
        self._shared = shared
        self._lock = threading.Lock()
        self._quotas: dict[tuple[str, float | None, float | None], Quota] = {}
        self._seen = self._stamp()
        self._book = self._read()

    def identify(self, authorization: str | None, certificate_names: Iterable[str] = ()) -> Tenant:
        """See `Tenants.identify`. A token that is given counts, whatever the certificate says."""
        book = self._book
        if authorization is not None:
            if authorization[: len(_BEARER)].lower() != _BEARER:
                raise Unauthenticated("authorization is not `Bearer TOKEN`")
            # Digests are looked up: how long that takes says nothing about the token.
            digest = hashlib.sha256(authorization[len(_BEARER) :].strip().encode()).hexdigest()
            tenant = book.by_token.get(digest)
            if tenant is None:
                raise Unauthenticated("the bearer token is not known here")
            return tenant
        for name in certificate_names:
            tenant = book.by_certificate.get(name)
            if tenant is not None:
                return tenant
        raise Unauthenticated(
            "who sends this? give `authorization: Bearer TOKEN`, or a client certificate of a tenant"
        )

    def refresh(self) -> None:
        """See `Tenants.refresh`."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._book = self._read()
            _LOG.info("tenants read again from %s", self._path)
        except ConfigurationError as err:
            _LOG.error("tenants stay as they were: %s", err)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    def _read(self) -> _Book:
        try:
            content = tomllib.loads(self._path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
            raise ConfigurationError(f"tenants file {self._path} cannot be read: {err}") from err
        tables = content.get("tenants")
        if not isinstance(tables, dict) or not tables or len(content) > 1:
            raise ConfigurationError(f"{self._path}: expected tables [tenants.NAME] and nothing else")
        by_token: dict[str, Tenant] = {}
        by_certificate: dict[str, Tenant] = {}
        for name, fields in tables.items():
            tenant = self._tenant(name, fields)
            for digest in _texts(self._path, name, fields, "token_sha256"):
                if not _DIGEST.fullmatch(digest):
                    raise ConfigurationError(
                        f"{self._path}: {name}: token_sha256 {digest!r} is not 64 hex digits"
                    )
                _bind(by_token, digest, tenant, self._path)
            for certificate in _texts(self._path, name, fields, "certificates"):
                _bind(by_certificate, certificate, tenant, self._path)
        return _Book(by_token, by_certificate)

    def _tenant(self, name: str, fields: object) -> Tenant:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{self._path}: tenant {name!r} is not {_NAME.pattern}")
        if not isinstance(fields, dict) or fields.keys() - _KEYS:
            raise ConfigurationError(f"{self._path}: {name}: expected {', '.join(sorted(_KEYS))}")
        rates = [fields.get(key) for key in ("max_bytes_per_s", "max_items_per_s")]
        for rate in rates:
            if rate is not None and not (isinstance(rate, int | float) and rate > 0):
                raise ConfigurationError(f"{self._path}: {name}: a limit is {rate!r}, not a number above 0")
        if rates == [None, None]:
            return Tenant.named(name)
        # Kept when the file is read again: writing a comment into it must not fill everybody's bucket.
        key = (name, rates[0], rates[1])
        if key not in self._quotas:
            levels = None
            if self._shared is not None:
                levels = SharedLevels(self._shared / f"quota-{name}-{rates[0]}-{rates[1]}")
            self._quotas[key] = Quota(bytes_per_s=rates[0], items_per_s=rates[1], levels=levels)
        return Tenant.named(name, self._quotas[key])


def _texts(path: Path, name: str, fields: Mapping[str, object], key: str) -> list[str]:
    found = fields.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigurationError(f"{path}: {name}: {key} is not a list of strings")
    return found


def _bind(book: dict[str, Tenant], proof: str, tenant: Tenant, path: Path) -> None:
    other = book.setdefault(proof, tenant)
    if other is not tenant:
        raise ConfigurationError(f"{path}: {other.name} and {tenant.name} share a token or certificate")
