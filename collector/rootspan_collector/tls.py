"""TLS of both receivers, from files that may change while the collector runs.

A new certificate is taken over for new connections once its files fit together: gRPC asks at each handshake,
HTTP's is looked at once a second. A new list of client authorities comes with them.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc

from rootspan_collector.errors import ConfigurationError

__all__ = ["TlsFiles"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Stamp:
    times_ns: tuple[int, ...]


class TlsFiles:
    """A certificate chain, its key, and the authorities that client certificates must come from.

    Args:
        client_authorities: None: clients need no certificate.

    Raises:
        ConfigurationError: A file is missing, unreadable, or does not fit the others.
    """

    def __init__(self, certificate: Path, key: Path, client_authorities: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._authorities = client_authorities
        self._lock = threading.Lock()
        try:
            self._grpc_seen = self._stamp()
            self._http_seen = self._grpc_seen
            self._http_shown = self._load()
            self.context = self._load()
            # A context in use is never loaded again: a load that fails halfway leaves it without a key.
            self.context.sni_callback = self._show
        except (OSError, ValueError) as err:
            raise ConfigurationError(
                f"TLS cannot be used with {certificate}, {key}"
                f"{f', {client_authorities}' if client_authorities else ''}: {err}"
            ) from err

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files."""
        return grpc.dynamic_ssl_server_credentials(
            self._grpc_configuration(),
            # None means "no change", which the stubs do not know.
            cast("Callable[[], grpc.ServerCertificateConfiguration]", self._fetch),
            require_client_authentication=self._authorities is not None,
        )

    def refresh(self) -> None:
        """Take changed files over for HTTP. Never raises: broken ones leave things as they are."""
        try:
            stamp = self._stamp()
            if stamp == self._http_seen:
                return
            self._http_seen = stamp
            self._http_shown = self._load()
            _LOG.info("TLS certificate read again from %s", self._certificate)
        except (OSError, ValueError) as err:
            _LOG.error("TLS certificate stays as it was: %s", err)

    def _load(self) -> ssl.SSLContext:
        """Return a new context with what the files hold; raises if they do not fit."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self._authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if self._authorities is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self._certificate, self._key)
        return context

    def _show(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        """Called by HTTP's context at each handshake, with a server name or without."""
        connection.context = self._http_shown

    def _grpc_configuration(self) -> grpc.ServerCertificateConfiguration:
        authorities = self._authorities.read_bytes() if self._authorities is not None else None
        pair = (self._key.read_bytes(), self._certificate.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=authorities)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC at each handshake; None keeps what it has."""
        try:
            with self._lock:
                stamp = self._stamp()
                if stamp == self._grpc_seen:
                    return None
                # A key that does not fit its certificate would make gRPC refuse everybody.
                self._load()
                configuration = self._grpc_configuration()
                self._grpc_seen = stamp
                return configuration
        except (OSError, ValueError) as err:
            _LOG.error("TLS certificate stays as it was: %s", err)
            return None

    def _stamp(self) -> _Stamp:
        files = [self._certificate, self._key, *([self._authorities] if self._authorities else [])]
        return _Stamp(tuple(file.stat().st_mtime_ns for file in files))
